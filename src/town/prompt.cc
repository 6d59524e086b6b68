#include "town/prompt.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "town/mailbox.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

constexpr std::size_t kMostMessages = 32;
constexpr std::size_t kMostText = 4 << 20;

bool carries_task(const Message& message) { return brings_task(message); }

/// The sender, what they do, and whatever belongs to it.
std::string heading(const Letter& letter) {
  const auto& message = letter.message;
  const auto says = [&](std::string_view what) { return fmt::format("{} {}", letter.from, what); };
  switch (message.type) {
    case MessageType::task: return says("asks you to do this");
    case MessageType::query: return says("asks you");
    case MessageType::confirmation:
      return message.ack
                 ? fmt::format("{} confirms ({})", letter.from, enum_name(message.ack->kind))
                 : says("confirms");
    case MessageType::task_done: return says("says that a task is done");
    case MessageType::task_failed: return says("says that a task has failed");
    case MessageType::status_response: return says("tells its status");
    case MessageType::pong: return says("is there");
    case MessageType::custom:
      return fmt::format("{} sends you this ({})", letter.from, message.kind.value_or("custom"));
    default: break;
  }
  if (!letter.answers) return says("writes");
  // A reminder: the agent wrote it.
  constexpr std::size_t kReminder = 1000;
  const auto asked = head_of(*letter.answers, kReminder);
  return fmt::format("{} answers what you wrote (\"{}{}\")", letter.from, asked,
                     asked.size() < letter.answers->size() ? "..." : "");
}

std::string_view urgency(Priority priority) {
  switch (priority) {
    case Priority::urgent: return "URGENT: ";
    case Priority::high: return "Important: ";
    case Priority::low: return "Not important: ";
    case Priority::normal: break;
  }
  return "";
}

}  // namespace

std::vector<Message> choose_messages(const std::vector<Message>& waiting) {
  // The first message that starts a round always comes along, however many wait before it.
  const auto next = std::ranges::find_if(waiting, [](const Message& message) {
    return run::is_reason(message) && !only_when_idle(message);
  });
  const auto starter =
      next != waiting.end() ? next : std::ranges::find_if(waiting, &run::is_reason);
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
    if (full || only_when_idle(*message) || (task && carries_task(*message))) continue;
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
    if (briefing.task->left_open > 0 && briefing.task->reported != briefing.task->run)
      out += "\nYour last round left it open and did not say why.\n";
  }
  bool first = true;
  for (const auto& letter : briefing.letters) {
    if (letter.message.type == MessageType::task_assign) continue;  // its text is the task's
    if (first) out += "\n# Messages\n";
    first = false;
    out += fmt::format("\n{}{}:\n{}\n", urgency(letter.message.priority), heading(letter),
                       letter.message.text);
    if (letter.message.type == MessageType::query)
      out += fmt::format("(answer with: reeve reply {} \"...\")\n", letter.message.id.str());
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
      "- To another agent: reeve send NAME \"...\" (--query asks, and the answer comes in a later "
      "round; --info tells); reeve ask NAME \"...\" waits for the answer; who is there: reeve "
      "list\n"
      "- To the people who run this town: reeve send supervisor --query \"...\"\n";
  return out;
}

}  // namespace reeve::town
