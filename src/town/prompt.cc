#include "town/prompt.h"

#include <fmt/format.h>

#include <algorithm>

#include "town/task_steps.h"

namespace reeve::town {
namespace {

constexpr std::size_t kMostMessages = 32;
constexpr std::size_t kMostText = 4 << 20;

bool carries_task(const Message& message) { return brings_task(message); }

std::string_view heading(const Letter& letter) {
  switch (letter.message.type) {
    case MessageType::task: return "asks you to do this";
    case MessageType::query: return "asks you";
    case MessageType::confirmation: return "confirms";
    case MessageType::status_request: return "asks for your status";
    case MessageType::task_done:
    case MessageType::task_failed: return "reports on a task that you gave";
    default: return "writes";
  }
}

}  // namespace

std::vector<Message> choose_messages(const std::vector<Message>& waiting) {
  // The first message that starts a round always comes along, however many wait before it.
  const auto starter = std::ranges::find_if(
      waiting, [](const Message& message) { return starts_round(message.type); });
  if (starter == waiting.end()) return {};
  std::vector<Message> chosen;
  bool task = carries_task(*starter);
  std::size_t count = 1;
  std::size_t text = starter->text.size();
  bool full = false;
  for (auto message = waiting.begin(); message != waiting.end(); ++message) {
    if (message == starter) {
      chosen.push_back(*message);
      continue;
    }
    if (full || (task && carries_task(*message))) continue;
    full = count == kMostMessages || text + message->text.size() > kMostText;
    if (full) continue;
    task = task || carries_task(*message);
    ++count;
    text += message->text.size();
    chosen.push_back(*message);
  }
  return chosen;
}

std::string write_prompt(const Briefing& briefing) {
  auto out =
      fmt::format("You are {}, an agent of the town {}.\n", briefing.agent.name, briefing.town);
  if (briefing.agent.role) out += fmt::format("Your role: {}.\n", *briefing.agent.role);
  if (briefing.stopped) {
    out +=
        fmt::format("\nYour last round was stopped before it ended ({}): go on where you were.\n",
                    briefing.stopped->empty() ? "interrupted" : *briefing.stopped);
  }
  if (briefing.task) {
    out += fmt::format("\n# Your task ({})\n\n{}\n", briefing.task->id.str(), briefing.task->text);
    if (briefing.task->progress)
      out += fmt::format("\nYou reported before: {}\n", *briefing.task->progress);
  }
  bool first = true;
  for (const auto& letter : briefing.letters) {
    if (letter.message.type == MessageType::task_assign) continue;  // its text is the task's
    if (first) out += "\n# Messages\n";
    first = false;
    out += fmt::format("\n{}{} {}:\n{}\n",
                       letter.message.priority == Priority::urgent ? "URGENT: " : "", letter.from,
                       heading(letter), letter.message.text);
    if (letter.message.type == MessageType::query) {
      out += fmt::format("(answer with: reeve send {} --info \"...\")\n", letter.from);
    }
  }
  out += "\n# How to report\n\nThe command `reeve` is on your PATH and knows who you are.\n";
  if (briefing.task) {
    const auto id = briefing.task->id.str();
    out += fmt::format(
        "- When the task is done: reeve task complete {0} --result \"one line\"\n"
        "- When it cannot be done: reeve task fail {0} \"why\"\n"
        "- When it goes on after this round: reeve task progress {0} \"where you are\"\n",
        id);
    if (briefing.agent.completes == Completes::success) {
      out +=
          "Without any of these the task counts as done when you finish, with your last words as "
          "its result.\n";
    }
  }
  out +=
      "- To another agent: reeve send NAME \"...\" (--query asks, --info tells); who is there: "
      "reeve list\n"
      "- To the people who run this town: reeve send supervisor --query \"...\"\n";
  return out;
}

}  // namespace reeve::town
