#include "executor.h"

#include <algorithm>

#include "log/follower.h"

namespace reeve::sim {
namespace {

constexpr const char* kProgressKind = "_sim_progress";

store::DocKey progress_key(const RunId& run) { return {kProgressKind, run.str()}; }

/// The number that a scripted event carries in the log; nothing: it is none of those.
std::optional<std::int64_t> number_of(const Event& event) {
  std::string number;
  if (event.kind == "AssistantMessage") number = text_in(event, "message_id");
  if (event.kind == "ToolCallDone") number = text_in(event, "id");
  return number.empty() ? std::nullopt : std::optional(std::stoll(number));
}

}  // namespace

Executor::Executor(World& all, std::string called)
    : Player(all, std::move(called)), wanted_(static_cast<std::size_t>(world.random.pick(1, 3))) {
  agent_.id = AgentId(world.env.uuid4());
  agent_.name = name;
  agent_.cli = "none";
}

Executor::Plan Executor::invent() {
  Plan plan;
  ++count_;
  plan.run.id = RunId(world.env.uuid4());
  plan.run.agent = agent_.id;
  plan.run.thread = agent_.thread.value_or(ThreadId(world.env.uuid4()));
  plan.run.cli = "none";
  plan.run.durability = static_cast<Durability>(world.random.pick(0, 2));
  plan.keyed = world.random.chance(50);
  if (world.random.chance(30)) plan.ending = Ending::error;
  for (int i = world.random.pick(0, 40); i > 0; --i) {
    const auto number = std::to_string(plan.script.size());
    switch (world.random.below(8)) {
      case 0: {
        AssistantMessage message;
        message.message_id = number;
        message.text = "message " + number;
        plan.script.emplace_back(std::move(message));
        break;
      }
      case 1: {
        ToolCallDone done;
        done.id = number;
        done.name = "saw";
        plan.script.emplace_back(std::move(done));
        break;
      }
      case 2: plan.script.emplace_back(ReasoningDelta{"hm " + number, {}}); break;
      case 3: plan.script.emplace_back(StepStarted{}); break;
      default: plan.script.emplace_back(TextDelta{"text " + number, {}});
    }
  }
  return plan;
}

Async<> Executor::play(Life& life) {
  while (!is_done() && !life.over) {
    if (!plan_) {
      co_await life.pause(1s);
      plan_ = invent();
    }
    if (!plan_->started) co_await start(life);
    if (life.over) co_return;
    if (co_await take_up(life)) co_await execute(life);
    if (life.over) co_return;
    world.open_runs.erase(plan_->run.id);
    done_.push_back(std::move(*plan_));
    plan_.reset();
  }
}

// --- The start ----------------------------------------------------------------------------------

Async<> Executor::start(Life& life) {
  while (!life.over) {
    const auto done = co_await try_start(life);
    if (life.over) co_return;
    world.note(name, fmt::format("start {} {}", plan_->run.id.str(),
                                 done ? "done" : text_of(done.error())));
    if (done) {
      spawned_ = plan_->started = true;
      agent_.thread = plan_->run.thread;
      world.open_runs.insert(plan_->run.id);
      co_return;
    }
    if (!may_pass(done.error()) && !done.error().is(Errc::conflict))
      complain("a run can be started", text_of(done.error()));
    co_await life.pause(300ms);
  }
}

Async<Result<store::Committed>> Executor::try_start(Life& life) {
  const auto& run = plan_->run;
  run::Caller caller;
  caller.key = store::IdempotencyKey{name, fmt::format("start-{}", count_), run.id.str()};
  run::Draft draft(world.env, life.store(), std::move(caller));
  if (!spawned_) {
    fact::AgentSpawned spawned{agent_};
    fact::ThreadStarted thread;
    thread.thread.id = run.thread;
    thread.thread.agent = agent_.id;
    auto added = co_await draft.add(std::move(spawned));
    if (added) added = co_await draft.add(std::move(thread));
    if (!added) co_return fail(added.error());
  }
  fact::RunStarted started{run};
  started.run.started_at = world.env.now();
  if (auto added = co_await draft.add(std::move(started)); !added) co_return fail(added.error());
  draft.write(store::SetRunEpoch{run.id, 1});
  draft.write(store::PutDoc{progress_key(run.id), write_json_of(Progress()), {}});
  co_return co_await draft.commit();
}

// --- Taking up ----------------------------------------------------------------------------------

Async<bool> Executor::take_up(Life& life) {
  for (bool raised = false; !life.over;) {
    auto key = progress_key(plan_->run.id);
    const auto doc = co_await life.store().get(std::move(key));
    if (life.over) co_return false;
    if (!doc) {
      co_await life.pause(300ms);
      continue;
    }
    if (!*doc) co_return false;  // its end took it away
    progress_ = parse_json_as<Progress>((*doc)->body).value();
    version_ = (*doc)->version;
    if (raised || version_ == 1 || world.random.chance(50)) co_return true;
    raised = co_await raise_epoch(life);
  }
  co_return false;
}

Async<bool> Executor::raise_epoch(Life& life) {
  const auto stale = progress_.epoch;
  run::Draft draft(world.env, life.store(), run::Caller());
  auto next = progress_;
  ++next.epoch;
  draft.require(store::RunAt{plan_->run.id, stale});
  draft.require(store::DocAt{progress_key(plan_->run.id), version_});
  draft.write(store::SetRunEpoch{plan_->run.id, next.epoch});
  draft.write(store::PutDoc{progress_key(plan_->run.id), write_json_of(next), {}});
  const auto done = co_await draft.commit();
  if (life.over || !done) co_return false;
  world.note(name, fmt::format("epoch {}", next.epoch));
  co_await probe_fence(life, stale);
  co_return true;
}

/// Somebody who does not know yet that he is fenced off.
Async<> Executor::probe_fence(Life& life, std::uint64_t stale) {
  store::Commit late;
  late.require.emplace_back(store::RunAt{plan_->run.id, stale});
  late.events.push_back(make_event(world, "Stale", {Scope::of(plan_->run.id)}, {}, "executor"));
  const auto done = co_await life.store().commit(std::move(late));
  if (life.over || (!done && (done.error().is(Errc::fenced) || may_pass(done.error())))) co_return;
  complain("G8 a stale executor cannot write", done ? "it did" : text_of(done.error()));
}

// --- The course ---------------------------------------------------------------------------------

log::SinkOptions Executor::sink_options(Life& life) {
  const auto& run = plan_->run;
  log::SinkOptions options;
  options.context = {.run = run.id,
                     .thread = run.thread,
                     .scopes = {Scope::of(agent_.id), Scope::of(run.id), Scope::of(run.thread)},
                     .origin = "agent:" + name};
  options.epoch = progress_.epoch;
  options.durability = run.durability;
  options.watched = true;
  options.staged_events = static_cast<std::size_t>(world.random.pick(1, 30));
  options.live = [&life](Delta delta) {
    life.published[{delta.run, delta.epoch}].insert(delta.number);
    life.log.publish(std::move(delta));
  };
  return options;
}

Async<> Executor::execute(Life& life) {
  log::DurableSink sink(world.env, life.log, sink_options(life), progress_.sink);
  const auto& plan = *plan_;
  while (progress_.next < plan.script.size() && !life.stops.contains(plan.run.id)) {
    if (life.log.crowded(plan.run.id)) co_await life.log.room(plan.run.id);
    static_cast<void>(sink.emit(plan.script[progress_.next], progress_.next));
    ++progress_.next;
    if (sink.full() || world.random.chance(20)) {
      if (!co_await flush(life, sink)) co_return;
    }
    if (world.random.chance(30)) co_await life.pause(200ms);
    if (life.over) co_return;
  }
  if (world.random.chance(70) && !co_await flush(life, sink)) co_return;
  co_await settle(life, sink);
  if (life.over) co_return;
  co_await probe_fence(life, progress_.epoch);
}

void Executor::add_progress(run::Draft& draft) {
  const auto& id = plan_->run.id;
  draft.require(store::RunAt{id, progress_.epoch});
  draft.require(store::DocAt{progress_key(id), version_});
  draft.write(store::PutDoc{progress_key(id), write_json_of(progress_), {}});
}

/// False: the process is dead.
Async<bool> Executor::flush(Life& life, log::DurableSink& sink) {
  for (;;) {
    const auto& staged = sink.staged();
    progress_.sink = sink.state();
    run::Caller caller{.origin = "agent:" + name};
    if (plan_->keyed) {
      caller.key = store::IdempotencyKey{name, fmt::format("{}-{}", count_, version_),
                                         std::to_string(progress_.next)};
    }
    run::Draft draft(world.env, life.store(), std::move(caller));
    draft.add_staged(staged);
    add_progress(draft);
    const auto done = co_await draft.commit();
    if (life.over) co_return false;
    world.note(name,
               fmt::format("flush {} {}", progress_.next, done ? "done" : text_of(done.error())));
    bool happened = done.has_value();
    if (!done && !plan_->keyed &&
        (done.error().is(Errc::conflict) || done.error().is(Errc::unknown_outcome))) {
      auto key = progress_key(plan_->run.id);
      const auto doc = co_await life.store().get(std::move(key));
      if (life.over) co_return false;
      happened = doc && *doc && (*doc)->version > version_;
    }
    if (happened) {
      ++version_;
      sink.committed();
      co_return true;
    }
    if (!may_pass(done.error()) && !done.error().is(Errc::conflict))
      complain("a run's events can be kept", text_of(done.error()));
    co_await life.pause(300ms);
    if (life.over) co_return false;
  }
}

Async<> Executor::settle(Life& life, log::DurableSink& sink) {
  while (!life.over) {
    const auto done = co_await try_settle(life, sink);
    if (life.over) co_return;
    world.note(name, fmt::format("settle {}", done ? "done" : text_of(done.error())));
    if (done) co_return;
    if (!may_pass(done.error()) && !done.error().is(Errc::conflict))
      complain("G7 a run gets its end", text_of(done.error()));
    co_await life.pause(300ms);
  }
}

Async<Result<store::Committed>> Executor::try_settle(Life& life, log::DurableSink& sink) {
  run::Draft draft(world.env, life.store(), run::Caller{.origin = "agent:" + name});
  auto run = co_await draft.get<reeve::Run>(plan_->run.id);
  if (!run) co_return fail(run.error());
  if (is_ended(run->state)) co_return store::Committed();
  draft.add_staged(sink.staged());
  fact::RunEnd end;
  end.run = run->id;
  end.agent = run->agent;
  end.thread = run->thread;
  end.text = std::to_string(progress_.next);
  Fact terminal = fact::RunCompleted{end};
  if (plan_->ending == Ending::error) terminal = fact::RunFailed{end};
  if (run->stopping) terminal = fact::RunCancelled{end};
  if (auto added = co_await draft.add(std::move(terminal)); !added) co_return fail(added.error());
  draft.require(store::RunAt{run->id, progress_.epoch});
  draft.write(store::SetRunEpoch{run->id, std::nullopt});
  draft.write(store::RemoveDoc{progress_key(run->id)});
  co_return co_await draft.commit();
}

// --- Testimony ----------------------------------------------------------------------------------

void Executor::testify() {
  for (const auto& plan : done_) check_output(plan);
}

/// What was to be kept of the script is in the log, once and in order, as far as the run came.
void Executor::check_output(const Plan& plan) {
  const auto* end = world.end_of(plan.run.id);
  if (end == nullptr) return;  // the judge says so
  const auto reached = std::stoull(text_in(*end, "text"));
  std::vector<std::int64_t> wanted;
  for (std::size_t i = 0; i < reached && plan.run.durability != Durability::disabled; ++i) {
    const auto& event = plan.script[i];
    if (std::holds_alternative<AssistantMessage>(event) ||
        std::holds_alternative<ToolCallDone>(event))
      wanted.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> found;
  for (const auto& event : world.history()) {
    if (std::ranges::find(event->scopes, Scope::of(plan.run.id)) == event->scopes.end()) continue;
    if (const auto number = number_of(*event)) found.push_back(*number);
  }
  if (found != wanted) {
    complain("G12 a run's output is there, once and in order",
             fmt::format("{}: {} instead of {}", plan.run.id.str(), fmt::join(found, " "),
                         fmt::join(wanted, " ")));
  }
}

// --- Warden -------------------------------------------------------------------------------------

Async<> Warden::play(Life& life) {
  life.group.spawn("watch", watch(life));
  while (!life.over) {
    co_await life.pause(8s);
    if (life.over || world.open_runs.empty()) continue;
    const auto run =
        *std::next(world.open_runs.begin(),
                   static_cast<std::ptrdiff_t>(world.random.below(world.open_runs.size())));
    for (bool asked = false; !asked && !life.over;) {
      asked = (co_await request(life, run)).has_value();
      if (!asked) co_await life.pause(500ms);
    }
  }
}

/// Tells executors of the requests, as a daemon does.
Async<> Warden::watch(Life& life) {
  log::EventFilter filter;
  filter.kinds = {"RunStopRequested"};
  log::Follower requests(world.env, life.log, std::move(filter), "stop requests");
  for (;;) {
    const auto events = co_await requests.next();
    for (const auto& event : events)
      life.stops.insert(parse_json_as<fact::RunStopRequested>(event->payload).value().run);
  }
}

Async<Status> Warden::request(Life& life, RunId id) {
  run::Draft draft(world.env, life.store(), run::Caller());
  const auto run = co_await draft.get<reeve::Run>(id);
  if (!run) co_return fail(run.error());
  if (is_ended(run->state) || run->stopping) co_return Status();
  fact::RunStopRequested wanted{id, run->agent, "the warden says so"};
  if (auto added = co_await draft.add(std::move(wanted)); !added) co_return added;
  const auto done = co_await draft.commit();
  world.note(name, fmt::format("stop {} {}", id.str(), done ? "done" : text_of(done.error())));
  if (!done) co_return fail(done.error());
  co_return Status();
}

void Warden::testify() {
  for (const auto& event : world.history()) {
    if (event->kind == "Stale") complain("G8 a stale executor cannot write", event->id.str());
    if (event->kind != "RunStopRequested") continue;
    const auto run = parse_json_as<fact::RunStopRequested>(event->payload).value().run;
    const auto* end = world.end_of(run);
    if (end != nullptr && end->kind != "RunCancelled")
      complain("G8 a cancel wins", fmt::format("{} has {}", run.str(), end->kind));
  }
}

}  // namespace reeve::sim
