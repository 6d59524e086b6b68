#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reeve/result.hpp"
#include "reeve/run.hpp"
#include "reeve/tasks.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  enum class AgentState {
    cold,      ///< known, never used
    starting,  ///< being made ready
    idle,      ///< takes work
    working,   ///< a run of it is in progress
    paused,    ///< no round begins until it is resumed; mail is taken
    draining,  ///< finishes its round and takes nothing more, then stops
    stopped,
    error,  ///< cannot work until a person has mended something and restarts it
  };
  /// "idle"
  REEVE_API std::string_view name_of(AgentState state);

  enum class Permissions {
    ask,     ///< asks before it changes anything
    edits,   ///< may change files of the town
    bypass,  ///< may do everything that its user may
  };

  /// What an agent may use; what is absent is the town's default, or no limit. Rounds, tokens and
  /// cost are counted from its last start.
  struct AgentLimits {
    std::optional<std::chrono::milliseconds> silence;  ///< without output, until an event tells
    bool stop_on_silence = false;
    std::optional<std::chrono::milliseconds> round;  ///< wall time of one round
    std::optional<std::int64_t> rounds;
    std::optional<std::int64_t> tokens;
    std::optional<double> cost_usd;
    std::optional<std::int64_t> failures;  ///< in a row, until it needs a person
    std::optional<std::chrono::milliseconds> idle;
  };

  /// A new agent.
  struct AgentSpec {
    std::string name;
    std::string cli;  ///< a preset's name or a command; empty: the town's default
    std::vector<std::string> args;
    std::string model;
    std::optional<std::string> nickname;
    std::optional<std::string> role;
    std::optional<std::string> parent;  ///< an agent's name or id
    Permissions permissions = Permissions::edits;
    bool completes_by_report = false;  ///< a task is done only when the agent says so
    bool claims = false;               ///< takes what fits its role from the backlog
    std::map<std::string, std::string> env;
    AgentLimits limits;
    bool unchecked = false;  ///< also where its CLI seems not to be ready for work
  };

  /// An agent as it is now.
  struct AgentInfo {
    std::string id;
    std::string name;
    std::optional<std::string> nickname;
    std::optional<std::string> role;
    std::optional<std::string> parent;  ///< id
    AgentState state = AgentState::idle;
    std::string cli;
    std::string model;
    std::optional<std::string> run;        ///< in progress
    std::optional<std::string> task;       ///< that it works on
    std::optional<std::string> attention;  ///< why a person should look
    std::optional<std::chrono::system_clock::time_point> parked_until;
    std::int64_t rounds_completed = 0;
    std::int64_t rounds_failed = 0;
    std::int64_t tasks_completed = 0;
    Usage usage;
    double cost_usd = 0;
    std::string json;  ///< all that is known: docs/api.md, Agent
  };

  /// The agents of a town. An agent is named by its name, nickname or id, or the id's first digits.
  /// Errors of all: not_found, with near names; conflict: not possible in its state, which the text
  /// names; and the town's. Any thread.
  class REEVE_API Agents {
   public:
    /// conflict: the name is taken. unavailable: its CLI is not there, or not ready for work.
    Result<AgentInfo> spawn(const AgentSpec& spec);
    Result<AgentInfo> get(const std::string& agent);
    /// All of them, in the order of their spawning; or those that are not ended.
    Result<std::vector<AgentInfo>> list(bool only_open = false);

    /// Stops it with its run; answers when that has been asked for: wait() for the end.
    Result<AgentInfo> kill(const std::string& agent, const std::string& reason = {});
    /// Pauses it now. What its round did is kept, and resume() goes on in the same conversation.
    Result<AgentInfo> interrupt(const std::string& agent, const std::string& reason = {});
    Result<AgentInfo> resume(const std::string& agent, const std::string& reason = {});
    /// It finishes its round, takes nothing more, and stops.
    Result<AgentInfo> close(const std::string& agent, const std::string& reason = {});
    /// Of one that is ended. What it may spend is given anew.
    Result<AgentInfo> restart(const std::string& agent, const std::string& reason = {});

    /// Returns when it has nothing left to do, or is ended. timeout: it has more to do.
    Result<AgentInfo> wait(const std::string& agent,
                           std::optional<std::chrono::milliseconds> timeout = {});
    /// The task that it completed last. Empty: none.
    Result<std::optional<TaskInfo>> result(const std::string& agent);

   private:
    friend class Town;
    explicit Agents(std::shared_ptr<library::Engine> engine) : engine_(std::move(engine)) {}
    Result<AgentInfo> ask(const std::string& agent, const char* what, const std::string& reason);

    std::shared_ptr<library::Engine> engine_;
  };

}  // namespace v1
}  // namespace reeve
