#pragma once

#include <boost/describe.hpp>

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
};
BOOST_DESCRIBE_STRUCT(RunSilent, (), (run, agent, silent_ms))

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
};
BOOST_DESCRIBE_STRUCT(RunEnd, (),
                      (run, agent, thread, task, messages, code, error, text, session, usage,
                       cost_usd, exit_status, exit_signal))

struct RunCompleted : RunEnd {};
BOOST_DESCRIBE_STRUCT(RunCompleted, (RunEnd), ())
struct RunFailed : RunEnd {};
BOOST_DESCRIBE_STRUCT(RunFailed, (RunEnd), ())
struct RunCancelled : RunEnd {};
BOOST_DESCRIBE_STRUCT(RunCancelled, (RunEnd), ())

}  // namespace fact

using Fact = std::variant<
    fact::TownCreated, fact::DaemonStarted, fact::DaemonStopped, fact::LogTruncated,
    fact::PayloadsPruned, fact::AgentSpawned, fact::AgentStateChanged, fact::AgentStopRequested,
    fact::AgentStopped, fact::AgentNeedsAttention, fact::TaskCreated, fact::TaskAssigned,
    fact::TaskStarted, fact::TaskProgressed, fact::TaskCompleted, fact::TaskFailed,
    fact::TaskReturned, fact::MessageSent, fact::MessagesReturned, fact::MessagesHandled,
    fact::MessageWithdrawn, fact::MessageDeadLettered, fact::ThreadStarted, fact::SessionStarted,
    fact::MessagesAppended, fact::RunStarted, fact::RunStopRequested, fact::RunSilent,
    fact::RunCompleted, fact::RunFailed, fact::RunCancelled, fact::WebhookAdded,
    fact::WebhookEnabled, fact::WebhookDisabled, fact::WebhookRemoved, fact::WebhookSkipped>;

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
