#include <cstdlib>
#include <ostream>

#include "cli/commands.h"
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
    options.choice("--permissions", permissions_, {"ask", "edits", "bypass"},
                   "What it may do without asking");
    options.choice("--completes", completes_, {"success", "report"},
                   "A task is done with its successful round, or only when the agent reports it");
    options.choice("--durability", durability_, {"disabled", "compacted", "full_fidelity"},
                   "What the log keeps of its runs; the town's [runs] durability if absent");
    options.seconds("--silence", silence_,
                    "Seconds without output after which an event tells of it");
    options.flag("--stop-on-silence", request_.limits.stop_on_silence,
                 "... and its round is stopped");
    options.seconds("--round-limit", round_, "Seconds that one round may take");
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
    if (!durability_.empty()) request_.durability = *enum_from_name<Durability>(durability_);
    if (silence_) request_.limits.silence_ms = ms(*silence_);
    if (round_) request_.limits.round_ms = ms(*round_);
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
};

class List final : public Command {
  void declare(Options&) override {}
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto agents = client->agents();
    if (!agents) return fail(agents.error());
    if (session.json) {
      session.print_json(*agents);
    } else if (agents->empty()) {
      session.err << "no agents yet: reeve spawn NAME\n";
    } else {
      print_agents(session, *agents);
    }
    return {};
  }
};

class ShowStatus final : public Command {
  void declare(Options&) override {}
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto town = client->town();
    if (!town) return fail(town.error());
    if (session.json) {
      session.print_json(*town);
      return {};
    }
    session.out << session.paint(Colour::bold, town->name) << "  " << town->root << '\n'
                << "daemon " << town->version << ", pid " << town->pid << "; " << town->events
                << " events, store " << town->store << " (" << town->durability << ")\n";
    print_counts(session, town->tasks, town->supervisor_inbox);
    session.out << '\n';
    if (town->agents.empty()) {
      session.out << "no agents yet: reeve spawn NAME\n";
      return {};
    }
    print_agents(session, town->agents);
    print_notes(session, town->agents);
    return {};
  }
};

class Kill final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "Name, id, or the id's first digits");
    options.value("--reason", reason_, "Kept in the log");
    options.flag("--no-wait", no_wait_, "Do not wait until its processes have ended");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto agent = client->kill(agent_, reason_);
    if (!agent) return fail(agent.error());
    auto state = std::string(enum_name(agent->state));
    if (!no_wait_ && agent->state != AgentState::stopped) {
      const auto ended = client->wait_agent(agent->id.str(), std::nullopt);
      if (!ended) return fail(ended.error());
      state = ended->state;
    }
    if (session.json) {
      session.print(write_json({{"agent", agent->name}, {"state", state}}));
    } else {
      session.out << agent->name << " is " << (state == "stopped" ? state : "being stopped")
                  << '\n';
    }
    return {};
  }
  std::string agent_;
  std::string reason_;
  bool no_wait_ = false;
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
    options.value("--task", task_, "Until that task is over");
    options.seconds("--timeout", timeout_, "Seconds to wait at most; then the exit code is 5");
  }
  Status run(Session& session) override {
    if (agent_.empty() == task_.empty())
      return fail(Errc::invalid_argument, "wait for an agent, or for --task ID");
    std::optional<std::chrono::milliseconds> timeout;
    if (timeout_) timeout = std::chrono::milliseconds(static_cast<std::int64_t>(*timeout_ * 1000));
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto reply =
        task_.empty() ? client->wait_agent(agent_, timeout) : client->wait_task(task_, timeout);
    if (!reply) {
      if (reply.error().is(Errc::timeout)) {
        return fail(Errc::timeout, (task_.empty() ? agent_ : "task " + task_) + " is not done yet");
      }
      return fail(reply.error());
    }
    if (session.json) {
      session.print_json(*reply);
    } else {
      session.out << (task_.empty() ? agent_ : task_) << " is " << reply->state << '\n';
      if (reply->result) session.out << printable(*reply->result) << '\n';
    }
    return {};
  }
  std::string agent_;
  std::string task_;
  std::optional<double> timeout_;
};

}  // namespace

std::unique_ptr<Command> make_spawn() { return make_command<Spawn>(); }
std::unique_ptr<Command> make_list() { return make_command<List>(); }
std::unique_ptr<Command> make_status() { return make_command<ShowStatus>(); }
std::unique_ptr<Command> make_kill() { return make_command<Kill>(); }
std::unique_ptr<Command> make_logs() { return make_command<Logs>(); }
std::unique_ptr<Command> make_wait() { return make_command<Wait>(); }

}  // namespace reeve::cli
