#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aio/real_env.h"
#include "aio/task_group.h"
#include "aio/testing.h"
#include "llm/registry.h"
#include "log/outbox.h"
#include "log/relay.h"
#include "log/retention.h"
#include "run/invocation.h"
#include "run/listener.h"
#include "store/faulty/faulty_store.h"
#include "tool/registry.h"

/// A town on virtual time, from one seed: README.md.
namespace reeve::sim {

using aio::Async;
using namespace std::chrono_literals;
using Nanoseconds = std::chrono::nanoseconds;

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t operator()() { return engine_(); }
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  /// Both ends included.
  int pick(int from, int to) {
    return from + static_cast<int>(below(static_cast<std::size_t>(to - from + 1)));
  }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
  Nanoseconds up_to(Nanoseconds limit) {
    return Nanoseconds(
        static_cast<Nanoseconds::rep>(below(static_cast<std::size_t>(limit.count()))));
  }

 private:
  std::mt19937_64 engine_;
};

/// What a seed says about the town before it begins.
struct Setting {
  store::Faults faults;
  int lives = 1;
  int clerks = 1;
  int executors = 1;
  int askers = 1;
  int ops = 10;  ///< of each clerk; others do less of what takes longer
  log::Log::Options tail;
  RetentionPolicy retention;

  static Setting draw(Random& random);
  /// Nothing ever goes wrong: then more can be demanded.
  [[nodiscard]] bool calm() const;
};

/// Between the store and its faults: sees what really happens.
class Witness final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  void set_feed(Feed feed) override;

  std::vector<EventPtr> history;  ///< by position, from 1: also what retention has removed since
  std::function<void(const EventPtr&)> told;
};

/// What outlives every daemon: time, the disk, and what its clients remember.
class World {
 public:
  World(std::uint64_t seed, bool verbose);

  /// Something that must not be; `guarantee`: "G5 a reader goes on where it was".
  void complain(std::string_view guarantee, std::string what);
  /// A step of the course that the seed takes: the same seed, the same steps.
  void note(std::string_view who, std::string_view what);
  [[nodiscard]] std::uint64_t trace() const { return trace_; }
  [[nodiscard]] const std::vector<EventPtr>& history() const { return witness->history; }
  /// The terminal event of a run, as far as it has one.
  [[nodiscard]] const Event* end_of(const RunId& run) const;
  [[nodiscard]] Async<> sleep(Nanoseconds time) { return aio::sleep(env, time); }

  aio::testing::VirtualEnv env;
  Random random;
  Setting setting;
  Witness* witness = nullptr;
  std::unique_ptr<store::FaultyStore> disk;
  std::vector<std::string> findings;
  std::set<RunId> open_runs;                        ///< that executors are at
  std::set<std::pair<RunId, std::string>> results;  ///< of tool calls, by their ids, in the log
  std::map<RunId, EventPtr> ends;

 private:
  void see(const EventPtr& event);
  bool verbose_;
  std::uint64_t trace_ = 0xcbf29ce484222325;
};

/// A daemon from its start to its end: everything above the store.
struct Life {
  Life(World& all, int which);

  /// Waits up to `limit`.
  Async<> pause(Nanoseconds limit) { return world.sleep(world.random.up_to(limit)); }
  store::Store& store() { return log.store(); }
  /// What a daemon does before it serves anybody.
  Async<> begin();
  /// Ends it; after a crash nobody notices any more what it did.
  Async<> end(bool crash);

  World& world;
  int number;
  bool over = false;  ///< the process is dead: what still runs is not there
  log::Log log;
  log::Outbox outbox;
  llm::Registry providers;
  tool::Registry tools;
  run::Invocation invocation;
  run::Listening listening;
  std::vector<std::unique_ptr<log::Relay>> relays;
  std::set<RunId> stops;  ///< runs that somebody wants stopped, as the log says
  /// Deltas of executors, as they were published.
  std::map<std::pair<RunId, std::uint64_t>, std::set<std::uint64_t>> published;
  std::uint64_t deltas_at_start = 0;
  aio::TaskGroup group;
};

/// Somebody who uses the town, and goes on with its next daemon where the last one ended.
class Player {
 public:
  Player(World& all, std::string called) : world(all), name(std::move(called)) {}
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  virtual ~Player() = default;

  /// What it does as long as that daemon lives; cancelled with it.
  virtual Async<> play(Life& life) = 0;
  /// It has done all that it came for.
  [[nodiscard]] virtual bool is_done() const { return true; }
  /// It has seen the log up to here. (Who reads nothing has seen all.)
  [[nodiscard]] virtual bool has_seen(Position) const { return true; }
  /// That daemon's end comes, and not by a crash.
  virtual void part(Life&) {}
  /// When everything is over: what is wrong.
  virtual void testify() {}

  World& world;
  std::string name;

 protected:
  void complain(std::string_view guarantee, std::string_view what) {
    world.complain(guarantee, fmt::format("{}: {}", name, what));
  }
};

/// An error that somebody who asks again may meet on a bad day.
bool may_pass(const Error& error);
std::string text_of(const Error& error);
/// A text in an event's payload; empty: it has none of that name.
std::string text_in(const Event& event, std::string_view member);

NewEvent make_event(World& world, std::string kind, std::vector<Scope> scopes, json::object payload,
                    std::string origin);

}  // namespace reeve::sim
