#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "base/logging.h"
#include "doors/tinytown/look.h"
#include "doors/tinytown/mirror.h"
#include "doors/tinytown/notices.h"
#include "doors/tinytown/seen.h"
#include "model/agent_api.h"
#include "model/mirror_api.h"
#include "town/ground.h"

/// What `tt` does in the mirror happens in the town.
///
/// A look, every Options::every and at once where something tells (an entry of tinytown's in its
/// event stream, a hash that the mirror finds changed while it writes): at all agents' keys, the
/// backlog, a part of the open tasks, and a part of all keys there are (SCAN). What tinytown left
/// there is judged (seen.h) and done through the town's services, with origin "tinytown". What the
/// town then has is written over it, by the mirror.
///
/// Between looks, a glance at the keys that Redis tells of (notices.h), a few milliseconds after
/// they changed: what a verb of tt's has plainly done is done here at once. Whatever may be half of
/// something, or is judged by what is missing, is left to the next look.
///
/// Nothing is done twice, and a crash loses nothing: what tinytown makes keeps its ids here, its
/// element goes only after that was acknowledged, and every other command is one of state. What a
/// service refuses is written over, and logged.
///
/// What is missing there is judged only if all that the town had was written before, and if the
/// mark stands in the same moment, and no older than it was written: neither `tt reset` nor a Redis
/// that was put back to an older state deletes anything here.
namespace reeve::doors::tinytown {

/// Why an agent is parked that a tt loop works for: its Parked::code.
inline constexpr const char* kLoopCode = "tinytown_loop";

class Inward {
 public:
  struct Options {
    std::chrono::nanoseconds every = std::chrono::seconds(1);
    /// For so long a stop flag may be alone (AgentKeys::patient).
    std::chrono::nanoseconds stop_patience = std::chrono::seconds(4);
    /// For so long `tt reclaim` may be at work before what it took is written again.
    std::chrono::nanoseconds reclaim_patience = std::chrono::seconds(3);
    /// An agent is parked for so long from the last sign of a loop on.
    std::chrono::nanoseconds parked = std::chrono::minutes(1);
    /// For so long a verb of tt's may write after its first change, before that is glanced at.
    std::chrono::nanoseconds gather = std::chrono::milliseconds(5);
    int scans = 10;  ///< calls of one look, of some 1,000 keys each
  };

  /// What it stands on outlives it; before Mirror::start().
  Inward(town::Ground ground, aio::asio::any_io_executor executor, Mirror& mirror,
         net::RedisAddress where, Options options);
  ~Inward();

  void start();
  /// Before the mirror is closed.
  Async<> close();
  /// Looks soon.
  void wake();
  /// Returns when a look that began after the call is over, and what it led to is done. Wants a
  /// limit: while Redis is away there is none.
  Async<bool> looked();

  /// An agent of tinytown's becomes the town's, with its id, and its mail with it. `agent`: its
  /// name, nickname or id. not_found: tinytown has none. conflict: a loop of tt's seems to work for
  /// it, several are meant, or what spawn() says.
  Async<Result<api::SpawnReply>> adopt(run::Caller caller, api::AdoptRequest request);

 private:
  using Agents = std::map<AgentId, Agent>;
  struct Watched {
    LoopSigns signs;
    std::optional<Listed> listed;                        // at the last look
    Listed others;                                       // the same
    bool loop = false;                                   // at the last look
    std::optional<std::chrono::nanoseconds> stop_since;  // a flag alone
    std::optional<std::chrono::nanoseconds> emptied;     // its lists lost items of ours
  };
  /// Keys that Redis has told of.
  struct Heard {
    std::set<AgentId> agents;
    std::set<TaskId> tasks;
    bool backlog = false;
    [[nodiscard]] bool any() const { return !agents.empty() || !tasks.empty() || backlog; }
  };
  struct Before {
    Agents agents;
    std::vector<std::string> backlog;
    std::vector<std::string> tasks;  // open ones, a part
  };

  Async<> run();
  Async<> listen();
  Async<bool> next();
  Async<> wait_for_next();
  void note_unseen(const Status& done);
  Async<> pause(std::chrono::nanoseconds time);
  Async<Status> look_around();
  Async<Status> caught_up();
  Async<Result<Before>> remember();

  // Agents: inward_agents.cc
  Async<Status> look_at_agents(bool closely);
  Async<Status> judge(AgentId id, AgentSight sight, std::optional<Listed> expected);
  Async<Status> act(Verdict verdict, Agent agent, AgentKeys keys);
  Async<Status> watch_loop(Agent agent, const AgentSight& sight, bool loop);
  void mend_mail(const AgentId& id, bool popped, bool loop, bool ended);
  Async<Status> prune();

  // Glances: inward_glance.cc
  void hear(const std::vector<std::string>& keys);
  void note_notices(Notices::How how, const std::string& why);
  Async<Status> glance();
  Async<Status> glance_at_agents(std::set<AgentId> ids);
  Async<Status> glance_at_tasks(std::set<TaskId> ids, bool backlog);
  Async<Status> find_again(AgentId id);
  Async<Result<bool>> may_be_reclaimed();

  // Mail: inward_mail.cc
  Async<Status> take_all(AgentId agent, std::vector<std::string> items, bool urgent);
  Async<Result<bool>> take_item(AgentId agent, const std::string& item, bool urgent);
  Async<Result<bool>> take_assignment(AgentId agent, const TtMessage& message);
  Async<Result<bool>> take_letter(AgentId agent, const TtMessage& message, bool urgent);
  Async<Status> move_all(AgentId from, std::optional<AgentId> to);
  Async<Result<bool>> has_lost_mail(AgentId id);

  // Tasks: inward_tasks.cc
  Async<Status> look_at_backlog(std::vector<std::string> before);
  Async<Status> look_at_missing(std::vector<std::string> missing);
  Async<Status> look_at_tasks(std::vector<std::string> ids);
  Async<Status> scan_tasks();
  Async<Status> judge(TaskSight sight);
  Async<Status> judge_alone(TaskSight sight);
  Async<Status> act(Verdict verdict, TaskId id, std::optional<reeve::Task> task);
  Async<Status> take(TaskId id, std::optional<AgentId> agent);
  Async<Result<bool>> is_reclaimed(TaskId id, const TtTask& task);
  Async<Status> claim(TaskId id, AgentId agent, TaskState state);

  [[nodiscard]] run::Caller caller() const;
  [[nodiscard]] const Agent* find(const AgentId& id) const;
  [[nodiscard]] OurAgent finder() const {
    return [this](const AgentId& id) { return find(id); };
  }
  /// Whether it was done; what was refused is logged. Other errors end the look.
  template <class T>
  Result<bool> settled(const Result<T>& done, const std::string& what);
  /// What is wrong with one thing ends the look for no other: it is kept for view(). An error: of
  /// Redis, or of the store, for all.
  Status passed(Status done, const std::string& what);

  town::Ground ground_;
  Mirror& mirror_;
  Options options_;
  net::RedisConnection redis_;   // looks
  net::RedisConnection stream_;  // waits
  Look look_;
  Notices notices_;

  Before before_;  // of this look, or the last one
  Heard heard_;    // since the last glance or look
  std::map<AgentId, Watched> watched_;
  std::set<AgentId> task_ended_;  // whose task tt completed, since the last look at agents
  std::vector<Agent> pruned_;
  bool living_gone_ = false;
  std::set<TaskId> changed_;       // that the mirror told of
  std::set<std::string> missed_;   // ids that were not in the backlog at the last look
  std::set<std::string> refused_;  // tasks of tinytown's that cannot be ours
  std::uint64_t tasks_after_ = 0;  // the rank behind which the next part is
  std::string cursor_ = "0";       // of SCAN
  std::uint64_t looks_ = 0;

  std::uint64_t begun_ = 0, finished_ = 0;
  bool woken_ = false;
  std::string error_;
  std::string trouble_;  // the first of this look
  aio::Signal wake_;
  aio::Signal progress_;
  aio::TaskGroup group_;
};

template <class T>
Result<bool> Inward::settled(const Result<T>& done, const std::string& what) {
  if (done) return true;
  switch (done.error().code()) {
    case Errc::conflict:
    case Errc::not_found:
    case Errc::invalid_argument:
    case Errc::too_large:
    case Errc::denied:
    case Errc::unsupported:
      logging::warn("{} of tinytown's is refused: {}", what, done.error().message());
      return false;
    default: return fail(done.error());
  }
}

}  // namespace reeve::doors::tinytown
