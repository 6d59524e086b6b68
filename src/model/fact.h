#pragma once

#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/env.h"
#include "event/event.h"
#include "model/agent.h"
#include "model/message.h"
#include "model/run.h"
#include "model/task.h"
#include "model/webhook.h"

/// What happens to a town's documents: the closed set of facts that change them, and `apply`, which
/// says how.
///
/// State is the fold of its facts: a document is never changed but by apply(), and a commit writes
/// exactly what apply() gives, together with the events of the facts. So the state of any moment
/// can be rebuilt from the log.
namespace reeve {

namespace fact {

struct TownCreated {
  std::string name;
  std::string root;
};
BOOST_DESCRIBE_STRUCT(TownCreated, (), (name, root))

/// Its folder was moved, or copied, since the last daemon ran.
struct TownMoved {
  std::string from;
  std::string to;
};
BOOST_DESCRIBE_STRUCT(TownMoved, (), (from, to))

/// The town begins anew; its former store is kept aside.
struct TownReset {
  std::string former_log;
  std::string kept_in;  ///< the former store's folder
};
BOOST_DESCRIBE_STRUCT(TownReset, (), (former_log, kept_in))

struct DaemonStarted {
  std::string version;
  std::int64_t pid = 0;
  std::int64_t rounds_found =
      0;  ///< rounds that were running when it came up, and that it goes on with
};
BOOST_DESCRIBE_STRUCT(DaemonStarted, (), (version, pid, rounds_found))

struct DaemonStopped {
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(DaemonStopped, (), (reason))

/// Retention removed the oldest events; the documents as they were there are the store's snapshot.
struct LogTruncated {
  Position upto;             ///< the last one that is gone
  std::uint64_t events = 0;  ///< that went this time
  std::uint64_t bytes = 0;
  std::string reason;  ///< the limit: "max_age", "max_events" or "max_size"
};
BOOST_DESCRIBE_STRUCT(LogTruncated, (), (upto, events, bytes, reason))

/// Retention dropped payloads.
struct PayloadsPruned {
  std::vector<std::string> kinds;
  Position upto;  ///< the last event that was looked at
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(PayloadsPruned, (), (kinds, upto, events, bytes))

/// What stood in tinytown's keys was gone, or was not the town: all of it is written again. The
/// town itself has lost nothing.
struct MirrorRewritten {
  std::string redis;   ///< where, without a password
  std::string reason;  ///< what was found there
};
BOOST_DESCRIBE_STRUCT(MirrorRewritten, (), (redis, reason))

struct AgentSpawned {
  Agent agent;
};
BOOST_DESCRIBE_STRUCT(AgentSpawned, (), (agent))

struct AgentStateChanged {
  AgentId agent;
  AgentState from = AgentState::idle;
  AgentState to = AgentState::idle;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(AgentStateChanged, (), (agent, from, to, reason))

/// It is to stop as soon as its run has ended.
struct AgentStopRequested {
  AgentId agent;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(AgentStopRequested, (), (agent, reason))

struct AgentStopped {
  AgentId agent;
  AgentState from = AgentState::idle;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(AgentStopped, (), (agent, from, reason))

/// Takes work again, with what it may spend given anew.
struct AgentRestarted {
  AgentId agent;
  AgentState from = AgentState::stopped;
  std::string reason;
  std::optional<std::int64_t> rounds;  ///< its new limit of rounds; absent: as before
  bool fresh = false;                  ///< in a new conversation
};
BOOST_DESCRIBE_STRUCT(AgentRestarted, (), (agent, from, reason, rounds, fresh))

/// Paused; a round in progress is ended for it and gone on with when it is resumed.
struct AgentInterrupted {
  AgentId agent;
  AgentState from = AgentState::idle;
  std::optional<RunId> run;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(AgentInterrupted, (), (agent, from, run, reason))

/// Takes rounds again: it was paused or parked.
struct AgentResumed {
  AgentId agent;
  AgentState from = AgentState::paused;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(AgentResumed, (), (agent, from, reason))

/// No round of it begins before `until`; then it goes on by itself.
struct AgentParked {
  AgentId agent;
  std::string code;  ///< "rate_limited", ...
  std::string reason;
  Time until{};
};
BOOST_DESCRIBE_STRUCT(AgentParked, (), (agent, code, reason, until))

/// It cannot work until a person mends what the code says, and restarts it.
struct AgentFailed {
  AgentId agent;
  AgentState from = AgentState::idle;
  std::string code;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(AgentFailed, (), (agent, from, code, reason))

/// It was asked to close and has finished what it did.
struct AgentCompleted {
  AgentId agent;
  std::int64_t tasks_completed = 0;
  std::optional<TaskId> last_task;
};
BOOST_DESCRIBE_STRUCT(AgentCompleted, (), (agent, tasks_completed, last_task))

/// Out of the town for good. Its name is free, its history stays.
struct AgentPruned {
  AgentId agent;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(AgentPruned, (), (agent, reason))

struct AgentNeedsAttention {
  AgentId agent;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(AgentNeedsAttention, (), (agent, reason))

struct TaskCreated {
  Task task;
};
BOOST_DESCRIBE_STRUCT(TaskCreated, (), (task))

struct TaskAssigned {
  TaskId task;
  AgentId agent;
};
BOOST_DESCRIBE_STRUCT(TaskAssigned, (), (task, agent))

struct TaskStarted {
  TaskId task;
  AgentId agent;
  RunId run;
};
BOOST_DESCRIBE_STRUCT(TaskStarted, (), (task, agent, run))

struct TaskProgressed {
  TaskId task;
  std::optional<AgentId> agent;
  std::optional<RunId> run;  ///< the run in which it was reported
  std::string text;
};
BOOST_DESCRIBE_STRUCT(TaskProgressed, (), (task, agent, run, text))

struct TaskCompleted {
  TaskId task;
  std::optional<AgentId> agent;
  std::optional<RunId> run;
  std::string result;
};
BOOST_DESCRIBE_STRUCT(TaskCompleted, (), (task, agent, run, result))

struct TaskFailed {
  TaskId task;
  std::optional<AgentId> agent;
  std::optional<RunId> run;
  std::string error;
};
BOOST_DESCRIBE_STRUCT(TaskFailed, (), (task, agent, run, error))

/// The run that worked on it did not finish it: it waits for the next one.
struct TaskReturned {
  TaskId task;
  AgentId agent;
  RunId run;
};
BOOST_DESCRIBE_STRUCT(TaskReturned, (), (task, agent, run))

/// A round succeeded and left the task that its agent has in hand open, and nobody was asked: it is
/// brought again after a pause.
struct TaskLeftOpen {
  TaskId task;
  AgentId agent;
  RunId run;
  std::int64_t rounds = 1;  ///< in a row that did so, with nothing new in between
  Time again_at{};
};
BOOST_DESCRIBE_STRUCT(TaskLeftOpen, (), (task, agent, run, rounds, again_at))

/// It is its agent's no more, and not begun: it waits in the backlog. It may have been over.
struct TaskRequeued {
  TaskId task;
  std::optional<AgentId> agent;  ///< whose it was
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(TaskRequeued, (), (task, agent, reason))

struct TaskCancelled {
  TaskId task;
  std::optional<AgentId> agent;
  std::optional<RunId> run;  ///< the run in which it was cancelled
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(TaskCancelled, (), (task, agent, run, reason))

/// An agent gave a task to another one.
struct TaskDelegated {
  TaskId task;
  AgentId from;
  AgentId to;
  std::optional<RunId> run;  ///< the run in which it did so
};
BOOST_DESCRIBE_STRUCT(TaskDelegated, (), (task, from, to, run))

struct MessageSent {
  Message message;
  std::optional<RunId> run;  ///< the run in which it was sent
};
BOOST_DESCRIBE_STRUCT(MessageSent, (), (message, run))

/// A run that had them did not succeed: they are in the inbox again.
struct MessagesReturned {
  AgentId agent;
  RunId run;
  std::vector<MessageId> messages;
  bool counted = false;  ///< as a failed attempt
  Time not_before{};
};
BOOST_DESCRIBE_STRUCT(MessagesReturned, (), (agent, run, messages, counted, not_before))

/// Out of the inbox without a round: the tasks that they brought have ended meanwhile.
struct MessagesHandled {
  AgentId agent;
  std::vector<MessageId> messages;
};
BOOST_DESCRIBE_STRUCT(MessagesHandled, (), (agent, messages))

/// Whoever sent it wants nothing of it any more: no round begins for it, and one that has it is
/// stopped.
struct MessageWithdrawn {
  AgentId agent;
  MessageId message;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(MessageWithdrawn, (), (agent, message, reason))

/// What was in its agent's inbox waits in another's.
struct MessageMoved {
  MessageId message;
  AgentId from;
  AgentId to;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(MessageMoved, (), (message, from, to, reason))

/// What stood in the inbox cannot be read: it is kept beside it.
struct MessageQuarantined {
  AgentId agent;
  std::string item;  ///< as the queue has it
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(MessageQuarantined, (), (agent, item, reason))

/// An agent asks the people who run the town.
struct ConductorEscalation {
  AgentId agent;
  MessageId message;
  std::optional<RunId> run;
};
BOOST_DESCRIBE_STRUCT(ConductorEscalation, (), (agent, message, run))

/// A sweep found what belonged nowhere, and mended it.
struct OrphanMended {
  std::string what;  ///< "task", "message", "lease", "agent"
  std::string id;
  std::optional<AgentId> agent;
  std::string text;  ///< what was found, and what was done
};
BOOST_DESCRIBE_STRUCT(OrphanMended, (), (what, id, agent, text))

/// Tried too often: out of the inbox, in the dead letters.
struct MessageDeadLettered {
  AgentId agent;
  RunId run;
  MessageId message;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(MessageDeadLettered, (), (agent, run, message, reason))

struct ThreadStarted {
  Thread thread;
};
BOOST_DESCRIBE_STRUCT(ThreadStarted, (), (thread))

/// The vendor's session of a thread is known.
struct SessionStarted {
  ThreadId thread;
  RunId run;
  AgentId agent;
  std::string session;
  std::string model;
  std::string permission_mode;
};
BOOST_DESCRIBE_STRUCT(SessionStarted, (), (thread, run, agent, session, model, permission_mode))

/// A native conversation grew: by what the user said, or by a step of the model.
struct MessagesAppended {
  ThreadId thread;
  RunId run;
  std::uint64_t from = 1;  ///< the number of the first
  std::vector<ChatMessage> messages;
};
BOOST_DESCRIBE_STRUCT(MessagesAppended, (), (thread, run, from, messages))

/// Its messages leave the inbox, its agent works.
struct RunStarted {
  Run run;
};
BOOST_DESCRIBE_STRUCT(RunStarted, (), (run))

struct RunStopRequested {
  RunId run;
  std::optional<AgentId> agent;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(RunStopRequested, (), (run, agent, reason))

/// Nothing came from the round for that long.
struct RunSilent {
  RunId run;
  AgentId agent;
  Duration silent_ms{};
  std::string last_lines;  ///< the end of what it wrote
};
BOOST_DESCRIBE_STRUCT(RunSilent, (), (run, agent, silent_ms, last_lines))

struct WebhookAdded {
  Webhook webhook;
};
BOOST_DESCRIBE_STRUCT(WebhookAdded, (), (webhook))

struct WebhookEnabled {
  WebhookId webhook;
};
BOOST_DESCRIBE_STRUCT(WebhookEnabled, (), (webhook))

/// It is told of nothing more, until it is enabled again: then of all that happened meanwhile.
struct WebhookDisabled {
  WebhookId webhook;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(WebhookDisabled, (), (webhook, reason))

struct WebhookRemoved {
  WebhookId webhook;
};
BOOST_DESCRIBE_STRUCT(WebhookRemoved, (), (webhook))

/// It was so far behind that retention removed what it would have been told next.
struct WebhookSkipped {
  WebhookId webhook;
  Position from;  ///< the first event that it is not told of
  Position to;    ///< the last
};
BOOST_DESCRIBE_STRUCT(WebhookSkipped, (), (webhook, from, to))

/// What the three terminal facts share. A run has exactly one of them (G7).
struct RunEnd {
  RunId run;
  std::optional<AgentId> agent;
  ThreadId thread;
  std::optional<TaskId> task;
  std::vector<MessageId> messages;  ///< those of its messages that are handled by it
  std::string code;                 ///< why it failed or was cancelled
  std::string error;                ///< the same for a person
  std::string text;                 ///< the final answer
  std::optional<std::string> session;
  Usage usage;
  double cost_usd = 0;
  std::optional<int> exit_status;
  std::optional<int> exit_signal;
  std::optional<Time> retry_at;  ///< when its vendor takes requests again, where it said so
};
BOOST_DESCRIBE_STRUCT(RunEnd, (),
                      (run, agent, thread, task, messages, code, error, text, session, usage,
                       cost_usd, exit_status, exit_signal, retry_at))

struct RunCompleted : RunEnd {};
BOOST_DESCRIBE_STRUCT(RunCompleted, (RunEnd), ())
struct RunFailed : RunEnd {};
BOOST_DESCRIBE_STRUCT(RunFailed, (RunEnd), ())
struct RunCancelled : RunEnd {};
BOOST_DESCRIBE_STRUCT(RunCancelled, (RunEnd), ())

}  // namespace fact

/// One of them, as it is: what std::visit and boost::mp11 go through.
using AnyFact = std::variant<
    fact::TownCreated, fact::TownMoved, fact::TownReset, fact::DaemonStarted, fact::DaemonStopped,
    fact::LogTruncated, fact::PayloadsPruned, fact::MirrorRewritten, fact::AgentSpawned,
    fact::AgentStateChanged, fact::AgentStopRequested, fact::AgentStopped, fact::AgentRestarted,
    fact::AgentInterrupted, fact::AgentResumed, fact::AgentParked, fact::AgentFailed,
    fact::AgentCompleted, fact::AgentPruned, fact::AgentNeedsAttention, fact::TaskCreated,
    fact::TaskAssigned, fact::TaskDelegated, fact::TaskStarted, fact::TaskProgressed,
    fact::TaskCompleted, fact::TaskFailed, fact::TaskCancelled, fact::TaskReturned,
    fact::TaskLeftOpen, fact::TaskRequeued, fact::MessageSent, fact::MessagesReturned,
    fact::MessagesHandled, fact::MessageWithdrawn, fact::MessageMoved, fact::MessageQuarantined,
    fact::MessageDeadLettered, fact::ConductorEscalation, fact::OrphanMended, fact::ThreadStarted,
    fact::SessionStarted, fact::MessagesAppended, fact::RunStarted, fact::RunStopRequested,
    fact::RunSilent, fact::RunCompleted, fact::RunFailed, fact::RunCancelled, fact::WebhookAdded,
    fact::WebhookEnabled, fact::WebhookDisabled, fact::WebhookRemoved, fact::WebhookSkipped>;

/// One of them. It is visited and asked as the variant that it is; but how it is made, copied and
/// destroyed stands in fact.cc, since to work that out for so many kinds takes a compiler seconds.
class Fact : public AnyFact {
 public:
  template <class F>
    requires boost::mp11::mp_contains<AnyFact, F>::value
  Fact(F fact);
  Fact(const Fact& other);
  Fact(Fact&& other) noexcept;
  Fact& operator=(const Fact& other);
  Fact& operator=(Fact&& other) noexcept;
  ~Fact();
};

/// The documents that a fact concerns: exactly those that apply() may change.
struct Concerned {
  std::vector<AgentId> agents;
  std::vector<TaskId> tasks;
  std::vector<MessageId> messages;
  std::vector<RunId> runs;
  std::vector<ThreadId> threads;
  std::vector<ThreadMessageId> thread_messages;
  std::vector<WebhookId> webhooks;
};
Concerned concerned(const Fact& fact);

/// How a document changes by a fact that happened at `at`. Empty before, set after: the fact
/// creates it. A fact that does not concern the document leaves it as it is. Pure.
void apply(std::optional<Agent>& agent, const Fact& fact, Time at);
void apply(std::optional<Task>& task, const Fact& fact, Time at);
void apply(std::optional<Message>& message, const Fact& fact, Time at);
void apply(std::optional<Run>& run, const Fact& fact, Time at);
void apply(std::optional<Thread>& thread, const Fact& fact, Time at);
void apply(std::optional<Webhook>& webhook, const Fact& fact, Time at);
void apply(std::optional<ThreadMessage>& message, ThreadMessageId id, const Fact& fact, Time at);

/// "AgentSpawned": the event's kind.
std::string_view kind_of(const Fact& fact);
/// The kinds of all facts: what state is folded from, so their payloads must stay as they are.
std::vector<std::string> fact_kinds();
bool is_fact_kind(std::string_view kind);
/// The fact as an event, of `origin`, about what it concerns.
NewEvent to_event(Env& env, const Fact& fact, std::string origin);
/// Empty: the event is no fact (it is a run's AgentEvent). invalid_argument: it is one that cannot
/// be read.
Result<std::optional<Fact>> fact_of(const Event& event);

}  // namespace reeve
