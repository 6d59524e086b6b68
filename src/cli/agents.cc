#include <cstdlib>
#include <ostream>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/event_text.h"
#include "cli/town_text.h"

namespace reeve::cli {
namespace {

class Spawn final : public Command {
  void declare(Options& options) override {
    options.positional("NAME", request_.name, "The agent's name");
    options.value("-c,--cli", request_.cli,
                  "A preset (claude, codex, gemini, qwen, opencode, pi, ...) or a command");
    options.values("--arg", request_.args,
                   "An argument for the CLI, passed on as it is (repeatable)");
    options.values("--env", env_,
                   "A variable for the CLI: NAME=VALUE, or NAME as it is set here (repeatable)");
    options.value("-m,--model", request_.model, "The model, where the CLI takes one");
    options.value("--role", request_.role, "What it is for, in its prompt");
    options.value("--nickname", request_.nickname, "Another name that it goes by");
    options.value("--parent", request_.parent,
                  "The agent that it comes from; inside a round its own, if absent");
    options.choice("--mode", mode_, {"fresh", "forked_context", "resumed"},
                   "It begins anew, with a copy of a session, or goes on with one");
    options.value("--session", request_.session,
                  "Of --mode: an agent, or the vendor's id; its parent's if absent");
    options.flag("--claims", claims_,
                 "It takes what fits its role from the backlog while it has nothing to do");
    options.choice("--permissions", permissions_, {"ask", "edits", "bypass"},
                   "What it may do without asking");
    options.choice("--completes", completes_, {"success", "report"},
                   "A task is done with its successful round, or only when the agent reports it");
    options.choice("--durability", durability_, {"disabled", "compacted", "full_fidelity"},
                   "What the log keeps of its runs; the town's [runs] durability if absent");
    options.seconds("--silence", silence_,
                    "Seconds without output after which an event tells of it");
    options.flag("--stop-on-silence", stop_on_silence_, "... and its round is stopped");
    options.seconds("--round-limit", round_, "Seconds that one round may take");
    options.number("--rounds,--max-rounds", request_.limits.rounds, "Rounds that it may have");
    options.number("--max-tokens", request_.limits.tokens, "Tokens that it may use, in and out");
    options.amount("--max-cost", request_.limits.cost_usd,
                   "US dollars that it may cost, as far as its CLI tells");
    options.number("--failures", request_.limits.failures,
                   "Failed rounds in a row after which it needs a person (default 5)");
    options.seconds("--idle-limit", idle_, "Seconds without work after which it is stopped");
    options.flag("--unchecked", request_.unchecked,
                 "Also where its CLI is not installed or not logged in");
  }

  Status run(Session& session) override {
    for (const auto& pair : env_) {
      const auto equals = pair.find('=');
      const auto name = pair.substr(0, equals);
      const char* mine = equals == std::string::npos ? std::getenv(name.c_str()) : nullptr;
      if (name.empty() || (equals == std::string::npos && mine == nullptr)) {
        return fail(Errc::invalid_argument,
                    "--env wants NAME=VALUE, or the NAME of a variable that is set here, not \"" +
                        pair + "\"");
      }
      request_.env[name] = mine != nullptr ? std::string(mine) : pair.substr(equals + 1);
    }
    const auto ms = [](double seconds) {
      return Duration(static_cast<std::int64_t>(seconds * 1000));
    };
    request_.permissions = *enum_from_name<Permissions>(permissions_);
    request_.completes = *enum_from_name<Completes>(completes_);
    if (!durability_.empty()) request_.durability = enum_from_name<Durability>(durability_);
    if (silence_) request_.limits.silence_ms = ms(*silence_);
    if (round_) request_.limits.round_ms = ms(*round_);
    if (idle_) request_.limits.idle_ms = ms(*idle_);
    if (stop_on_silence_) request_.limits.stop_on_silence = true;
    if (claims_) request_.claims = true;
    request_.mode = *enum_from_name<SpawnMode>(mode_);
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto agent = client->spawn(request_);
    if (!agent) return fail(agent.error());
    if (session.json) {
      session.print_json(*agent);
      return {};
    }
    session.out << "spawned " << session.paint(Colour::bold, agent->name) << " ("
                << agent->id.short_str() << ", " << agent->cli
                << ", may: " << enum_name(agent->permissions) << ")\n";
    if (agent->note) session.out << "note: " << *agent->note << '\n';
    if (auto view = client->agent(agent->id.str()); view && view->permissions_note) {
      session.out << "note: " << *view->permissions_note << '\n';
    }
    return {};
  }

  api::SpawnRequest request_;
  std::vector<std::string> env_;
  std::string permissions_ = "edits";
  std::string completes_ = "success";
  std::string durability_;
  std::optional<double> silence_;
  std::optional<double> round_;
  std::optional<double> idle_;
  bool claims_ = false;
  bool stop_on_silence_ = false;
  std::string mode_ = "fresh";
};

class List final : public Command {
  void declare(Options& options) override {
    options.choice("--state", query_.state,
                   {"", "open", "cold", "starting", "idle", "working", "paused", "draining",
                    "stopped", "error"},
                   "Only those");
    options.flag("--open", open_, "Only those that are not over");
    options.flag("--all", all_, "Every page, not the first 100");
  }
  Status run(Session& session) override {
    if (open_) query_.state = "open";
    if (all_) query_.limit = limits::kPage;
    auto client = session.client();
    if (!client) return fail(client.error());
    std::size_t shown = 0;
    for (;;) {
      const auto page = client->agents(query_);
      if (!page) return fail(page.error());
      print(session, *page, shown);
      shown += page->agents.size();
      if (page->next && all_) {
        query_.after = *page->next;
        continue;
      }
      if (session.json) session.out << "]\n";
      const auto more = page->total - static_cast<std::int64_t>(shown);
      if (page->next && more > 0) session.err << more << " more: reeve list --all\n";
      break;
    }
    if (shown == 0 && !session.json) {
      session.err << (query_.state.empty() ? "no agents yet: reeve spawn NAME\n"
                                           : "no agents that are " + query_.state + "\n");
    }
    return {};
  }

  /// One JSON array, written page by page; or one table for each page.
  static void print(Session& session, const api::AgentPage& page, std::size_t shown) {
    if (!session.json) {
      if (!page.agents.empty()) print_agents(session, page.agents, shown == 0);
      return;
    }
    if (shown == 0) session.out << '[';
    for (const auto& view : page.agents)
      session.out << (shown++ == 0 ? "" : ",") << write_json_of(view);
    session.out.flush();
  }

  client::AgentQuery query_;
  bool open_ = false;
  bool all_ = false;
};

/// The last task that an agent completed; nothing where there is none.
Result<std::optional<api::TaskView>> last_of(client::Client& client, const std::string& agent) {
  auto last = client.last_result(agent);
  if (last) return std::optional(std::move(*last));
  if (last.error().is(Errc::not_found)) return std::optional<api::TaskView>();
  return fail(last.error());
}

class ShowStatus final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "One agent in full; the town if absent", false);
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    return agent_.empty() ? show_town(session, *client) : show_agent(session, *client);
  }

  static Status show_town(Session& session, client::Client& client) {
    const auto town = client.town();
    if (!town) return fail(town.error());
    if (session.json) {
      session.print_json(*town);
      return {};
    }
    session.out << session.paint(Colour::bold, town->name) << "  " << town->root << '\n'
                << "daemon " << town->version << ", pid " << town->pid << "; " << town->events
                << " events, store " << town->store << " (" << town->durability << ")\n";
    if (auto counts = count_text(town->agent_counts); !counts.empty())
      session.out << "agents: " << counts << '\n';
    print_counts(session, town->tasks, town->supervisor_inbox);
    session.out << '\n';
    if (town->agents.empty()) {
      session.out << "no agents yet: reeve spawn NAME\n";
      return {};
    }
    print_agents(session, town->agents);
    print_notes(session, town->agents);
    if (town->more_agents > 0)
      session.out << town->more_agents << " more agents: reeve list --all\n";
    return {};
  }

  Status show_agent(Session& session, client::Client& client) {
    const auto view = client.agent(agent_);
    if (!view) return fail(view.error());
    const auto id = view->agent.id.str();
    const auto last = last_of(client, id);
    if (!last) return fail(last.error());
    client::EventQuery query;
    query.scopes = {"agent:" + id};
    query.latest = 8;
    const auto events = client.events(query);
    if (!events) return fail(events.error());
    if (session.json) {
      auto object = to_json_value(*view).as_object();
      if (*last) object["last"] = to_json_value(**last);
      json::array activity;
      for (const auto& text : events->events) {
        if (auto event = parse_json(text)) activity.push_back(std::move(*event));
      }
      object["activity"] = std::move(activity);
      session.print(write_json(object));
      return {};
    }
    print_agent(session, *view, *last);
    session.out << '\n';
    EventLines lines;
    for (const auto& event : events->events) session.print(lines.line(session, client, event));
    return {};
  }

  std::string agent_;
};

class ShowResult final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "Name, id, or the id's first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto last = client->last_result(agent_);
    if (!last) return fail(last.error());
    if (session.json) {
      session.print_json(*last);
    } else {
      session.err << "task " << last->task.id.str() << ": " << one_line(last->task.text, 72)
                  << '\n';
      session.out << printable(last->task.result.value_or("")) << '\n';
    }
    return {};
  }
  std::string agent_;
};

class Logs final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "Name, id, or the id's first digits");
    options.value("--run", run_, "A run's id; the newest if absent");
    options.flag("--stderr", stderr_, "What was written to standard error");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto text = client->output(agent_, run_, stderr_ ? "err" : "out");
    if (!text) return fail(text.error());
    if (session.json) {
      session.print(write_json({{"agent", agent_}, {"text", *text}}));
    } else {
      session.out << *text;
    }
    return {};
  }
  std::string agent_;
  std::string run_;
  bool stderr_ = false;
};

class Wait final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "Until it has nothing left to do, or has stopped", false);
    options.value("--task", task_,
                  "Until that task is over; exits 4 if it failed, 1 if it was cancelled");
    options.choice(
        "--state", state_,
        {"", "cold", "starting", "idle", "working", "paused", "draining", "stopped", "error"},
        "Until the agent is in that state, and no earlier round of it is ending");
    options.seconds("--timeout", timeout_, "Seconds to wait at most; then the exit code is 5");
  }
  Status run(Session& session) override {
    if (agent_.empty() == task_.empty())
      return fail(Errc::invalid_argument, "wait for an agent, or for --task ID");
    if (!task_.empty() && !state_.empty())
      return fail(Errc::invalid_argument, "--state is an agent's: a task is waited for to its end");
    std::optional<std::chrono::milliseconds> timeout;
    if (timeout_) timeout = std::chrono::milliseconds(static_cast<std::int64_t>(*timeout_ * 1000));
    auto client = session.client();
    if (!client) return fail(client.error());
    if (task_.empty() && state_.empty()) tell_what_holds(session, *client);
    const auto reply = task_.empty() ? client->wait_agent(agent_, timeout, state_)
                                     : client->wait_task(task_, timeout);
    if (!reply) {
      if (reply.error().is(Errc::timeout)) {
        return fail(Errc::timeout, (task_.empty() ? agent_ : "task " + task_) +
                                       (state_.empty() ? " is not done yet" : " is not " + state_));
      }
      return fail(reply.error());
    }
    if (session.json) {
      session.print_json(*reply);
    } else {
      session.out << (task_.empty() ? agent_ : task_) << " is " << reply->state << '\n';
      if (reply->result) session.out << printable(*reply->result) << '\n';
    }
    // `reeve wait --task ID && ./deploy` is not to deploy what failed.
    if (!task_.empty() && reply->state == "failed")
      return fail(Errc::conflict, "task " + task_ + " has failed");
    if (!task_.empty() && reply->state == "cancelled")
      return fail(Errc::cancelled, "task " + task_ + " was cancelled");
    if (task_.empty() && state_.empty() && reply->state == "error")
      return fail(Errc::conflict, agent_ + " cannot work: see reeve status " + agent_);
    return {};
  }
  /// Nobody should wait for what goes on only when somebody does something.
  void tell_what_holds(Session& session, client::Client& client) const {
    const auto view = client.agent(agent_);
    if (!view) return;  // the wait says why
    const auto& agent = view->agent;
    if (agent.state == AgentState::paused) {
      session.err << agent.name << " is paused: reeve resume " << agent.name << " has it go on\n";
    } else if (agent.parked && view->inbox > 0) {
      session.err << agent.name << " waits until " << to_rfc3339(agent.parked->until) << " ("
                  << agent.parked->code << "): reeve resume " << agent.name
                  << " has it go on now\n";
    }
  }
  std::string agent_;
  std::string task_;
  std::string state_;
  std::optional<double> timeout_;
};

}  // namespace

std::unique_ptr<Command> make_spawn() { return make_command<Spawn>(); }
std::unique_ptr<Command> make_list() { return make_command<List>(); }
std::unique_ptr<Command> make_status() { return make_command<ShowStatus>(); }
std::unique_ptr<Command> make_result() { return make_command<ShowResult>(); }
std::unique_ptr<Command> make_logs() { return make_command<Logs>(); }
std::unique_ptr<Command> make_wait() { return make_command<Wait>(); }

}  // namespace reeve::cli
