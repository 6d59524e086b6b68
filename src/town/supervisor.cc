#include "town/supervisor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <exception>

#include "base/limits.h"
#include "base/logging.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/mailbox.h"
#include "town/prompt.h"

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
                  "TaskCompleted", "TaskFailed",       "AgentRestarted",    "AgentResumed"};
  log::Follower events(ground_.env, ground_.log, std::move(filter), "what gives agents work");
  auto agents = co_await all_agents(ground_.log.store());
  if (!agents) co_return fail(agents.error());
  for (const auto& agent : *agents) {
    if (!is_ended(agent.state)) wanted_.insert(agent.id);
  }
  group_.spawn("follow the log", follow(std::move(events)));
  group_.spawn("start rounds", start_rounds());
  co_return Status();
}

Async<> Supervisor::start_rounds() {
  for (;;) {
    while (!wanted_.empty() && !holding_) {
      const auto agent = *wanted_.begin();
      wanted_.erase(wanted_.begin());
      co_await consider(agent);
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

/// Whatever may give an agent something to do.
Async<> Supervisor::follow(log::Follower events) {
  for (;;) {
    for (const auto& event : co_await events.next()) {
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
  } else if (!started.error().is(Errc::not_found)) {
    logging::warn("agent {}: no round could be started: {}", agent.str(),
                  started.error().message());
    look_later(agent, ground_.env.now() + options_.first_backoff);
  }
}

Async<Status> Supervisor::try_start(AgentId id) {
  auto& store = ground_.log.store();
  auto agent = co_await run::load<Agent>(store, id);
  if (!agent) co_return fail(agent.error());
  if (agent->state != AgentState::idle || agent->current_run || agent->stopping) co_return Status();
  if (!decide_used_up(*agent, agent->spent).empty()) co_return co_await stop_used_up(id);

  auto box = co_await open_mailbox(store, id, ground_.env.now());
  if (!box) co_return fail(box.error());
  if (!box->settled.empty()) {
    auto done = co_await acknowledge(id, std::move(box->settled));
    if (!done) co_return done;
  }
  const auto chosen = choose_messages(box->ready);
  if (chosen.empty()) {
    if (!box->later) co_return co_await rest(std::move(*agent));
    look_later(id, *box->later);
    co_return Status();
  }
  if (agent->parked && agent->parked->until > ground_.env.now()) {
    look_later(id, agent->parked->until);
    co_return Status();
  }

  Briefing briefing;
  briefing.town = ground_.town;
  run::RunRequest request;
  for (const auto& message : chosen) {
    Letter letter{message, co_await display_name(store, message.from), {}};
    if (message.task) {
      auto task = co_await run::load<reeve::Task>(store, *message.task);
      if (!task) co_return fail(task.error());
      if (!is_ended(task->state)) request.task = task->id;
      letter.task = std::move(*task);
    }
    request.messages.push_back(message.id);
    briefing.letters.push_back(std::move(letter));
  }
  if (!request.task) request.task = agent->current_task;
  if (request.task) {
    auto task = co_await run::load<reeve::Task>(store, *request.task);
    if (!task) co_return fail(task.error());
    briefing.task = std::move(*task);
  }
  briefing.agent = *agent;
  request.agent = std::move(*agent);
  request.prompt = write_prompt(briefing);
  auto run = co_await runs_->start(std::move(request));
  if (!run) co_return fail(run.error());
  co_return Status();
}

/// It has nothing to do. For too long: it is stopped, unless its task waits for somebody's answer.
Async<Status> Supervisor::rest(Agent agent) {
  const auto until = idle_until(agent);
  if (!until) co_return Status();
  if (agent.current_task) {
    auto task = co_await run::load<reeve::Task>(ground_.log.store(), *agent.current_task);
    if (!task && !task.error().is(Errc::not_found)) co_return fail(task.error());
    if (task && !is_ended(task->state) && task->agent == agent.id) co_return Status();
  }
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
  for (const auto& message : run.messages) {
    draft.require(store::QueueHolds{inbox_queue(*run.agent), message.str(), ""});
    draft.write(store::QueueTake{inbox_queue(*run.agent), message.str(), run.id.str()});
  }
  if (!run.task) co_return Status();
  auto task = co_await draft.get<reeve::Task>(*run.task);
  if (!task) co_return fail(task.error());
  if (is_ended(task->state))
    co_return fail(Errc::conflict, "task " + run.task->short_str() + " has just ended");
  co_return co_await draft.add(fact::TaskStarted{*run.task, *run.agent, run.id});
}

Async<Status> Supervisor::at_end(run::Draft& draft, const reeve::Run& run, Ending ending,
                                 bool started, fact::RunEnd& end) {
  auto agent = co_await draft.get<Agent>(*run.agent);
  if (!agent) co_return fail(agent.error());
  auto meant = consequence(options_, *agent, ending, started, end, draft.env().now(),
                           random_number(draft.env()));
  if (ending == Ending::completed) {
    end.messages = run.messages;
    for (const auto& message : run.messages)
      draft.write(store::QueueAck{inbox_queue(*run.agent), message.str()});
    if (run.task && !run.reported && agent->completes == Completes::success) {
      auto task = co_await draft.get<reeve::Task>(*run.task);
      if (!task) co_return fail(task.error());
      if (!is_ended(task->state)) {
        auto done =
            co_await draft.add(fact::TaskCompleted{*run.task, *run.agent, run.id, end.text});
        if (!done) co_return done;
      }
    }
  } else {
    if (auto given = co_await give_back(draft, run, meant.counted, end); !given) co_return given;
  }
  if (agent->stopping) {
    co_return co_await draft.add(fact::AgentStopped{*run.agent, agent->state, *agent->stopping});
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
  for (const auto& id : run.messages) {
    auto message = co_await draft.get<Message>(id);
    if (!message) co_return fail(message.error());
    std::optional<reeve::Task> task;
    if (message->task) {
      auto found = co_await draft.get<reeve::Task>(*message->task);
      if (!found) co_return fail(found.error());
      task = std::move(*found);
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
      task_waits = task_waits || message->task == run.task;
      continue;
    }
    draft.write(store::QueueAck{queue, id.str()});
    draft.write(store::QueuePush{
        dead_queue(*run.agent), id.str(), static_cast<int>(message->priority), {}, attempt});
    const auto reason = "failed " + std::to_string(attempt) + " times: " + end.code +
                        (end.error.empty() ? "" : ": " + end.error);
    std::vector<Fact> facts{fact::MessageDeadLettered{*run.agent, run.id, id, reason},
                            fact::AgentNeedsAttention{*run.agent, "a message " + reason}};
    if (message->task)
      facts.emplace_back(fact::TaskFailed{*message->task, *run.agent, run.id, reason});
    if (auto added = co_await add_all(draft, std::move(facts)); !added) co_return added;
  }
  if (run.task && task_waits) {
    if (auto added = co_await draft.add(fact::TaskReturned{*run.task, *run.agent, run.id}); !added)
      co_return added;
  }
  if (!returned.messages.empty()) co_return co_await draft.add(std::move(returned));
  co_return Status();
}

}  // namespace reeve::town
