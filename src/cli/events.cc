#include <algorithm>
#include <map>
#include <ostream>

#include "cli/commands.h"

namespace reeve::cli {
namespace {

/// A place in a JSON value: "run.error".
std::string text_at(const json::value& value, std::string_view path) {
  const auto* at = &value;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const auto* object = at->if_object();
    at = object != nullptr ? object->if_contains(path.substr(0, dot)) : nullptr;
    if (at == nullptr) return {};
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  if (at->is_string()) return std::string(at->get_string());
  return at->is_null() ? std::string() : write_json(*at);
}

/// What a person wants to see of each kind's payload.
std::string gist(std::string_view kind, const json::value& payload) {
  static const std::map<std::string_view, std::string_view> kShown{
      {"AgentSpawned", "agent.cli"},
      {"AgentStateChanged", "to"},
      {"AgentStopped", "reason"},
      {"AgentNeedsAttention", "reason"},
      {"TaskCreated", "task.text"},
      {"TaskProgressed", "text"},
      {"TaskCompleted", "result"},
      {"TaskFailed", "error"},
      {"MessageSent", "message.text"},
      {"MessageDeadLettered", "reason"},
      {"MessageWithdrawn", "reason"},
      {"SessionStarted", "session"},
      {"RunStarted", "run.permissions"},
      {"RunStopRequested", "reason"},
      {"RunCompleted", "text"},
      {"RunFailed", "error"},
      {"RunCancelled", "error"},
      {"AssistantMessage", "text"},
      {"ToolCallReady", "arguments"},
      {"ToolCallDone", "result"},
      {"ToolCallRejected", "result"},
      {"ToolCallSuspended", "suspension.message"},
      {"ToolPermissionRequested", "suspension.message"},
      {"ToolCallCancelled", "reason"},
      {"ErrorRecorded", "message"},
      {"Notice", "text"},
      {"RawLine", "line"},
      {"TextDelta", "delta"},
      {"ReasoningDelta", "delta"},
      {"RateLimited", "message"},
      {"PermissionDenied", "reason"},
      {"UsageRecorded", "usage"},
      {"DaemonStarted", "version"},
      {"DaemonStopped", "reason"},
      {"LogTruncated", "events"},
      {"PayloadsPruned", "events"},
      {"TownCreated", "name"},
      {"AgentStopRequested", "reason"},
      {"WebhookAdded", "webhook.origin"},
      {"WebhookDisabled", "reason"},
      {"WebhookRemoved", "webhook"},
      {"WebhookEnabled", "webhook"}};
  const auto shown = kShown.find(kind);
  auto text = shown == kShown.end() ? std::string() : text_at(payload, shown->second);
  if (kind == "ToolCallReady") text = text_at(payload, "name") + " " + text;
  if (kind == "DaemonStarted") {
    const auto found = text_at(payload, "rounds_found");
    if (!found.empty() && found != "0") text += ", takes up running rounds: " + found;
  }
  if (kind == "RunFailed") text = text_at(payload, "code") + (text.empty() ? "" : ": " + text);
  return text;
}

Colour colour_of_kind(std::string_view kind) {
  if (kind.ends_with("Completed")) return Colour::green;
  if (kind.ends_with("Failed") || kind == "ErrorRecorded" || kind == "MessageDeadLettered")
    return Colour::red;
  if (kind.starts_with("Run") || kind.starts_with("Daemon")) return Colour::blue;
  if (kind.starts_with("Task") || kind.starts_with("Message")) return Colour::yellow;
  return Colour::none;
}

class Events final : public Command {
  void declare(Options& options) override {
    options.flag("-f,--follow", follow_, "Go on with what happens, until interrupted");
    options.value("--after", query_.after, "A cursor: go on behind it");
    options.flag("--all", all_, "From the beginning of the log");
    options.values("--scope", query_.scopes,
                   "town, agent:NAME, task:ID, run:ID, thread:ID (repeatable)");
    options.values("--kind", query_.kinds,
                   "Only events of this kind, e.g. TaskCompleted (repeatable)");
    options.number("-n,--limit", limit_, "How many of the newest");
    options.flag("--deltas", query_.deltas, "With --follow: token by token, too");
  }

  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    // Names of agents instead of ids; those that come later are looked up when they are seen.
    if (!session.json) learn_names(*client);
    if (!follow_)
      return all_ || !query_.after.empty() ? print_all(session, *client)
                                           : print_latest(session, *client);
    if (!all_ && query_.after.empty()) {
      auto shown = print_latest(session, *client);
      if (!shown) return shown;
    }
    return client->follow(
        query_, [&](const std::string& name, const std::string& data, const std::string& cursor) {
          print_frame(session, *client, name, data, cursor);
          return session.out.good();
        });
  }

  void learn_names(client::Client& client) {
    names_[supervisor_id().str()] = kSupervisor;
    if (auto agents = client.agents()) {
      for (const auto& view : *agents) names_[view.agent.id.str()] = view.agent.name;
    }
  }

  /// An agent that is not known by then is called by its id's first digits.
  std::string name_of(client::Client& client, const std::string& id) {
    if (id == kSupervisor) return id;
    auto& name = names_[id];
    if (name.empty()) {
      learn_names(client);
      if (name.empty()) name = id.substr(0, 4);
    }
    return name;
  }

  Status print_latest(Session& session, client::Client& client) {
    auto query = query_;
    query.latest = std::clamp<std::size_t>(limit_, 1, 1000);
    auto events = client.events(query);
    if (!events) return fail(events.error());
    for (const auto& event : events->events) print_event(session, client, event, "");
    query_.after = events->cursor;
    return {};
  }

  Status print_all(Session& session, client::Client& client) {
    auto query = query_;
    for (;;) {
      auto page = client.events(query);
      if (!page) return fail(page.error());
      for (const auto& event : page->events) print_event(session, client, event, "");
      if (page->cursor == query.after) return {};
      query.after = page->cursor;
    }
  }

  void print_frame(Session& session, client::Client& client, const std::string& name,
                   const std::string& data, const std::string& cursor) {
    if (name == "event") {
      print_event(session, client, data, cursor);
    } else if (session.json) {
      if (name == "progress") return;
      session.print("{\"frame\":\"" + name + "\"," + data.substr(1));
    } else if (name == "delta") {
      if (auto value = parse_json(data)) {
        session.print(session.paint(
            Colour::dim,
            "         ~ " + one_line(gist(text_at(*value, "kind"), value->at("payload")), 96)));
      }
    } else if (name == "gap") {
      session.print(session.paint(Colour::dim, "         ~ some deltas were too fast to show"));
    }
  }

  void print_event(Session& session, client::Client& client, const std::string& text,
                   const std::string& cursor) {
    if (session.json) {
      session.print(cursor.empty()
                        ? text
                        : text.substr(0, text.size() - 1) + ",\"cursor\":\"" + cursor + "\"}");
      return;
    }
    auto value = parse_json(text);
    if (!value) return;
    const auto kind = text_at(*value, "kind");
    const auto time = text_at(*value, "time");
    std::string who;
    if (kind == "MessageSent") {
      who = name_of(client, text_at(*value, "payload.message.from")) + ">" +
            name_of(client, text_at(*value, "payload.message.to"));
    } else if (const auto* scopes = value->as_object().if_contains("scopes");
               scopes != nullptr && scopes->is_array()) {
      for (const auto& scope : scopes->get_array()) {
        const auto id = std::string(scope.as_string());
        if (!id.starts_with("agent:")) continue;
        who += (who.empty() ? "" : ",") + name_of(client, id.substr(6));
      }
    }
    auto padded = kind;
    padded.resize(std::max<std::size_t>(padded.size(), 20), ' ');
    who.resize(std::max<std::size_t>(who.size(), 14), ' ');
    session.print(session.paint(Colour::dim, time.size() > 19 ? time.substr(11, 8) : time) + " " +
                  session.paint(colour_of_kind(kind), padded) + " " + who + " " +
                  one_line(gist(kind, value->at("payload")), 96));
  }

  bool follow_ = false;
  bool all_ = false;
  std::uint64_t limit_ = 20;
  client::Client::EventQuery query_;
  std::map<std::string, std::string> names_;
};

}  // namespace

std::unique_ptr<Command> make_events() { return make_command<Events>(); }

}  // namespace reeve::cli
