#include <algorithm>
#include <ostream>

#include "cli/commands.h"
#include "cli/event_sentence.h"
#include "cli/event_text.h"
#include "model/fact.h"

namespace reeve::cli {
namespace {

constexpr std::uint64_t kMost = 1000;

/// "2026-11-21 13:59:45": UTC, as in the log.
std::string moment(std::string time) {
  time.resize(std::min<std::size_t>(time.size(), 19));
  if (time.size() > 10) time[10] = ' ';
  return time;
}

/// A fact of the town, told.
struct Told {
  std::uint64_t position = 0;
  std::string time;
  std::string kind;
  std::string text;
  /// Of a round: how long it took, or has taken so far.
  std::optional<std::int64_t> duration_ms;
};
BOOST_DESCRIBE_STRUCT(Told, (), (position, time, kind, text, duration_ms))

class Teller {
 public:
  explicit Teller(client::Client& client) : client_(client) { names_.learn(client); }

  Told tell(const json::value& event) {
    Told told;
    told.time = text_at(event, "time");
    told.kind = text_at(event, "kind");
    static_cast<void>(read_json(event.at("position"), told.position));
    const auto name_of = [this](const std::string& id) { return names_.of(client_, id); };
    told.text = sentence(told.kind, event.at("payload"), name_of);
    return told;
  }

 private:
  client::Client& client_;
  AgentNames names_;
};

/// The town's own facts, and what an import told of another program's.
std::vector<std::string> told_kinds() {
  auto kinds = fact_kinds();
  kinds.emplace_back("ImportedEvent");
  return kinds;
}

Result<std::vector<json::value>> newest(client::Client& client, std::vector<std::string> scopes,
                                        std::vector<std::string> kinds, std::uint64_t count) {
  client::Client::EventQuery query;
  query.scopes = std::move(scopes);
  query.kinds = std::move(kinds);
  query.latest = std::min(count, kMost);
  auto page = client.events(query);
  if (!page) return fail(page.error());
  std::vector<json::value> events;
  for (const auto& text : page->events) {
    if (auto event = parse_json(text)) events.push_back(std::move(*event));
  }
  return events;
}

void print(Session& session, const std::vector<Told>& all, std::string_view nothing) {
  if (session.json) {
    session.print_json(all);
    return;
  }
  if (all.empty()) session.err << nothing << '\n';
  for (const auto& told : all) {
    auto line = session.paint(Colour::dim, moment(told.time)) + "  " + told.text;
    if (told.duration_ms) line += " (" + age(Duration(*told.duration_ms)) + ")";
    session.print(line);
  }
}

class History final : public Command {
  void declare(Options& options) override {
    options.limit("-n,--limit", limit_, "How many of the newest, at most 1000");
    options.values("-a,--agent", agents_, "Only what is about this agent (repeatable)");
    options.values("--scope", scopes_,
                   "Only what is about it: agent:NAME, task:ID, run:ID, thread:ID (repeatable)");
  }
  Status run(Session& session) override {
    if (limit_ > kMost)
      return fail(Errc::invalid_argument, "--limit: at most 1000; reeve events --all has them all");
    auto client = session.client();
    if (!client) return fail(client.error());
    for (const auto& agent : agents_) scopes_.push_back("agent:" + agent);
    const auto events = newest(*client, scopes_, told_kinds(), limit_);
    if (!events) return fail(events.error());
    std::vector<Told> all;
    Teller teller(*client);
    for (const auto& event : *events) all.push_back(teller.tell(event));
    print(session, all, "nothing has happened yet");
    return {};
  }
  std::uint64_t limit_ = 30;
  std::vector<std::string> agents_;
  std::vector<std::string> scopes_;
};

/// What an agent has done, and what was done to it. A round is told once, when it is over.
bool is_activity(std::string_view kind) {
  if (kind == "TaskCreated" || kind == "MessagesReturned" || kind == "MessagesHandled")
    return false;
  return kind.starts_with("Agent") || kind.starts_with("Task") || kind.starts_with("Message") ||
         kind == "RunCompleted" || kind == "RunFailed" || kind == "RunCancelled" ||
         kind == "RunSilent" || kind == "ConductorEscalation" || kind == "ImportedEvent";
}

/// The message that brings a task is told as the task.
bool brings_task(const json::value& event) {
  return text_at(event, "kind") == "MessageSent" &&
         text_at(event, "payload.message.type") == "task_assign";
}

class Activity final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "Name, id, or the id's first digits");
    options.limit("-n,--limit", limit_, "How many of the newest, at most 200");
  }
  Status run(Session& session) override {
    constexpr std::uint64_t kLimit = 200;
    if (limit_ > kLimit) return fail(Errc::invalid_argument, "--limit: at most 200");
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto view = client->agent(agent_);
    if (!view) return fail(view.error());
    std::vector<std::string> kinds;
    for (auto& kind : told_kinds()) {
      if (is_activity(kind)) kinds.push_back(std::move(kind));
    }
    // With room for what is left out.
    auto events = newest(*client, {"agent:" + view->agent.id.str()}, kinds, 2 * limit_ + 10);
    if (!events) return fail(events.error());
    std::erase_if(*events, brings_task);
    if (events->size() > limit_)
      events->erase(events->begin(), events->end() - static_cast<std::ptrdiff_t>(limit_));
    std::vector<Told> all;
    Teller teller(*client);
    for (const auto& event : *events) {
      all.push_back(teller.tell(event));
      if (all.back().kind.starts_with("Run") && all.back().kind != "RunSilent")
        all.back().duration_ms = duration_of(*client, text_at(event, "payload.run"));
    }
    if (view->agent.current_run) all.push_back(current_round(*client, view->agent));
    print(session, all, view->agent.name + " has done nothing yet");
    return {};
  }

  static std::optional<std::int64_t> duration_of(client::Client& client, const std::string& run) {
    const auto known = client.run(run);
    if (!known || !known->document || !known->document->ended_at) return std::nullopt;
    return (*known->document->ended_at - known->document->started_at).count();
  }
  static Told current_round(client::Client& client, const Agent& agent) {
    Told told{.kind = "RunStarted", .text = agent.name + " is in a round"};
    if (const auto known = client.run(agent.current_run->str()); known && known->document) {
      const auto began = known->document->started_at;
      const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
      told.time = to_rfc3339(began);
      told.duration_ms = (now - began).count();
    }
    return told;
  }

  std::string agent_;
  std::uint64_t limit_ = 10;
};

}  // namespace

std::unique_ptr<Command> make_history() { return make_command<History>(); }
std::unique_ptr<Command> make_activity() { return make_command<Activity>(); }

}  // namespace reeve::cli
