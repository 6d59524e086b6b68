#include <algorithm>

#include "base/overloaded.h"
#include "model/fact.h"

/// How each document changes by what happens.
namespace reeve {
namespace {

bool contains(const std::vector<MessageId>& messages, const MessageId& id) {
  return std::ranges::find(messages, id) != messages.end();
}

}  // namespace

void apply(std::optional<Agent>& agent, const Fact& fact, Time at) {
  if (const auto* spawned = std::get_if<fact::AgentSpawned>(&fact)) {
    if (!agent) agent = spawned->agent;
    return;
  }
  if (!agent) return;
  const auto is_me = [&](const std::optional<AgentId>& id) { return id == agent->id; };
  const auto become = [&](AgentState state) {
    agent->state = state;
    agent->last_active_at = at;
  };
  const auto ended = [&](const fact::RunEnd& e) {
    if (!is_me(e.agent)) return false;
    agent->current_run.reset();
    agent->usage = agent->usage + e.usage;
    agent->cost_usd += e.cost_usd;
    ++agent->spent.rounds;
    agent->spent.tokens += e.usage.input_tokens.value_or(0) + e.usage.output_tokens.value_or(0);
    agent->spent.cost_usd += e.cost_usd;
    agent->last_active_at = at;
    if (agent->state == AgentState::working) agent->state = AgentState::idle;
    return true;
  };
  const auto task_over = [&](const auto& f) {
    if (agent->current_task == f.task) agent->current_task.reset();
  };
  // What a person did about it, or it by itself: nobody has to look any more.
  const auto well_again = [&] {
    agent->failures_in_a_row = 0;
    agent->attention.reset();
    agent->parked.reset();
  };
  std::visit(Overloaded{[&](const fact::AgentStateChanged& f) {
                          if (!is_me(f.agent)) return;
                          become(f.to);
                          if (f.to == AgentState::idle) agent->current_run.reset();
                        },
                        [&](const fact::AgentStopRequested& f) {
                          if (is_me(f.agent)) agent->stopping = f.reason;
                        },
                        [&](const fact::AgentStopped& f) {
                          if (!is_me(f.agent)) return;
                          become(AgentState::stopped);
                          agent->stopping.reset();
                          agent->parked.reset();
                        },
                        [&](const fact::AgentRestarted& f) {
                          if (!is_me(f.agent)) return;
                          become(AgentState::idle);
                          agent->stopping.reset();
                          agent->spent = {};
                          if (f.rounds) agent->limits.rounds = f.rounds;
                          if (f.fresh) agent->thread.reset();
                          well_again();
                        },
                        [&](const fact::AgentInterrupted& f) {
                          if (is_me(f.agent)) become(AgentState::paused);
                        },
                        [&](const fact::AgentResumed& f) {
                          if (!is_me(f.agent)) return;
                          if (agent->state == AgentState::paused) become(AgentState::idle);
                          agent->last_active_at = at;
                          well_again();
                        },
                        [&](const fact::AgentParked& f) {
                          if (is_me(f.agent)) agent->parked = {f.code, f.reason, f.until};
                        },
                        [&](const fact::AgentFailed& f) {
                          if (!is_me(f.agent)) return;
                          become(AgentState::error);
                          agent->stopping.reset();
                          agent->attention = f.reason;
                        },
                        [&](const fact::AgentPruned& f) {
                          if (is_me(f.agent)) agent->pruned = true;
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
                          agent->last_task = f.task;
                          task_over(f);
                        },
                        [&](const fact::TaskFailed& f) {
                          if (is_me(f.agent)) task_over(f);
                        },
                        [&](const fact::TaskCancelled& f) {
                          if (is_me(f.agent)) task_over(f);
                        },
                        [&](const fact::TaskRequeued& f) {
                          if (is_me(f.agent)) task_over(f);
                        },
                        [&](const fact::ThreadStarted& f) {
                          if (is_me(f.thread.agent)) agent->thread = f.thread.id;
                        },
                        [&](const fact::RunStarted& f) {
                          if (!is_me(f.run.agent)) return;
                          agent->state = AgentState::working;
                          agent->current_run = f.run.id;
                          agent->parked.reset();
                          agent->last_active_at = at;
                        },
                        [&](const fact::RunCompleted& f) {
                          if (!ended(f)) return;
                          ++agent->rounds_completed;
                          agent->failures_in_a_row = 0;
                          // What its own end stops it for stands, until a person restarts it.
                          if (!is_ended(agent->state)) well_again();
                        },
                        [&](const fact::RunFailed& f) {
                          if (!ended(f)) return;
                          ++agent->rounds_failed;
                          ++agent->failures_in_a_row;
                        },
                        [&](const fact::RunCancelled& f) { ended(f); },
                        [](const auto&) {}},
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
    task->again_at.reset();
    task->ended_at = at;
  };
  // Whoever has it next begins to count.
  const auto anew = [&] {
    task->left_open = 0;
    task->again_at.reset();
  };
  std::visit(Overloaded{[&](const fact::TaskAssigned& f) {
                          if (!mine(f.task)) return;
                          task->state = TaskState::assigned;
                          task->agent = f.agent;
                          anew();
                        },
                        [&](const fact::TaskStarted& f) {
                          if (!mine(f.task)) return;
                          if (task->run != f.run) ++task->attempts;
                          task->state = TaskState::running;
                          task->run = f.run;
                          task->again_at.reset();
                          if (!task->started_at) task->started_at = at;
                        },
                        [&](const fact::TaskReturned& f) {
                          if (mine(f.task)) task->state = TaskState::assigned;
                        },
                        [&](const fact::TaskLeftOpen& f) {
                          if (!mine(f.task)) return;
                          task->left_open = f.rounds;
                          task->again_at = f.again_at;
                        },
                        [&](const fact::TaskRequeued& f) {
                          if (!mine(f.task)) return;
                          anew();
                          task->state = TaskState::pending;
                          task->agent.reset();
                          task->result.reset();
                          task->started_at.reset();
                          task->ended_at.reset();
                        },
                        [&](const fact::TaskProgressed& f) {
                          if (!mine(f.task)) return;
                          task->progress = f.text;
                          if (f.run) task->reported = f.run;
                        },
                        [&](const fact::TaskCompleted& f) {
                          if (mine(f.task)) over(TaskState::completed, f.result);
                        },
                        [&](const fact::TaskFailed& f) {
                          if (mine(f.task)) over(TaskState::failed, f.error);
                        },
                        [&](const fact::TaskCancelled& f) {
                          if (mine(f.task)) over(TaskState::cancelled, f.reason);
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
                        [&](const fact::MessageMoved& f) {
                          if (f.message != message->id) return;
                          message->to = f.to;
                          message->state = MessageState::queued;
                          message->attempt = 0;
                          message->run.reset();
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
                        [&](const fact::MessageSent& f) {
                          if (f.run == run->id && f.message.type == MessageType::query)
                            run->question = f.message.id;
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

}  // namespace reeve
