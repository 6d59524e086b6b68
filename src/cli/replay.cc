#include "client/replay.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ostream>
#include <thread>

#include "cli/commands.h"
#include "cli/event_text.h"
#include "cli/town_text.h"
#include "model/town_at.h"

namespace reeve::cli {
namespace {

/// Of a list that is not the answer but a part of it.
constexpr std::size_t kShown = 50;

/// As fast as it happened is 1. Nothing: without a pause. invalid_argument: another text.
Result<std::optional<double>> parse_speed(const std::string& text) {
  if (text == "max") return std::nullopt;
  double speed = -1;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, speed);
  if (error != std::errc() || stop != end || !std::isfinite(speed) || speed < 0) {
    return fail(Errc::invalid_argument,
                "--speed: expected 1, 10, 0.5, ..., or max, not \"" + text + "\"");
  }
  return speed == 0 ? std::optional<double>() : speed;
}

/// A scope as people name it: agents by their name, tasks by their first digits.
Result<Scope> find_scope(client::Client& client, const std::string& text) {
  if (text.empty()) return Scope::town();
  if (text.starts_with("agent:")) {
    const auto view = client.agent(text.substr(6));
    if (!view) return fail(view.error());
    return Scope::of(view->agent.id);
  }
  if (text.starts_with("task:")) {
    const auto view = client.task(text.substr(5));
    if (!view) return fail(view.error());
    return Scope::of(view->task.id);
  }
  return Scope::parse(text);
}

/// The answer for programs; behind it come the documents.
struct View {
  std::string name;
  Position position;
  std::string cursor;
  std::optional<Time> time;
  api::TaskCounts tasks;
  std::vector<api::AgentView> agents;
  std::int64_t supervisor_inbox = 0;
};
BOOST_DESCRIBE_STRUCT(View, (), (name, position, cursor, time, tasks, agents, supervisor_inbox))

/// Prints a town that was folded, or what of it is about a scope.
class Printer {
 public:
  Printer(Session& session, const client::Replayed& town, const Scope& scope)
      : session_(session), town_(town), scope_(scope) {}

  void json() {
    auto at = town_at(town_.fold, scope_);
    auto text = write_json_of(View{.name = town_.name,
                                   .position = town_.fold.position(),
                                   .cursor = town_.cursor,
                                   .time = town_.time,
                                   .tasks = at.tasks,
                                   .agents = std::move(at.agents),
                                   .supervisor_inbox = at.supervisor_inbox});
    text.back() = ',';
    session_.print(text + "\"documents\":" + documents_json(documents_about(town_.fold, scope_)) +
                   '}');
  }

  void text() {
    const auto at = town_at(town_.fold, scope_);
    session_.out << session_.paint(Colour::bold, town_.name) << "  as it was behind event "
                 << town_.fold.position().value;
    if (town_.time) session_.out << ", at " << to_rfc3339(*town_.time);
    session_.out << '\n' << session_.paint(Colour::dim, town_.cursor) << '\n';
    print_counts(session_, at.tasks, at.supervisor_inbox);
    if (!at.agents.empty()) {
      session_.out << '\n';
      print_agents(session_, at.agents);
      print_notes(session_, at.agents);
    }
    tasks();
    messages();
    runs();
  }

 private:
  /// Of the whole town what is not over; of a part of it everything.
  template <class D>
  std::vector<const D*> shown() const {
    std::vector<const D*> docs;
    for (const auto& [id, doc] : town_.fold.all<D>()) {
      if (!is_about(doc, scope_)) continue;
      if constexpr (std::same_as<D, Message>) {
        if (scope_.is_town() && doc.state != MessageState::queued) continue;
      } else {
        if (scope_.is_town() && is_ended(doc.state)) continue;
      }
      docs.push_back(&doc);
    }
    return docs;
  }
  template <class T>
  void heading(const char* text, std::vector<T>& rows) {
    session_.out << '\n' << session_.paint(Colour::bold, text);
    if (rows.size() > kShown) {
      session_.out << ": " << kShown << " of " << rows.size() << " (--json has all)";
      rows.resize(kShown);
    }
    session_.out << '\n';
  }
  [[nodiscard]] std::string name_of(const std::optional<AgentId>& id) const {
    if (!id) return "-";
    if (*id == supervisor_id()) return std::string(kSupervisor);
    const auto* agent = town_.fold.find<Agent>(*id);
    return agent != nullptr ? agent->name : id->short_str();
  }

  void tasks() {
    auto docs = shown<Task>();
    if (docs.empty()) return;
    std::ranges::sort(docs, std::greater(), [](const Task* task) { return task->created_at; });
    std::vector<api::TaskView> rows;
    for (const auto* task : docs) rows.push_back({.task = *task, .agent = name_of(task->agent)});
    heading("tasks", rows);
    print_tasks(session_, rows);
  }

  void messages() {
    std::map<AgentId, std::vector<Message>> boxes;
    for (const auto* message : shown<Message>()) {
      auto copy = *message;
      const auto from = AgentId::parse(copy.from);
      if (from) copy.from = name_of(*from);
      boxes[message->to].push_back(std::move(copy));
    }
    for (auto& [to, rows] : boxes) {
      std::ranges::sort(rows, {}, &Message::created_at);
      heading(("messages to " + name_of(to)).c_str(), rows);
      print_messages(session_, rows);
    }
  }

  void runs() {
    auto docs = shown<reeve::Run>();
    if (docs.empty()) return;
    std::ranges::sort(docs, std::greater(), [](const reeve::Run* run) { return run->started_at; });
    heading("runs", docs);
    Table table;
    for (const auto* run : docs) {
      const auto state = enum_name(run->state);
      auto what = run->state == RunState::failed ? run->code + ": " + run->error : run->text;
      if (what.empty() && run->task) what = "task " + run->task->short_str();
      table.row({run->id.short_str(), session_.paint(colour_of_state(state), state),
                 name_of(run->agent), to_rfc3339(run->started_at), one_line(what, 56)});
    }
    table.print(session_.out);
  }

  Session& session_;
  const client::Replayed& town_;
  const Scope& scope_;
};

class Replay final : public Command {
  void declare(Options& options) override {
    options.value("--until", until_,
                  "A cursor, a position, a time (2026-11-21T14:17:38Z), or how long ago (90s, 2h); "
                  "now if absent");
    options.value("--scope", scope_, "Only what is about agent:NAME, task:ID, run:ID or thread:ID");
    options.value("--speed", speed_,
                  "Show each event: 1 as fast as it happened, 10 ten times faster, 0 or max "
                  "without pauses. No pause is longer than 3 seconds");
  }

  Status run(Session& session) override {
    const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    std::optional<client::Moment> until;
    if (!until_.empty()) {
      auto moment = client::parse_moment(until_, now);
      if (!moment) return fail(moment.error().during("--until"));
      until = *moment;
    }
    std::optional<double> speed;
    if (speed_) {
      const auto parsed = parse_speed(*speed_);
      if (!parsed) return fail(parsed.error());
      speed = *parsed;
    }
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto scope = find_scope(*client, scope_);
    if (!scope) return fail(scope.error());

    EventLines lines;
    std::optional<Time> last;
    const auto show = [&](const Event& event) {
      if (!scope->is_town() && std::ranges::find(event.scopes, *scope) == event.scopes.end())
        return true;
      if (last && speed)
        std::this_thread::sleep_for(client::pause_between(*last, event.time, *speed));
      last = event.time;
      const auto text = event_json(event);
      session.print(session.json ? text : lines.line(session, *client, text));
      return session.out.good();
    };
    const auto town =
        client::replay(*client, until, speed_ ? client::OnEvent(show) : client::OnEvent());
    if (!town) return fail(town.error());
    Printer printer(session, *town, *scope);
    if (session.json) {
      printer.json();
      return {};
    }
    if (last) session.out << '\n';
    printer.text();
    return {};
  }

  std::string until_;
  std::string scope_;
  std::optional<std::string> speed_;
};

}  // namespace

std::unique_ptr<Command> make_replay() { return make_command<Replay>(); }

}  // namespace reeve::cli
