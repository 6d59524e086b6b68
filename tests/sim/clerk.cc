#include "clerk.h"

#include <algorithm>

namespace reeve::sim {

// --- Clerk --------------------------------------------------------------------------------------

Clerk::Op Clerk::invent() {
  Op op;
  op.number = ++made_;
  op.key = fmt::format("op-{}", op.number);
  op.what = static_cast<What>(world.random.pick(0, 5));
  if (agents_.empty()) op.what = What::spawn;
  if (op.what == What::progress && tasks_.empty()) op.what = What::task;
  const auto any = [&](const auto& of) { return of[world.random.below(of.size())]; };
  op.agent = op.what == What::spawn ? AgentId(world.env.uuid4()) : any(agents_);
  op.task = op.what == What::progress ? any(tasks_) : TaskId(world.env.uuid4());
  return op;
}

Async<> Clerk::play(Life& life) {
  while (!is_done()) {
    co_await life.pause(400ms);
    if (!op_) op_ = invent();
    co_await finish(life);
    if (life.over) co_return;
    if (world.random.chance(25)) co_await doubt(life);
  }
}

/// Tries until it is acknowledged.
Async<> Clerk::finish(Life& life) {
  while (op_ && !life.over) {
    const bool was_uncertain = op_->uncertain;
    op_->uncertain = true;
    ++op_->tries;
    const auto done = co_await attempt(life, *op_);
    if (life.over) co_return;
    world.note(name, fmt::format("{} {}", op_->key, done ? "done" : text_of(done.error())));
    if (done) {
      op_->uncertain = was_uncertain;
      acknowledged(*done);
      co_return;
    }
    const auto& why = done.error();
    if (!why.is(Errc::unknown_outcome)) op_->uncertain = was_uncertain;
    if (why.is(Errc::conflict)) continue;  // somebody else got on
    if (!may_pass(why)) complain("G9 a request can be repeated", op_->key + " " + text_of(why));
    co_await life.pause(300ms);
  }
}

void Clerk::acknowledged(const store::Committed& done) {
  auto op = std::move(*op_);
  op_.reset();
  if (done.repeated && !op.uncertain)
    complain("G9 what was refused has not happened", op.key + " is said to be a repetition");
  if (done.answer != op.key)
    complain("G9 a repetition is answered as the first time", op.key + ": " + done.answer);
  if (op.what == What::spawn) agents_.push_back(op.agent);
  if (op.what == What::task) tasks_.push_back(op.task);
  if (op.what == What::bill) bills_.insert(fmt::format("{}/{}-{}", kLane, name, op.key));
  op.done = done;
  done_.push_back(std::move(op));
}

Async<Result<store::Committed>> Clerk::attempt(Life& life, Op op) {
  run::Caller caller;
  caller.key = key_of(op);
  run::Draft draft(world.env, life.store(), std::move(caller));
  Status added;
  switch (op.what) {
    case What::spawn: {
      fact::AgentSpawned spawned;
      spawned.agent.id = op.agent;
      spawned.agent.name = fmt::format("{}-{}", name, op.number);
      spawned.agent.cli = "none";
      added = co_await draft.add(std::move(spawned));
      break;
    }
    case What::attention: {
      fact::AgentNeedsAttention attention{op.agent, op.key};
      added = co_await draft.add(std::move(attention));
      break;
    }
    case What::task: {
      fact::TaskCreated created;
      created.task.id = op.task;
      created.task.text = op.key;
      added = co_await draft.add(std::move(created));
      fact::TaskAssigned assigned{op.task, op.agent};
      if (added) added = co_await draft.add(std::move(assigned));
      break;
    }
    case What::progress: {
      fact::TaskProgressed progressed;
      progressed.task = op.task;
      progressed.text = op.key;
      added = co_await draft.add(std::move(progressed));
      break;
    }
    case What::count: added = co_await count(life, draft); break;
    case What::bill: {
      log::OutboxStage stage;
      log::NewRow row;
      row.lane = kLane;
      row.key = name + "-" + op.key;
      row.payload = "bill " + row.key;
      row.max_attempts = 1000;
      const auto staged = co_await life.outbox.stage(stage, std::move(row));
      if (!staged) added = fail(staged.error());
      for (auto& one : stage.require) draft.require(std::move(one));
      for (auto& one : stage.writes) draft.write(std::move(one));
      break;
    }
  }
  if (!added) co_return fail(added.error());
  json::object payload{{"by", name}, {"op", op.key}};
  draft.add_event(make_event(world, "Noted", {Scope::of(op.agent)}, std::move(payload), "clerk"));
  draft.answer(op.key);
  auto done = co_await draft.commit();
  if (op.what == What::bill) life.outbox.wake(kLane);
  co_return done;
}

Async<Status> Clerk::count(Life& life, run::Draft& draft) {
  store::DocKey key{kCounterKind, "all"};
  const auto doc = co_await life.store().get(key);
  if (!doc) co_return fail(doc.error());
  std::uint64_t number = 0;
  if (*doc) {
    number = std::stoull((*doc)->body);
    draft.require(store::DocAt{key, (*doc)->version});
  } else {
    draft.require(store::DocAbsent{key});
  }
  json::object payload{{"to", number + 1}};
  draft.add_event(make_event(world, "Counted", {}, std::move(payload), "clerk"));
  draft.write(store::PutDoc{std::move(key), std::to_string(number + 1), {}});
  co_return Status();
}

/// An old request once more: the first answer; with another body a conflict.
Async<> Clerk::doubt(Life& life) {
  if (done_.empty()) co_return;
  const auto op = done_[world.random.below(done_.size())];
  const bool other = world.random.chance(30);
  store::Commit again;
  again.key = key_of(op);
  if (other) again.key->digest += " changed";
  json::object payload{{"op", op.key}};
  again.events.push_back(make_event(world, "Doubled", {}, std::move(payload), "clerk"));
  const auto done = co_await life.store().commit(std::move(again));
  if (life.over || (!done && may_pass(done.error()))) co_return;
  if (other) {
    if (done || !done.error().is(Errc::conflict))
      complain("G9 a key is good for one request", op.key);
    co_return;
  }
  const bool same =
      done && done->repeated && done->first == op.done.first && done->answer == op.done.answer;
  if (!same) {
    complain("G9 a repetition is answered as the first time",
             op.key + ": " + (done ? done->answer : text_of(done.error())));
  }
}

void Clerk::testify() {
  std::map<std::string, std::vector<Position>> noted;
  for (const auto& event : world.history()) {
    if (event->kind == "Doubled") complain("G9 a repetition has no second effect", event->payload);
    if (event->kind != "Noted") continue;
    if (text_in(*event, "by") == name) noted[text_in(*event, "op")].push_back(event->position);
  }
  for (const auto& op : done_) {
    const auto& at = noted[op.key];
    if (at.empty()) {
      complain("G1 an acknowledged commit is there", op.key + " is not in the log");
    } else if (at.size() > 1) {
      complain("G9 a retry has no second effect",
               fmt::format("{} is in the log {} times", op.key, at.size()));
    } else if (at.front() < op.done.first || at.front() > op.done.last) {
      complain("G4 a commit is where its answer says",
               fmt::format("{} is at {}, not in {} to {}", op.key, at.front().value,
                           op.done.first.value, op.done.last.value));
    }
  }
}

// --- Postman ------------------------------------------------------------------------------------

Async<> Postman::play(Life& life) {
  log::RelayOptions options;
  options.lane = kLane;
  options.owner = fmt::format("life-{}", life.number);
  options.sole = true;
  options.in_flight = static_cast<std::size_t>(world.random.pick(1, 4));
  options.lease = Duration(5'000);
  options.first_retry = Duration(200);
  options.last_retry = Duration(2'000);
  auto deliver_it = [this, &life](log::OutboxClaim claim) {
    return deliver(life, std::move(claim));
  };
  life.relays.push_back(std::make_unique<log::Relay>(world.env, world.env.loop.get_executor(),
                                                     life.outbox, options, std::move(deliver_it)));
  life.relays.back()->start();
  co_return;
}

Async<log::Delivery> Postman::deliver(Life& life, log::OutboxClaim claim) {
  const auto id = claim.row.id;
  ++tallies_[id].begun;
  // As it really is, past all faults.
  store::DocKey key{"_outbox", id};
  const auto row = co_await world.witness->get(std::move(key));
  if (life.over) co_return log::Delivery::retry("too late");
  const auto now =
      row && *row ? parse_json_as<log::OutboxRow>((*row)->body).value() : log::OutboxRow();
  if (now.state == log::OutboxState::delivered)
    complain("outbox: what is delivered is not delivered again", id);
  else if (now.token != claim.row.token && world.env.now() < claim.row.lease_until)
    complain("outbox: who delivers holds the claim", id);
  if (claim.payload != "bill " + id.substr(id.find('/') + 1))
    complain("outbox: a row keeps its payload", id + ": " + claim.payload);
  world.note(name, fmt::format("{} try {}", id, claim.row.attempts));
  const auto luck = world.random.below(10);
  if (luck == 0) co_await world.sleep(20s);  // longer than the lease
  if (luck <= 3) co_await life.pause(2s);
  if (life.over) co_return log::Delivery::retry("too late");
  if (luck == 4) throw std::runtime_error("the receiver's door is shut");
  if (luck == 5) co_return log::Delivery::retry("nobody is there");
  ++tallies_[id].taken;
  co_return log::Delivery::done();
}

void Postman::testify() {
  const bool good_day = world.setting.calm() && world.setting.faults.slow == 0;
  for (const auto& [id, tally] : tallies_) {
    if (good_day && tally.taken > 1)
      complain("outbox: on a good day a row is delivered once",
               fmt::format("{} was taken {} times", id, tally.taken));
  }
}

}  // namespace reeve::sim
