#include "town/supervisor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <exception>

#include "base/limits.h"
#include "base/logging.h"
#include "town/backlog.h"
#include "town/change.h"
#include "town/control.h"
#include "town/dependencies.h"
#include "town/directory.h"
#include "town/mailbox.h"
#include "town/open_task.h"
#include "town/prompt.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

/// How long a timer may run without a look at the clock, which may have jumped.
constexpr Duration kLongestWait{60'000};

std::uint64_t random_number(Env& env) {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  env.random(bytes);
  return std::bit_cast<std::uint64_t>(bytes);
}

}  // namespace

Supervisor::Supervisor(Ground ground, aio::asio::any_io_executor executor, Options options)
    : ground_(std::move(ground)),
      executor_(executor),
      options_(options),
      look_(executor),
      group_(std::move(executor)) {}

Supervisor::~Supervisor() = default;

Async<Status> Supervisor::start(run::Runs& runs) {
  runs_ = &runs;
  // Followed from before the agents are looked at, so that no reason to start a round falls in
  // between.
  log::EventFilter filter;
  filter.kinds = {"MessageSent",   "MessagesReturned", "AgentStateChanged", "AgentSpawned",
                  "RunCompleted",  "RunFailed",        "RunCancelled",      "AgentStopRequested",
                  "TaskCompleted", "TaskFailed",       "TaskCancelled",     "TaskCreated",
                  "TaskRequeued",  "AgentResumed",     "AgentRestarted",    "MessageMoved",
                  "OrphanMended",  "TaskAssigned"};
  log::Follower events(ground_.env, ground_.log, std::move(filter), "what gives agents work");
  auto agents = co_await look_through_agents(ground_.log.store());
  if (!agents) co_return fail(agents.error());
  for (const auto& agent : agents->readable) {
    if (!is_ended(agent.state)) wanted_.insert(agent.id);
  }
  for (const auto& damaged : agents->damaged)
    logging::error("{}: it gets no rounds, and what waits for it stays where it is", damaged.why);
  group_.spawn("follow the log", follow(std::move(events)));
  group_.spawn("start rounds", start_rounds());
  co_return Status();
}

Async<> Supervisor::start_rounds() {
  for (;;) {
    while ((!wanted_.empty() || news_.any()) && !holding_) {
      if (news_.any()) co_await wake_waiting();
      if (wanted_.empty()) continue;
      // One after the other, so that none who is looked at again and again goes before all others.
      auto next = wanted_.upper_bound(last_);
      if (next == wanted_.end()) next = wanted_.begin();
      last_ = *next;
      wanted_.erase(next);
      co_await consider(last_);
    }
    co_await look_.wait();
  }
}

void Supervisor::hold() {
  holding_ = true;
  if (runs_ != nullptr) runs_->hold();
}

Async<> Supervisor::close() {
  hold();
  timers_.clear();
  group_.cancel();
  co_await group_.join();
}

void Supervisor::look_soon(const AgentId& agent) {
  wanted_.insert(agent);
  look_.notify();
}

void Supervisor::look_later(AgentId agent, Time when) {
  const auto delay = std::clamp(when - ground_.env.now(), Duration(1), kLongestWait);
  timers_[agent] = ground_.env.after(delay, [this, agent] { look_soon(agent); });
}

/// Those whom a task waited for, and those who take from the backlog by themselves: nothing is
/// looked through for it but their own marks.
Async<> Supervisor::wake_waiting() {
  auto news = std::exchange(news_, {});
  auto& store = ground_.log.store();
  Status looked;
  for (const auto& task : news.completed) {
    auto followers = co_await followers_of(store, task);
    if (!followers) {
      looked = fail(followers.error());
      break;
    }
    wanted_.insert(followers->agents.begin(), followers->agents.end());
    news.backlog = news.backlog || followers->backlog;
  }
  if (looked && news.backlog) {
    auto claimers = co_await run::load_all<Agent>(store, std::string(run::kClaims));
    if (!claimers) looked = fail(claimers.error());
    for (const auto& agent : claimers.value_or(std::vector<Agent>())) {
      if (agent.state == AgentState::idle) wanted_.insert(agent.id);
    }
  }
  if (looked) co_return;
  logging::warn("who waits for a task cannot be looked up: {}", looked.error().message());
  auto again = [this, n = std::move(news)]() mutable {
    news_.completed.merge(n.completed);
    news_.backlog = news_.backlog || n.backlog;
    look_.notify();
  };
  news_later_ = ground_.env.after(options_.first_backoff, std::move(again));
}

/// Whatever may give an agent something to do.
Async<> Supervisor::follow(log::Follower events) {
  for (;;) {
    for (const auto& event : co_await events.next()) {
      // It grew, or what stood before the others has left it.
      if (event->kind == "TaskCreated" || event->kind == "TaskRequeued" ||
          event->kind == "TaskCancelled" || event->kind == "TaskAssigned" ||
          event->kind == "OrphanMended")
        news_.backlog = true;
      if (event->kind == "TaskCompleted") {
        const auto completed = parse_json_as<fact::TaskCompleted>(event->payload);
        if (completed) news_.completed.insert(completed->task);
      }
      for (const auto& scope : event->scopes) {
        if (scope.family() != "agent") continue;
        if (const auto id = AgentId::parse(scope.id())) wanted_.insert(*id);
      }
    }
    look_.notify();
  }
}

Async<> Supervisor::consider(AgentId agent) {
  Status started;
  std::exception_ptr thrown;
  try {
    started = co_await try_start(agent);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) {
    if (aio::is_cancellation(thrown)) std::rethrow_exception(thrown);
    started = fail(Errc::internal, aio::what(thrown));  // the other agents go on
  }
  if (started || holding_) co_return;
  if (started.error().is(Errc::conflict)) {
    look_soon(agent);  // it changed in between
  } else {
    logging::warn("agent {}: no round could be started: {}", agent.str(),
                  started.error().message());
    look_later(agent, ground_.env.now() + options_.first_backoff);
  }
}

Async<Status> Supervisor::try_start(AgentId id) {
  auto& store = ground_.log.store();
  auto agent = co_await run::load<Agent>(store, id);
  // The town's own mailbox; or one of which was told at the start, and no later look heals it.
  if (!agent && run::is_unreadable(agent.error())) co_return Status();
  if (!agent) co_return fail(agent.error());
  if (agent->state != AgentState::idle || agent->current_run || agent->stopping) co_return Status();
  if (!decide_used_up(*agent, agent->spent).empty()) co_return co_await stop_used_up(id);

  const auto seen = co_await interrupts_seen(store, id);
  if (!seen) co_return fail(seen.error());
  interrupts_seen_[id] = *seen;
  auto in_hand = co_await task_in_hand(store, *agent);
  if (!in_hand) co_return fail(in_hand.error());
  auto box = co_await open_mailbox(store, id, ground_.env.now(), held_for(*in_hand));
  if (!box) co_return fail(box.error());
  if (!box->unreadable.empty()) {
    auto aside = co_await quarantine(ground_, id, std::move(box->unreadable));
    if (!aside) co_return aside;
  }
  if (!box->settled.empty()) {
    auto done = co_await acknowledge(id, std::move(box->settled));
    if (!done) co_return done;
  }
  const auto chosen = choose_messages(box->ready);
  const bool parked = agent->parked && agent->parked->until > ground_.env.now();
  if (parked && (!chosen.empty() || agent->claims)) {
    look_later(id, agent->parked->until);
    co_return Status();
  }
  if (chosen.empty()) {
    if (box->later) {
      look_later(id, *box->later);
      co_return Status();
    }
    if (agent->claims && !*in_hand) {
      auto claimed = co_await claim_next(ground_, *agent);
      if (!claimed) co_return fail(claimed.error());
      if (*claimed) co_return Status();  // what it was sent begins its round
    }
    co_return co_await rest(std::move(*agent), std::move(*in_hand));
  }

  Briefing briefing;
  briefing.town = ground_.town;
  run::RunRequest request;
  std::optional<RunId> last_run;
  for (const auto& message : chosen) {
    Letter letter{message, co_await display_name(store, message.from), {}, {}};
    if (message.reply_to) {
      // What it answers, to remind the agent; without it the answer is as good as nothing.
      auto answered = co_await run::load<Message>(store, *message.reply_to);
      if (answered) letter.answers = std::move(answered->text);
    }
    if (message.task) {
      auto task = co_await run::load<reeve::Task>(store, *message.task);
      if (!task) co_return fail(task.error());
      if (brings_task(message)) request.task = task->id;
      letter.task = std::move(*task);
    }
    if (message.run) last_run = message.run;
    request.messages.push_back(message.id);
    briefing.letters.push_back(std::move(letter));
  }
  if (!request.task && *in_hand) request.task = (*in_hand)->id;
  if (request.task) {
    auto task = co_await run::load<reeve::Task>(store, *request.task);
    if (!task) co_return fail(task.error());
    briefing.task = std::move(*task);
  }
  if (last_run) {
    auto run = co_await run::load<reeve::Run>(store, *last_run);
    if (run && run->state == RunState::cancelled && run->thread == agent->thread)
      briefing.stopped = run->stopping.value_or(run->error);
  }
  briefing.agent = *agent;
  request.agent = std::move(*agent);
  request.prompt = write_prompt(briefing);
  auto run = co_await runs_->start(std::move(request));
  if (!run) co_return fail(run.error());
  co_return Status();
}

/// It has nothing to do. For too long: it is stopped, unless its task waits for somebody's answer.
Async<Status> Supervisor::rest(Agent agent, std::optional<reeve::Task> in_hand) {
  auto& store = ground_.log.store();
  if (in_hand) {
    auto waits = co_await awaits_answer(store, std::move(*in_hand));
    if (!waits) co_return fail(waits.error());
    // No event of its own says that an answer will never come.
    if (*waits) look_later(agent.id, ground_.env.now() + kLongestWait);
    if (*waits) co_return Status();
    run::Draft draft(ground_.env, store, run::Caller{.origin = "town"});
    if (auto brought = co_await bring_again(draft, store, options_, agent.id); !brought)
      co_return brought;
    const auto committed = co_await draft.commit();
    if (!committed) co_return fail(committed.error());
    co_return Status();
  }
  const auto until = idle_until(agent);
  if (!until) co_return Status();
  // A task that waits for another one is something to do.
  auto work = co_await has_work(store, agent.id);
  if (!work) co_return fail(work.error());
  if (*work) co_return Status();
  if (ground_.env.now() >= *until) co_return co_await stop_idle(agent.id);
  look_later(agent.id, *until);
  co_return Status();
}

Async<Status> Supervisor::stop_used_up(AgentId id) {
  run::Draft draft(ground_.env, ground_.log.store(), run::Caller{.origin = "town"});
  auto agent = co_await draft.get<Agent>(id);
  if (!agent) co_return fail(agent.error());
  if (agent->state != AgentState::idle || agent->current_run || agent->stopping)
    co_return fail(Errc::conflict, agent->name + " has changed");
  if (auto added = co_await add_all(draft, decide_used_up(*agent, agent->spent)); !added)
    co_return added;
  const auto committed = co_await draft.commit();
  if (!committed) co_return fail(committed.error());
  co_return Status();
}

Async<Status> Supervisor::stop_idle(AgentId id) {
  auto& store = ground_.log.store();
  run::Draft draft(ground_.env, store, run::Caller{.origin = "town"});
  auto agent = co_await draft.get<Agent>(id);
  if (!agent) co_return fail(agent.error());
  auto facts = decide_idle(*agent, ground_.env.now());
  if (facts.empty()) co_return fail(Errc::conflict, agent->name + " has changed");
  if (auto added = co_await add_all(draft, std::move(facts)); !added) co_return added;
  const auto committed = co_await draft.commit();
  if (!committed) co_return fail(committed.error());
  // Whoever sent it something until then was told that it takes mail.
  auto work = co_await has_work(store, id);
  if (!work) co_return fail(work.error());
  if (!*work) co_return Status();
  run::Draft again(ground_.env, store, run::Caller{.origin = "town"});
  auto stopped = co_await again.get<Agent>(id);
  if (!stopped) co_return fail(stopped.error());
  if (stopped->state != AgentState::stopped) co_return Status();  // somebody was faster
  auto added = co_await again.add(fact::AgentStateChanged{
      id, stopped->state, AgentState::idle, "work came while it was being stopped for idleness"});
  if (!added) co_return added;
  const auto woken = co_await again.commit();
  if (!woken && !woken.error().is(Errc::conflict)) co_return fail(woken.error());
  co_return Status();
}

/// Messages of tasks that have ended while they waited would cost a round that has nothing to do.
Async<Status> Supervisor::acknowledge(AgentId agent, std::vector<MessageId> settled) {
  if (settled.size() > limits::kPage) {
    settled.resize(limits::kPage);
    look_soon(agent);  // for the rest
  }
  run::Draft draft(ground_.env, ground_.log.store(), run::Caller{.origin = "town"});
  for (const auto& message : settled) {
    draft.require(store::QueueHolds{inbox_queue(agent), message.str(), ""});
    draft.write(store::QueueAck{inbox_queue(agent), message.str()});
  }
  auto added = co_await draft.add(fact::MessagesHandled{agent, std::move(settled)});
  if (!added) co_return added;
  const auto committed = co_await draft.commit();
  if (!committed) co_return fail(committed.error());
  co_return Status();
}

Async<Status> Supervisor::at_start(run::Draft& draft, const reeve::Run& run) {
  if (const auto seen = interrupts_seen_.extract(*run.agent); !seen.empty())
    draft.require(no_interrupt_since(*run.agent, seen.mapped()));
  for (const auto& message : run.messages) {
    draft.require(store::QueueHolds{inbox_queue(*run.agent), message.str(), ""});
    draft.write(store::QueueTake{inbox_queue(*run.agent), message.str(), run.id.str()});
  }
  if (!run.task) co_return Status();
  auto task = co_await draft.get<reeve::Task>(*run.task);
  if (!task) co_return fail(task.error());
  if (is_ended(task->state) || task->agent != run.agent) {
    co_return fail(Errc::conflict, "task " + run.task->short_str() + " is " +
                                       std::string(enum_name(task->state)) + " since just now");
  }
  co_return co_await take_in_hand(draft, ground_.log.store(), *run.task, *run.agent, run.id);
}

Async<Status> Supervisor::at_end(run::Draft& draft, const reeve::Run& run, Ending ending,
                                 bool started, fact::RunEnd& end) {
  auto agent = co_await draft.get<Agent>(*run.agent);
  if (!agent) co_return fail(agent.error());
  auto meant = consequence(options_, *agent, ending, started, end, draft.env().now(),
                           random_number(draft.env()));
  if (run.task) {
    // Its end concerns the task, and what is damaged must not keep it from ending.
    auto task = co_await draft.get<reeve::Task>(*run.task);
    if (!task && !run::is_unreadable(task.error())) co_return fail(task.error());
    if (!task) end.task.reset();
  }
  if (ending == Ending::completed) {
    for (const auto& id : run.messages) {
      auto message = co_await draft.get<Message>(id);
      if (!message && !run::is_unreadable(message.error())) co_return fail(message.error());
      if (message) end.messages.push_back(id);
      draft.write(store::QueueAck{inbox_queue(*run.agent), id.str()});
    }
    auto settled = co_await settle_in_hand(draft, ground_.log.store(), options_, run,
                                           agent->completes, end.text);
    if (!settled) co_return settled;
  } else {
    if (auto given = co_await give_back(draft, run, meant.counted, end); !given) co_return given;
  }
  if (agent->stopping) {
    co_return co_await draft.add(fact::AgentStopped{*run.agent, agent->state, *agent->stopping});
  }
  if (agent->state == AgentState::draining) {
    auto now = co_await draft.get<Agent>(*run.agent);
    if (!now) co_return fail(now.error());
    co_return co_await add_all(draft, decide_closed(*now));
  }
  co_return co_await add_all(draft, std::move(meant.facts));
}

/// The messages of a round that did not succeed.
Async<Status> Supervisor::give_back(run::Draft& draft, const reeve::Run& run, bool counted,
                                    fact::RunEnd& end) {
  const auto queue = inbox_queue(*run.agent);
  fact::MessagesReturned returned{*run.agent, run.id, {}, counted, {}};
  const auto random = random_number(draft.env());  // one for all: they come back together
  bool task_waits = false;
  std::string damage;  // the last that was found
  for (const auto& id : run.messages) {
    auto message = co_await draft.get<Message>(id);
    if (!message && !run::is_unreadable(message.error())) co_return fail(message.error());
    if (!message) damage = message.error().message();
    std::optional<reeve::Task> task;
    if (message && message->task) {
      auto found = co_await draft.get<reeve::Task>(*message->task);
      if (!found && !run::is_unreadable(found.error())) co_return fail(found.error());
      if (found) {
        task = std::move(*found);
      } else {
        damage = "its task cannot be read: " + found.error().message();
      }
    }
    if (!message || (message->task && !task)) {
      // What is damaged must not keep the run from ending.
      Unreadable item{id.str(), message ? static_cast<int>(message->priority) : 0, damage};
      auto put =
          co_await put_into_quarantine(draft, ground_.log.store(), *run.agent, std::move(item));
      if (!put) co_return put;
      continue;
    }
    if (is_settled(*message, task ? &*task : nullptr)) {  // whatever became of the round
      end.messages.push_back(id);
      draft.write(store::QueueAck{queue, id.str()});
      continue;
    }
    const int attempt = message->attempt + (counted ? 1 : 0);
    if (attempt < limits::kMessageAttempts) {
      const auto when =
          counted ? draft.env().now() + with_jitter(backoff(options_, attempt), random) : Time();
      returned.messages.push_back(id);
      returned.not_before = when;
      draft.write(store::QueueReturn{queue, id.str(), attempt, when});
      task_waits = task_waits || (brings_task(*message) && message->task == run.task);
      continue;
    }
    draft.write(store::QueueAck{queue, id.str()});
    draft.write(store::QueuePush{
        dead_queue(*run.agent), id.str(), static_cast<int>(message->priority), {}, attempt});
    const auto reason = "failed " + std::to_string(attempt) + " times: " + end.code +
                        (end.error.empty() ? "" : ": " + end.error);
    std::vector<Fact> facts{fact::MessageDeadLettered{*run.agent, run.id, id, reason},
                            fact::AgentNeedsAttention{*run.agent, "a message " + reason}};
    if (auto added = co_await add_all(draft, std::move(facts)); !added) co_return added;
    if (!brings_task(*message)) continue;
    fact::TaskFailed failed{*message->task, run.agent, run.id, reason};
    auto ended = co_await end_task(draft, *message->task, std::move(failed));
    if (!ended) co_return ended;
  }
  if (!damage.empty()) {
    if (auto told = co_await tell_of_quarantine(draft, *run.agent, damage); !told) co_return told;
  }
  if (run.task && task_waits) {
    if (auto added = co_await draft.add(fact::TaskReturned{*run.task, *run.agent, run.id}); !added)
      co_return added;
  }
  if (!returned.messages.empty()) {
    if (auto added = co_await draft.add(std::move(returned)); !added) co_return added;
  }
  co_return co_await give_back_begun(draft, ground_.log.store(), run);
}

}  // namespace reeve::town
