#include "readers.h"

#include <algorithm>

#include "aio/within.h"
#include "log/follower.h"

namespace reeve::sim {
namespace {

/// What follows a cursor is gone, and really is.
void check_expiry(World& world, const std::string& name, Position cursor) {
  const auto mark = world.disk->log().mark();
  if (cursor >= mark) {
    world.complain("G11 a cursor expires below the low-water mark only",
                   fmt::format("{}: {}, and the mark is at {}", name, cursor.value, mark.value));
  }
}

/// Where two lists begin to differ.
std::string difference(const std::vector<Position>& got, const std::vector<Position>& wanted) {
  const auto [a, b] = std::ranges::mismatch(got, wanted);
  return fmt::format("{} instead of {} in place {}",
                     a == got.end() ? "nothing" : std::to_string(a->value),
                     b == wanted.end() ? "nothing" : std::to_string(b->value), a - got.begin());
}

bool is_within(const std::vector<std::pair<Position, Position>>& ranges, Position position) {
  return std::ranges::any_of(ranges, [&](const auto& range) {
    return range.first < position && position <= range.second;
  });
}

}  // namespace

log::EventFilter draw_filter(World& world) {
  log::EventFilter filter;
  switch (world.random.below(4)) {
    case 0: filter.kinds = {"Noted", "Counted"}; break;
    case 1: filter.kinds = {"RunStarted", "RunCompleted", "RunFailed", "RunCancelled"}; break;
    case 2: filter.kinds = {"NeverSaid"}; break;
    default: break;
  }
  if (!filter.kinds.empty()) filter.kinds.emplace_back("End");
  return filter;
}

std::vector<Position> wanted_of(const World& world, const log::EventFilter& filter, Position after,
                                Position upto) {
  std::vector<Position> wanted;
  for (auto at = after.value; at < std::min<std::uint64_t>(upto.value, world.history().size());
       ++at) {
    if (filter.matches(*world.history()[at])) wanted.push_back(world.history()[at]->position);
  }
  return wanted;
}

// --- Reader -------------------------------------------------------------------------------------

Async<> Reader::play(Life& life) {
  while (!life.over) {
    co_await life.pause(2s);
    co_await follow(life);
  }
}

Async<> Reader::follow(Life& life) {
  log::SubscribeOptions options;
  options.from = log::From::after(cursor_);
  options.filter = filter_;
  options.batch = 1 + world.random.below(world.random.chance(50) ? 3 : 100);
  if (world.random.chance(30)) options.hold_as = name;
  const auto subscription = life.log.subscribe(std::move(options));
  for (;;) {
    const auto got =
        co_await aio::within(world.env, world.random.up_to(3s) + 1ms, subscription->next());
    if (life.over) co_return;
    if (!got) continue;
    if (!*got) {
      const auto& why = got->error();
      if (why.is(Errc::cursor_expired)) {
        expire(life, why);
        co_return;
      }
      if (!may_pass(why)) complain("G5 a cursor is good for ever", text_of(why));
      if (world.random.chance(50)) co_return;
      co_await life.pause(300ms);
      continue;
    }
    if (!take(**got)) co_return;
    if (world.random.chance(20)) co_await life.pause(1s);
  }
}

bool Reader::take(const std::vector<Frame>& frames) {
  for (const auto& frame : frames) {
    if (world.random.chance(2)) return false;
    const auto position = frame_position(frame);
    if (!position) continue;
    if (const auto* event = std::get_if<EventPtr>(&frame)) {
      effects_.push_back(*position);
      const bool same = position->value <= world.history().size() &&
                        world.history()[position->value - 1]->id == (*event)->id;
      if (!same)
        complain("G3 what is told is in the log",
                 fmt::format("{} {}", position->value, (*event)->id.str()));
    }
    cursor_ = *position;
  }
  return true;
}

void Reader::expire(Life& life, const Error& why) {
  check_expiry(world, name, cursor_);
  const auto mark = life.store().log().mark();
  world.note(name, why.message());
  if (cursor_ >= mark) return;
  skipped_.emplace_back(cursor_, mark);
  cursor_ = mark;
}

void Reader::testify() {
  auto wanted = wanted_of(world, filter_, {}, cursor_);
  std::erase_if(wanted, [&](Position position) { return is_within(skipped_, position); });
  if (effects_ != wanted)
    complain("G5 each event once, in order, across restarts", difference(effects_, wanted));
}

// --- Watcher ------------------------------------------------------------------------------------

bool Watcher::Stream::accounts_for(std::uint64_t number) const {
  return numbers.contains(number) || std::ranges::any_of(gaps, [&](const auto& gap) {
           return gap.first <= number && number <= gap.second;
         });
}

Async<> Watcher::play(Life& life) {
  streams_.clear();
  delivered_ = dropped_ = 0;
  nameless_ = false;
  life.deltas_at_start = life.log.counters().deltas;
  while (!life.over) co_await follow(life);
}

Async<> Watcher::follow(Life& life) {
  log::SubscribeOptions options;
  options.deltas = true;
  options.delta_capacity = 1 + world.random.below(20);
  options.batch = 1 + world.random.below(60);
  options.block = world.random.chance(20);
  options.patience = world.random.up_to(3s);
  const auto subscription = life.log.subscribe(std::move(options));
  for (;;) {
    const auto frames = co_await subscription->next();
    if (life.over) co_return;
    if (!frames) {
      const auto& why = frames.error();
      if (why.is(Errc::cursor_expired)) {
        // It goes on from now, and has missed what it has missed.
        check_expiry(world, name, subscription->position());
        nameless_ = true;
        co_return;
      }
      if (!may_pass(why)) complain("G6 a slow reader is fed from the store", text_of(why));
      co_await life.pause(200ms);
      continue;
    }
    for (const auto& frame : *frames) take(frame);
    seen_ = subscription->position();
    if (world.random.chance(30)) co_await life.pause(1s);
  }
}

void Watcher::take(const Frame& frame) {
  if (const auto* delta = std::get_if<DeltaPtr>(&frame)) {
    take_delta(**delta);
  } else if (const auto* event = std::get_if<EventPtr>(&frame)) {
    take_event(**event);
  } else if (const auto* gap = std::get_if<Gap>(&frame)) {
    dropped_ += gap->dropped;
    if (gap->run.is_nil()) nameless_ = true;
    streams_[{gap->run, gap->epoch}].gaps.emplace_back(gap->from, gap->to);
  }
}

void Watcher::take_delta(const Delta& delta) {
  ++delivered_;
  auto& stream = streams_[{delta.run, delta.epoch}];
  const auto where = [&] {
    return fmt::format("{} of run {}, epoch {}", delta.number, delta.run.str(), delta.epoch);
  };
  if (stream.superseded && delta.number <= *stream.superseded)
    complain("G6 no delta comes after what superseded it", where());
  if (!stream.numbers.empty() && delta.number <= *stream.numbers.rbegin())
    complain("G6 deltas come in their order", where());
  stream.numbers.insert(delta.number);
}

void Watcher::take_event(const Event& event) {
  if (event.kind != "AssistantMessage") return;
  const auto payload = parse_json(event.payload).value();
  const auto* by = payload.as_object().if_contains("supersedes");
  if (by == nullptr) return;
  const auto run = std::ranges::find(event.scopes, std::string_view("run"), &Scope::family);
  const auto epoch = by->at("epoch").to_number<std::uint64_t>();
  streams_[{RunId::parse(run->id()).value(), epoch}].superseded =
      by->at("to").to_number<std::uint64_t>();
}

/// Everybody has done all, and it has seen the log's end.
void Watcher::part(Life& life) {
  if (nameless_) return;
  const auto published = life.log.counters().deltas - life.deltas_at_start;
  if (delivered_ + dropped_ != published) {
    complain("G6 each dropped delta is in a gap",
             fmt::format("{} delivered and {} in gaps, of {}", delivered_, dropped_, published));
  }
  for (const auto& [stream, numbers] : life.published) {
    for (const auto number : numbers) {
      if (streams_[stream].accounts_for(number)) continue;
      complain("G6 each dropped delta is in a gap",
               fmt::format("{} of run {} is not", number, stream.first.str()));
    }
  }
}

// --- Insider ------------------------------------------------------------------------------------

Async<> Insider::play(Life& life) {
  log::Follower follower(world.env, life.log, filter_, name);
  seen_ = life.log.head();
  while (!life.over) {
    const auto events = co_await follower.next();
    if (life.over) co_return;
    check(events);
    if (world.random.chance(20)) co_await life.pause(2s);
  }
}

/// It goes on behind what it has seen.
void Insider::check(const std::vector<EventPtr>& events) {
  std::vector<Position> got;
  for (const auto& event : events) got.push_back(event->position);
  const auto wanted = wanted_of(world, filter_, seen_, got.back());
  if (got != wanted)
    complain("G5 a follower misses nothing and repeats nothing", difference(got, wanted));
  seen_ = got.back();
}

// --- Hearer -------------------------------------------------------------------------------------

Hearer::Hearer(World& all, std::string called)
    : Player(all, std::move(called)),
      filter_(draw_filter(world)),
      policy_(static_cast<run::SlowPolicy>(world.random.pick(0, 2))),
      concurrency_(1 + world.random.below(3)),
      slowness_(world.random.up_to(300ms) + 1us) {}

Async<> Hearer::play(Life& life) {
  while (!life.over) {
    co_await life.pause(500ms);
    co_await listen(life);
  }
}

Async<> Hearer::listen(Life& life) {
  run::ListenOptions options;
  options.from = log::From::after(place_);
  options.kinds.insert(filter_.kinds.begin(), filter_.kinds.end());
  options.policy = policy_;
  options.patience = world.random.up_to(2s);
  options.delta_capacity = 1 + world.random.below(60);
  options.queue = 1 + world.random.below(100);
  options.deltas = world.random.chance(70);
  ++turn_;
  now_.clear();
  last_.clear();
  run::Control control;
  control.set_concurrency_limit(concurrency_);
  auto handler = [this, &life, turn = turn_](run::Heard heard, const run::Control&) {
    return handle(life, std::move(heard), turn);
  };
  const auto listener =
      life.listening.on(std::move(options), std::move(handler), control,
                        [](const run::Heard&, const std::string&) { /* it was to be expected */ });
  for (const auto until = world.env.uptime() + 20s + world.random.up_to(60s);
       !listener->is_finished() && world.env.uptime() < until;) {
    co_await world.sleep(300ms);
    if (life.over) co_return;
    save(*listener);
  }
  if (life.over) co_return;
  if (world.random.chance(50)) {
    co_await listener->stop();
    if (life.over) co_return;
    save(*listener);
  }
  const auto why = listener->error();
  if (!why) co_return;
  world.note(name, why->message());
  if (why->is(Errc::cursor_expired)) {
    check_expiry(world, name, place_);
    const auto mark = life.store().log().mark();
    if (place_ < mark) skipped_.emplace_back(std::exchange(place_, mark), mark);
  } else if (!may_pass(*why)) {
    complain("G5 a listener goes on where it was", text_of(*why));
  }
}

Async<> Hearer::handle(Life& life, run::Heard heard, int turn) {
  const bool slow = world.random.chance(40);
  if (slow) co_await life.pause(slowness_);
  if (life.over) co_return;
  const auto* event = std::get_if<EventPtr>(&heard.frame);
  if (event == nullptr || turn != turn_) co_return;
  const auto position = (*event)->position;
  if (!now_.insert(position).second)
    complain("G5 a listener handles an event once", std::to_string(position.value));
  ++handled_[position];
  auto& last = last_[heard.run.value_or(RunId())];
  if (position <= last)
    complain("a listener keeps the order of each run", std::to_string(position.value));
  last = position;
  if (world.random.chance(5)) throw std::runtime_error("the handler has no wish to go on");
}

/// What a program does that wants to go on there.
void Hearer::save(const run::Listener& listener) {
  const auto position = listener.position();
  for (const auto& wanted : wanted_of(world, filter_, place_, position)) {
    if (handled_.contains(wanted)) continue;
    complain("G5 a listener's place is behind what was handled",
             fmt::format("{} was not, {} is its place", wanted.value, position.value));
  }
  place_ = std::max(place_, position);
}

void Hearer::testify() {
  for (const auto& wanted : wanted_of(world, filter_, {}, place_)) {
    if (!handled_.contains(wanted) && !is_within(skipped_, wanted))
      complain("G5 a listener misses nothing", std::to_string(wanted.value));
  }
}

}  // namespace reeve::sim
