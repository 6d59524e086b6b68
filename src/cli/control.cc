#include <ostream>

#include "cli/commands.h"

namespace reeve::cli {
namespace {

constexpr const char* kAgentHelp = "Name, nickname, id, or the id's first digits";

/// Returns when the run is over, however it ended.
Status wait_for_run(client::Client& client, const std::optional<RunId>& run) {
  if (!run) return {};
  const auto over = client.run_result(run->str(), std::nullopt);
  if (!over && !over.error().is(Errc::not_found) && !over.error().is(Errc::cancelled))
    return fail(over.error());
  return {};
}

/// What a command ends with that did something to one agent.
Status tell(Session& session, const Agent& agent, const std::string& text) {
  if (session.json) {
    session.print(
        write_json({{"agent", agent.name}, {"state", std::string(enum_name(agent.state))}}));
  } else {
    session.out << agent.name << ' ' << text << '\n';
  }
  return {};
}

/// ... to several: a line for each, and a failure if there was one among them.
Status tell(Session& session, const api::AgentOutcomes& outcomes, const char* done,
            const char* nothing) {
  std::size_t failed = 0;
  for (const auto& each : outcomes.agents) failed += each.error ? 1 : 0;
  if (session.json) {
    session.print_json(outcomes);
  } else if (outcomes.agents.empty()) {
    session.err << nothing << '\n';
  } else {
    for (const auto& each : outcomes.agents) {
      if (each.error) {
        session.err << each.name << ": " << printable(*each.error) << '\n';
      } else {
        session.out << each.name << ' ' << done << '\n';
      }
    }
  }
  if (failed == 0) return {};
  return fail(Errc::conflict, std::to_string(failed) + " of " +
                                  std::to_string(outcomes.agents.size()) + " could not be done");
}

class Kill final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, kAgentHelp, false);
    options.flag("--all", all_, "Every agent of the town");
    options.value("--reason", reason_, "Kept in the log");
    options.flag("--no-wait", no_wait_, "Do not wait until its processes have ended");
  }
  Status run(Session& session) override {
    if (agent_.empty() != all_) return fail(Errc::invalid_argument, "say which agent, or --all");
    auto client = session.client();
    if (!client) return fail(client.error());
    return all_ ? kill_all(session, *client) : kill_one(session, *client);
  }
  Status kill_one(Session& session, client::Client& client) {
    const auto agent = client.kill(agent_, reason_);
    if (!agent) return fail(agent.error());
    auto state = std::string(enum_name(agent->state));
    if (!no_wait_ && agent->state != AgentState::stopped) {
      const auto ended = client.wait_agent(agent->id.str(), std::nullopt);
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
  Status kill_all(Session& session, client::Client& client) {
    auto outcomes = client.kill_all(reason_);
    if (!outcomes) return fail(outcomes.error());
    if (!no_wait_) {
      for (auto& each : outcomes->agents) {
        if (each.error || !each.run) continue;
        const auto ended = client.wait_agent(each.id.str(), std::nullopt);
        if (!ended) {
          each.error = ended.error().message();
          continue;
        }
        each.state = enum_from_name<AgentState>(ended->state).value_or(each.state);
        each.run.reset();
      }
    }
    return tell(session, *outcomes, no_wait_ ? "is stopped, or will be" : "is stopped",
                "nobody is there to be stopped");
  }
  std::string agent_;
  std::string reason_;
  bool all_ = false;
  bool no_wait_ = false;
};

class Interrupt final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, kAgentHelp);
    options.value("--reason", reason_, "Kept in the log, and told the agent when it goes on");
    options.flag("--no-wait", no_wait_, "Do not wait until its processes have ended");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto agent = client->interrupt(agent_, reason_);
    if (!agent) return fail(agent.error());
    if (!no_wait_) {
      if (auto over = wait_for_run(*client, agent->current_run); !over) return over;
    }
    return tell(session, *agent, "is paused (reeve resume " + agent->name + " has it go on)");
  }
  std::string agent_;
  std::string reason_;
  bool no_wait_ = false;
};

class Resume final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, kAgentHelp);
    options.value("--reason", reason_, "Kept in the log");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto agent = client->resume(agent_, reason_);
    if (!agent) return fail(agent.error());
    return tell(session, *agent, "goes on");
  }
  std::string agent_;
  std::string reason_;
};

class Close final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, kAgentHelp);
    options.value("--reason", reason_, "Kept in the log");
    options.flag("--wait", wait_, "Wait until its round is over");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    auto agent = client->close(agent_, reason_);
    if (!agent) return fail(agent.error());
    if (wait_ && agent->state != AgentState::stopped) {
      const auto ended = client->wait_agent(agent->id.str(), std::nullopt);
      if (!ended) return fail(ended.error());
      agent->state = enum_from_name<AgentState>(ended->state).value_or(agent->state);
    }
    return tell(
        session, *agent,
        agent->state == AgentState::stopped ? "is stopped" : "finishes its round, then stops");
  }
  std::string agent_;
  std::string reason_;
  bool wait_ = false;
};

class Restart final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, kAgentHelp);
    options.number("--rounds,--max-rounds", request_.rounds,
                   "Its new limit of rounds; as before if absent");
    options.flag("--fresh", request_.fresh, "In a new conversation");
    options.value("--reason", request_.reason, "Kept in the log");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto agent = client->restart(agent_, request_);
    if (!agent) return fail(agent.error());
    return tell(session, *agent, "takes work again");
  }
  std::string agent_;
  api::RestartRequest request_;
};

class Prune final : public Command {
  void declare(Options& options) override {
    options.rest("AGENT", agents_, "Agents that are stopped, in error, or cold");
    options.flag("--all", all_, "Every one that is stopped or in error");
    options.flag("--requeue", requeue_,
                 "Its tasks go to the backlog, what else it was to do as well");
    options.flag("--drop", drop_, "Its tasks are cancelled, its mail is withdrawn");
    options.value("--reason", request_.reason, "Kept in the log");
  }
  Status run(Session& session) override {
    if (agents_.empty() != all_)
      return fail(Errc::invalid_argument, "say which agents, or --all (those that are over)");
    if (requeue_ && drop_)
      return fail(Errc::invalid_argument, "either --requeue or --drop: both cannot be");
    if (requeue_) request_.leftovers = api::Leftovers::requeue;
    if (drop_) request_.leftovers = api::Leftovers::drop;
    auto client = session.client();
    if (!client) return fail(client.error());
    if (all_) {
      const auto outcomes = client->prune_all(request_);
      if (!outcomes) return fail(outcomes.error());
      return tell(session, *outcomes, "is out of the town", "nobody is over");
    }
    if (agents_.size() == 1) {
      const auto agent = client->prune(agents_.front(), request_);
      if (!agent) return fail(agent.error());
      return tell(session, api::AgentOutcomes{{outcome_of(*agent)}}, "is out of the town", "");
    }
    api::AgentOutcomes outcomes;
    for (const auto& name : agents_) {
      const auto agent = client->prune(name, request_);
      auto outcome = agent ? outcome_of(*agent) : api::AgentOutcome{};
      if (!agent) {
        outcome.name = name;
        outcome.error = agent.error().message();
      }
      outcomes.agents.push_back(std::move(outcome));
    }
    return tell(session, outcomes, "is out of the town", "");
  }
  static api::AgentOutcome outcome_of(const Agent& agent) {
    return {agent.id, agent.name, agent.state, agent.current_run, agent.pruned, {}};
  }
  std::vector<std::string> agents_;
  bool all_ = false;
  bool requeue_ = false;
  bool drop_ = false;
  api::PruneRequest request_;
};

}  // namespace

std::unique_ptr<Command> make_kill() { return make_command<Kill>(); }
std::unique_ptr<Command> make_interrupt() { return make_command<Interrupt>(); }
std::unique_ptr<Command> make_resume() { return make_command<Resume>(); }
std::unique_ptr<Command> make_close() { return make_command<Close>(); }
std::unique_ptr<Command> make_restart() { return make_command<Restart>(); }
std::unique_ptr<Command> make_prune() { return make_command<Prune>(); }

}  // namespace reeve::cli
