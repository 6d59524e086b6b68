#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "aio/task_group.h"
#include "log/follower.h"
#include "run/runs.h"
#include "town/consequence.h"
#include "town/ground.h"

namespace reeve::town {

/// Joins agents to runs: starts a round when an agent has work and is free, and changes agent, task
/// and inbox in the same commit as the round's begin and end.
///
/// The life cycle of work (design, section 4): a round takes messages under a lease; success
/// acknowledges them, failure gives them back with one attempt more, later, and after the last
/// attempt they go to the dead letters; a cancel gives them back as they were, and so does a
/// failure that is not theirs (town/consequence.h). A task is done with the round that carried it,
/// unless its agent asked in it, or said that it goes on (town/open_task.h). A round that begins
/// with another task puts aside the one that its agent had in hand.
class Supervisor final : public run::Participant {
 public:
  using Options = Pauses;

  Supervisor(Ground ground, aio::asio::any_io_executor executor, Options options);
  ~Supervisor() override;

  /// Begins to watch. `runs` was made with this as its Participant, has recovered, and outlives
  /// close().
  Async<Status> start(run::Runs& runs);
  /// No more rounds begin, not even one that is about to; those in progress go on.
  void hold();
  Async<> close();

  Async<Status> at_start(run::Draft& draft, const reeve::Run& run) override;
  Async<Status> at_end(run::Draft& draft, const reeve::Run& run, Ending ending, bool started,
                       fact::RunEnd& end) override;

 private:
  Async<> follow(log::Follower events);
  Async<> start_rounds();
  Async<> wake_waiting();
  Async<> consider(AgentId agent);
  Async<Status> try_start(AgentId agent);
  Async<Status> acknowledge(AgentId agent, std::vector<MessageId> settled);
  Async<Status> give_back(run::Draft& draft, const reeve::Run& run, bool counted,
                          fact::RunEnd& end);
  Async<Status> rest(Agent agent, std::optional<reeve::Task> in_hand);
  Async<Status> stop_used_up(AgentId agent);
  Async<Status> stop_idle(AgentId agent);
  /// At that time, or a minute from now if it is farther away: the clock may jump.
  void look_later(AgentId agent, Time when);
  void look_soon(const AgentId& agent);

  Ground ground_;
  aio::asio::any_io_executor executor_;
  Options options_;
  run::Runs* runs_ = nullptr;
  bool holding_ = false;
  /// What may give work to agents that the events themselves do not name.
  struct News {
    std::set<TaskId> completed;
    bool backlog = false;  // it grew
    [[nodiscard]] bool any() const { return backlog || !completed.empty(); }
  };
  News news_;
  std::unique_ptr<Env::Timer> news_later_;
  std::set<AgentId> wanted_;                          // to be looked at
  AgentId last_;                                      // that was looked at
  std::map<AgentId, std::uint64_t> interrupts_seen_;  // of agents that are about to begin a round
  std::map<AgentId, std::unique_ptr<Env::Timer>> timers_;
  aio::Signal look_;
  aio::TaskGroup group_;
};

}  // namespace reeve::town
