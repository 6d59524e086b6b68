#include "model/fact.h"

#include <boost/mp11/algorithm.hpp>

#include <algorithm>

#include "base/json.h"
#include "base/overloaded.h"

namespace reeve {
namespace {

template <class>
inline constexpr std::string_view kKind = "";
#define REEVE_NAME(type) \
  template <>            \
  inline constexpr std::string_view kKind<fact::type> = #type
REEVE_NAME(TownCreated);
REEVE_NAME(DaemonStarted);
REEVE_NAME(DaemonStopped);
REEVE_NAME(LogTruncated);
REEVE_NAME(PayloadsPruned);
REEVE_NAME(AgentSpawned);
REEVE_NAME(AgentStateChanged);
REEVE_NAME(AgentStopRequested);
REEVE_NAME(AgentStopped);
REEVE_NAME(AgentNeedsAttention);
REEVE_NAME(TaskCreated);
REEVE_NAME(TaskAssigned);
REEVE_NAME(TaskStarted);
REEVE_NAME(TaskProgressed);
REEVE_NAME(TaskCompleted);
REEVE_NAME(TaskFailed);
REEVE_NAME(TaskReturned);
REEVE_NAME(MessageSent);
REEVE_NAME(MessagesReturned);
REEVE_NAME(MessagesHandled);
REEVE_NAME(MessageWithdrawn);
REEVE_NAME(MessageDeadLettered);
REEVE_NAME(ThreadStarted);
REEVE_NAME(SessionStarted);
REEVE_NAME(MessagesAppended);
REEVE_NAME(RunStarted);
REEVE_NAME(RunStopRequested);
REEVE_NAME(RunSilent);
REEVE_NAME(RunCompleted);
REEVE_NAME(RunFailed);
REEVE_NAME(RunCancelled);
REEVE_NAME(WebhookAdded);
REEVE_NAME(WebhookEnabled);
REEVE_NAME(WebhookDisabled);
REEVE_NAME(WebhookRemoved);
REEVE_NAME(WebhookSkipped);
#undef REEVE_NAME

template <class T>
void append(std::vector<T>& out, const std::optional<T>& id) {
  if (id) out.push_back(*id);
}

/// A message's sender, where it is an agent of the town.
std::optional<AgentId> sender(const Message& message) {
  const auto parsed = AgentId::parse(message.from);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

bool contains(const std::vector<MessageId>& messages, const MessageId& id) {
  return std::ranges::find(messages, id) != messages.end();
}

}  // namespace

Concerned concerned(const Fact& fact) {
  Concerned out;
  const auto end = [&](const fact::RunEnd& e) {
    append(out.agents, e.agent);
    out.runs = {e.run};
    out.threads = {e.thread};
    out.messages = e.messages;
    append(out.tasks, e.task);
  };
  std::visit(Overloaded{
      [](const fact::TownCreated&) {},
      [](const fact::DaemonStarted&) {},
      [](const fact::DaemonStopped&) {},
      [](const fact::LogTruncated&) {},
      [](const fact::PayloadsPruned&) {},
      [&](const fact::AgentSpawned& f) { out.agents = {f.agent.id}; },
      [&](const fact::AgentStateChanged& f) { out.agents = {f.agent}; },
      [&](const fact::AgentStopRequested& f) { out.agents = {f.agent}; },
      [&](const fact::AgentStopped& f) { out.agents = {f.agent}; },
      [&](const fact::AgentNeedsAttention& f) { out.agents = {f.agent}; },
      [&](const fact::TaskCreated& f) { out.tasks = {f.task.id}; },
      [&](const fact::TaskAssigned& f) {
        out.tasks = {f.task};
        out.agents = {f.agent};
      },
      [&]<class T>(const T& f)
        requires(std::same_as<T, fact::TaskStarted> || std::same_as<T, fact::TaskReturned>)
                {
                  out.tasks = {f.task};
                  out.agents = {f.agent};
                  out.runs = {f.run};
                },
                [&]<class T>(const T& f)
                  requires(std::same_as<T, fact::TaskProgressed> ||
                           std::same_as<T, fact::TaskCompleted> ||
                           std::same_as<T, fact::TaskFailed>)
                          {
                            out.tasks = {f.task};
                            append(out.agents, f.agent);
                            append(out.runs, f.run);
                          },
                          [&](const fact::MessageSent& f) {
                            out.messages = {f.message.id};
                            out.agents = {f.message.to};
                            append(out.agents, sender(f.message));
                            if (out.agents.size() == 2 && out.agents[0] == out.agents[1])
                              out.agents.pop_back();
                            append(out.runs, f.run);
                            append(out.tasks, f.message.task);
                          },
                          [&](const fact::MessagesReturned& f) {
                            out.messages = f.messages;
                            out.agents = {f.agent};
                            out.runs = {f.run};
                          },
                          [&](const fact::MessagesHandled& f) {
                            out.messages = f.messages;
                            out.agents = {f.agent};
                          },
                          [&](const fact::MessageWithdrawn& f) {
                            out.messages = {f.message};
                            out.agents = {f.agent};
                          },
                          [&](const fact::MessageDeadLettered& f) {
                            out.messages = {f.message};
                            out.agents = {f.agent};
                            out.runs = {f.run};
                          },
                          [&](const fact::ThreadStarted& f) {
                            out.threads = {f.thread.id};
                            append(out.agents, f.thread.agent);
                          },
                          [&](const fact::SessionStarted& f) {
                            out.threads = {f.thread};
                            out.runs = {f.run};
                            out.agents = {f.agent};
                          },
                          [&](const fact::RunStarted& f) {
                            out.runs = {f.run.id};
                            append(out.agents, f.run.agent);
                            out.threads = {f.run.thread};
                            out.messages = f.run.messages;
                            append(out.tasks, f.run.task);
                          },
                          [&](const fact::MessagesAppended& f) {
                            out.threads = {f.thread};
                            for (auto number = f.from; number < f.from + f.messages.size();
                                 ++number)
                              out.thread_messages.push_back({f.thread, number});
                          },
                          [&](const fact::RunStopRequested& f) {
                            out.runs = {f.run};
                            append(out.agents, f.agent);
                          },
                          [&](const fact::RunSilent& f) {
                            out.runs = {f.run};
                            out.agents = {f.agent};
                          },
                          [&](const fact::RunCompleted& f) { end(f); },
                          [&](const fact::RunFailed& f) { end(f); },
                          [&](const fact::RunCancelled& f) { end(f); },
                          [&](const fact::WebhookAdded& f) { out.webhooks = {f.webhook.id}; },
                          [&]<class T>(const T& f)
                            requires(std::same_as<T, fact::WebhookEnabled> ||
                                     std::same_as<T, fact::WebhookDisabled> ||
                                     std::same_as<T, fact::WebhookRemoved> ||
                                     std::same_as<T, fact::WebhookSkipped>)
      { out.webhooks = {f.webhook}; }},
      fact);
  return out;
}

void apply(std::optional<Agent>& agent, const Fact& fact, Time at) {
  if (const auto* spawned = std::get_if<fact::AgentSpawned>(&fact)) {
    if (!agent) agent = spawned->agent;
    return;
  }
  if (!agent) return;
  const auto is_me = [&](const std::optional<AgentId>& id) { return id == agent->id; };
  const auto ended = [&](const fact::RunEnd& e) {
    if (!is_me(e.agent)) return false;
    agent->current_run.reset();
    agent->usage = agent->usage + e.usage;
    agent->cost_usd += e.cost_usd;
    agent->last_active_at = at;
    if (agent->state == AgentState::working) agent->state = AgentState::idle;
    return true;
  };
  const auto task_over = [&](const auto& f) {
    if (agent->current_task == f.task) agent->current_task.reset();
  };
  std::visit(Overloaded{[&](const fact::AgentStateChanged& f) {
                          if (is_me(f.agent)) agent->state = f.to;
                        },
                        [&](const fact::AgentStopRequested& f) {
                          if (is_me(f.agent)) agent->stopping = f.reason;
                        },
                        [&](const fact::AgentStopped& f) {
                          if (!is_me(f.agent)) return;
                          agent->state = AgentState::stopped;
                          agent->stopping.reset();
                        },
                        [&](const fact::AgentNeedsAttention& f) {
                          if (is_me(f.agent)) agent->attention = f.reason;
                        },
                        [&](const fact::TaskStarted& f) {
                          if (is_me(f.agent)) agent->current_task = f.task;
                        },
                        [&](const fact::TaskReturned& f) {
                          if (is_me(f.agent)) task_over(f);
                        },
                        [&](const fact::TaskCompleted& f) {
                          if (!is_me(f.agent)) return;
                          ++agent->tasks_completed;
                          task_over(f);
                        },
                        [&](const fact::TaskFailed& f) {
                          if (is_me(f.agent)) task_over(f);
                        },
                        [&](const fact::ThreadStarted& f) {
                          if (is_me(f.thread.agent)) agent->thread = f.thread.id;
                        },
                        [&](const fact::RunStarted& f) {
                          if (!is_me(f.run.agent)) return;
                          agent->state = AgentState::working;
                          agent->current_run = f.run.id;
                          agent->last_active_at = at;
                        },
                        [&](const fact::RunCompleted& f) {
                          if (!ended(f)) return;
                          ++agent->rounds_completed;
                          agent->failures_in_a_row = 0;
                          agent->attention.reset();
                        },
                        [&](const fact::RunFailed& f) {
                          if (!ended(f)) return;
                          ++agent->rounds_failed;
                          ++agent->failures_in_a_row;
                        },
                        [&](const fact::RunCancelled& f) { ended(f); }, [](const auto&) {}},
             fact);
}

void apply(std::optional<Task>& task, const Fact& fact, Time at) {
  if (const auto* created = std::get_if<fact::TaskCreated>(&fact)) {
    if (!task) task = created->task;
    return;
  }
  if (!task) return;
  const auto mine = [&](const TaskId& id) {
    if (id != task->id) return false;
    task->updated_at = at;
    return true;
  };
  const auto over = [&](TaskState state, const std::string& result) {
    task->state = state;
    task->result = result;
    task->ended_at = at;
  };
  std::visit(Overloaded{[&](const fact::TaskAssigned& f) {
                          if (!mine(f.task)) return;
                          task->state = TaskState::assigned;
                          task->agent = f.agent;
                        },
                        [&](const fact::TaskStarted& f) {
                          if (!mine(f.task)) return;
                          task->state = TaskState::running;
                          task->run = f.run;
                          if (!task->started_at) task->started_at = at;
                        },
                        [&](const fact::TaskReturned& f) {
                          if (mine(f.task)) task->state = TaskState::assigned;
                        },
                        [&](const fact::TaskProgressed& f) {
                          if (mine(f.task)) task->progress = f.text;
                        },
                        [&](const fact::TaskCompleted& f) {
                          if (mine(f.task)) over(TaskState::completed, f.result);
                        },
                        [&](const fact::TaskFailed& f) {
                          if (mine(f.task)) over(TaskState::failed, f.error);
                        },
                        [](const auto&) {}},
             fact);
}

void apply(std::optional<Message>& message, const Fact& fact, Time) {
  if (const auto* sent = std::get_if<fact::MessageSent>(&fact)) {
    if (!message) message = sent->message;
    return;
  }
  if (!message) return;
  const auto ended = [&](const fact::RunEnd& e) {
    if (contains(e.messages, message->id)) message->state = MessageState::handled;
  };
  std::visit(Overloaded{[&](const fact::RunStarted& f) {
                          if (!contains(f.run.messages, message->id)) return;
                          message->state = MessageState::taken;
                          message->run = f.run.id;
                        },
                        [&](const fact::RunCompleted& f) { ended(f); },
                        [&](const fact::RunFailed& f) { ended(f); },
                        [&](const fact::RunCancelled& f) { ended(f); },
                        [&](const fact::MessagesReturned& f) {
                          if (!contains(f.messages, message->id)) return;
                          message->state = MessageState::queued;
                          if (f.counted) ++message->attempt;
                        },
                        [&](const fact::MessagesHandled& f) {
                          if (contains(f.messages, message->id))
                            message->state = MessageState::handled;
                        },
                        [&](const fact::MessageWithdrawn& f) {
                          if (f.message != message->id) return;
                          message->withdrawn = f.reason;
                          if (message->state == MessageState::queued)
                            message->state = MessageState::handled;
                        },
                        [&](const fact::MessageDeadLettered& f) {
                          if (f.message != message->id) return;
                          message->state = MessageState::dead;
                          ++message->attempt;
                        },
                        [](const auto&) {}},
             fact);
}

void apply(std::optional<Run>& run, const Fact& fact, Time at) {
  if (const auto* started = std::get_if<fact::RunStarted>(&fact)) {
    if (!run) run = started->run;
    return;
  }
  if (!run) return;
  const auto end = [&](RunState state, const fact::RunEnd& e) {
    if (e.run != run->id || is_ended(run->state)) return;
    run->state = state;
    run->code = e.code;
    run->error = e.error;
    run->text = e.text;
    if (e.session) run->session = e.session;
    run->usage = e.usage;
    run->cost_usd = e.cost_usd;
    run->exit_status = e.exit_status;
    run->exit_signal = e.exit_signal;
    run->ended_at = at;
  };
  std::visit(Overloaded{[&](const fact::SessionStarted& f) {
                          if (f.run == run->id) run->session = f.session;
                        },
                        [&](const fact::RunStopRequested& f) {
                          if (f.run == run->id && !run->stopping) run->stopping = f.reason;
                        },
                        [&](const fact::TaskProgressed& f) {
                          if (f.run == run->id) run->reported = true;
                        },
                        [&](const fact::MessageSent& f) {
                          if (f.run == run->id && f.message.type == MessageType::query)
                            run->reported = true;
                        },
                        [&](const fact::RunCompleted& f) { end(RunState::completed, f); },
                        [&](const fact::RunFailed& f) { end(RunState::failed, f); },
                        [&](const fact::RunCancelled& f) { end(RunState::cancelled, f); },
                        [](const auto&) {}},
             fact);
}

void apply(std::optional<Thread>& thread, const Fact& fact, Time at) {
  if (const auto* started = std::get_if<fact::ThreadStarted>(&fact)) {
    if (!thread) thread = started->thread;
    return;
  }
  if (!thread) return;
  const auto ended = [&](const fact::RunEnd& e) {
    if (e.thread != thread->id) return;
    ++thread->runs;
    thread->updated_at = at;
  };
  std::visit(Overloaded{[&](const fact::SessionStarted& f) {
                          if (f.thread != thread->id) return;
                          thread->session = f.session;
                          thread->updated_at = at;
                        },
                        [&](const fact::MessagesAppended& f) {
                          if (f.thread != thread->id) return;
                          thread->messages = f.from + f.messages.size() - 1;
                          thread->updated_at = at;
                        },
                        [&](const fact::RunCompleted& f) {
                          ended(f);
                          // A CLI that says nothing of its session has kept the one we named.
                          if (f.thread == thread->id && f.session) thread->session = f.session;
                        },
                        [&](const fact::RunFailed& f) {
                          ended(f);
                          // To resume it again would fail for ever: the next run begins anew.
                          if (f.thread == thread->id && f.code == "session_not_found")
                            thread->session.reset();
                        },
                        [&](const fact::RunCancelled& f) { ended(f); }, [](const auto&) {}},
             fact);
}

void apply(std::optional<Webhook>& webhook, const Fact& fact, Time at) {
  if (const auto* added = std::get_if<fact::WebhookAdded>(&fact)) {
    if (!webhook) webhook = added->webhook;
    return;
  }
  if (!webhook || webhook->state == WebhookState::removed) return;
  const auto become = [&](const WebhookId& id, WebhookState state, const std::string& reason) {
    if (id != webhook->id) return;
    webhook->state = state;
    webhook->reason = reason;
    webhook->updated_at = at;
  };
  std::visit(
      Overloaded{
          [&](const fact::WebhookEnabled& f) { become(f.webhook, WebhookState::active, ""); },
          [&](const fact::WebhookDisabled& f) {
            become(f.webhook, WebhookState::disabled, f.reason);
          },
          [&](const fact::WebhookRemoved& f) { become(f.webhook, WebhookState::removed, ""); },
          [](const auto&) {}},
      fact);
}

void apply(std::optional<ThreadMessage>& message, ThreadMessageId id, const Fact& fact, Time at) {
  const auto* appended = std::get_if<fact::MessagesAppended>(&fact);
  if (message || appended == nullptr || appended->thread != id.thread) return;
  const auto index = id.number - appended->from;
  if (id.number < appended->from || index >= appended->messages.size()) return;
  message = ThreadMessage{id.thread, id.number, appended->run, appended->messages[index], at};
}

std::string_view kind_of(const Fact& fact) {
  return std::visit([]<class T>(const T&) { return kKind<T>; }, fact);
}

std::vector<std::string> fact_kinds() {
  std::vector<std::string> kinds;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, Fact>>(
      [&]<class T>(std::type_identity<T>) { kinds.emplace_back(kKind<T>); });
  return kinds;
}

bool is_fact_kind(std::string_view kind) {
  bool found = false;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, Fact>>(
      [&]<class T>(std::type_identity<T>) { found = found || kKind<T> == kind; });
  return found;
}

NewEvent to_event(Env& env, const Fact& fact, std::string origin) {
  NewEvent event;
  event.id = EventId(env.uuid7());
  event.kind = kind_of(fact);
  event.fidelity = Fidelity::domain;
  event.time = env.now();
  event.origin = std::move(origin);
  event.payload = std::visit([](const auto& typed) { return write_json_of(typed); }, fact);
  const auto about = concerned(fact);
  const auto add = [&](const auto& ids) {
    for (const auto& id : ids) event.scopes.push_back(Scope::of(id));
  };
  add(about.agents);
  add(about.tasks);
  add(about.runs);
  add(about.threads);
  if (const auto* appended = std::get_if<fact::MessagesAppended>(&fact))
    event.scopes.push_back(Scope::of(appended->run));
  return event;
}

Result<std::optional<Fact>> fact_of(const Event& event) {
  Result<std::optional<Fact>> out;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, Fact>>(
      [&]<class T>(std::type_identity<T>) {
        // A driver's SessionStarted is folded only in its committed form, which names the thread.
        if (kKind<T> != event.kind || event.fidelity != Fidelity::domain) return;
        const auto value = parse_json(event.payload);
        // What a run says names its type, and no fact does: the RunFailed of a run whose life is
        // in the log only changes no document.
        if (value && value->is_object() && value->get_object().contains("type")) return;
        auto read = value ? from_json<T>(*value) : Result<T>(fail(value.error()));
        if (read) {
          out = std::optional<Fact>(std::move(*read));
        } else {
          out = fail(read.error().during("event " + std::to_string(event.position.value) + " (" +
                                         event.kind + ")"));
        }
      });
  return out;
}

}  // namespace reeve
