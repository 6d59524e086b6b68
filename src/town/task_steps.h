#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/agent.h"
#include "model/message.h"
#include "model/task.h"
#include "run/draft.h"

/// What becomes of a task, as steps of one commit: with the task go the backlog, the inbox and the
/// run that it is in, so that after every commit (task_place.h)
///
///  * an open task that has an agent is that agent's current one, or a message in its inbox,
///  waiting
///    or taken, brings it;
///  * an open task without an agent is in the backlog.
///
/// Services, the supervisor and sweeps are made of these. None of them asks whether it may be: that
/// is for whoever calls. Errors: what Draft::get and Store::list say.
namespace reeve::town {

using aio::Async;

inline constexpr const char* kBacklog = "backlog";

/// Whether the message is the one by which its agent takes up a task of the town.
bool brings_task(const Message& message);
/// A task, made of what a message says in free text. Pure.
reeve::Task task_of(const Message& message, TaskId id, Time now);

/// How the message that brings a task comes.
struct Bringing {
  std::optional<RunId> run;  ///< the one in which it is sent
  bool when_idle = false;    ///< when nothing else waits, whatever the task's priority
  Time not_before{};
};
/// Puts the message that brings the task into an agent's inbox. `from`: an agent's id; empty: the
/// supervisor.
Async<Status> bring_task(run::Draft& draft, reeve::Task task, AgentId to, std::string from,
                         Bringing how);
/// The messages that bring the task and are not handled: also a dead letter.
Async<Result<std::vector<Message>>> bringers_of(run::Draft& draft, store::Store& store,
                                                TaskId task);

/// Nobody takes the message up any more: it leaves the queue that it waits in. A run that has it
/// goes on.
Async<Status> withdraw_message(run::Draft& draft, Message message, std::string reason);

/// Makes it the agent's: TaskAssigned and the message that brings it; with TaskDelegated where
/// another agent gives it.
Async<Status> give_task(run::Draft& draft, reeve::Task task, AgentId to, run::Caller caller);

/// Out of where it waits, and the run that carries it is stopped, unless that is the caller's own.
/// Of one that is over only what is left is cleared away: its dead letter, say.
Async<Status> withdraw_task(run::Draft& draft, store::Store& store, reeve::Task task,
                            std::string reason, run::Caller caller);

/// Nobody's and not begun, in the backlog: TaskRequeued. It may have been over.
Async<Status> to_backlog(run::Draft& draft, store::Store& store, reeve::Task task,
                         std::string reason, run::Caller caller);

/// The one way in which a task ends: adds `end` (TaskCompleted, TaskFailed or TaskCancelled), takes
/// it out of the backlog, and tells whoever wanted to be notified. Its messages stay where they
/// are: they are settled by it (mailbox.h).
Async<Status> end_task(run::Draft& draft, TaskId task, Fact end);

/// The agent has another task in hand now: the one that it had, if it is open, is in its inbox
/// again, and comes back when it has no other.
Async<Status> put_aside(run::Draft& draft, store::Store& store, AgentId agent, RunId run);

/// A run begins to work on the task. What its agent had in hand is put aside; a message that waits
/// to bring the task is not needed any more.
Async<Status> take_in_hand(run::Draft& draft, store::Store& store, TaskId task, AgentId agent,
                           RunId run);

/// The open task that the run's agent has in hand, and that this very run works on, as it stands in
/// the draft; empty: none, or one that cannot be read.
Async<Result<std::optional<reeve::Task>>> task_in_hand_of(run::Draft& draft, reeve::Run run);

/// A run has not succeeded, and its messages have been given back: so is a task that its agent
/// began in it (`reeve task start`).
Async<Status> give_back_begun(run::Draft& draft, store::Store& store, reeve::Run run);

/// Stops a run that goes on.
Async<Status> stop_run(run::Draft& draft, RunId run, std::string reason);

}  // namespace reeve::town
