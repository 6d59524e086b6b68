#include "play.h"

#include <cstdio>
#include <cstdlib>

#include "asker.h"
#include "clerk.h"
#include "executor.h"
#include "judge.h"
#include "readers.h"

namespace reeve::sim {
namespace {

/// Virtual time in which everything settles once nobody crashes any more.
constexpr auto kPatience = 1h;

/// Retention, as the daemon does it now and then.
class Sweeper final : public Player {
 public:
  using Player::Player;
  Async<> play(Life& life) override {
    while (!life.over) {
      co_await life.pause(6s);
      log::Sweep sweep(world.env, life.log, world.setting.retention, std::nullopt);
      for (bool more = true; more && !life.over;) {
        const auto step = co_await sweep.step();
        if (life.over) co_return;
        if (!step && !may_pass(step.error()) && !step.error().is(Errc::conflict))
          complain("G11 retention goes on", text_of(step.error()));
        more = step && *step;
      }
    }
  }
};

class Play {
 public:
  explicit Play(World& world) : world_(world) {
    join<Workshop>("workshop");
    // Those who watch are there before those who have something to show.
    for (int i = world.random.pick(1, 2); i > 0; --i) join<Watcher>(fmt::format("watcher{}", i));
    for (int i = world.random.pick(0, 2); i > 0; --i) join<Insider>(fmt::format("insider{}", i));
    for (int i = world.random.pick(1, 3); i > 0; --i) join<Reader>(fmt::format("reader{}", i));
    for (int i = world.random.pick(0, 2); i > 0; --i) join<Hearer>(fmt::format("hearer{}", i));
    for (int i = 0; i < world.setting.clerks; ++i) join<Clerk>(fmt::format("clerk{}", i));
    for (int i = 0; i < world.setting.executors; ++i) join<Executor>(fmt::format("exec{}", i));
    for (int i = 0; i < world.setting.askers; ++i) join<Asker>(fmt::format("asker{}", i));
    join<Warden>("warden");
    join<Postman>("postman");
    join<Sweeper>("sweeper");
  }

  Async<> all_lives() {
    for (int number = 1; number <= world_.setting.lives; ++number) {
      Life life(world_, number);
      co_await life.begin();
      for (const auto& player : players_) life.group.spawn(player->name, player->play(life));
      bool crash = false;
      if (number < world_.setting.lives) {
        crash = world_.random.chance(75);
        co_await world_.sleep(world_.random.up_to(world_.random.chance(30) ? 300ms : 8s));
      } else {
        co_await last_days(life);
      }
      co_await life.end(crash);
      if (crash) {
        ++crashes_;
        world_.disk->restart();
      }
    }
    world_.disk->set_faults({});
    for (const auto& player : players_) player->testify();
    co_await judge(world_, players_);
  }
  [[nodiscard]] int crashes() const { return crashes_; }

 private:
  template <class P>
  void join(std::string name) {
    players_.push_back(std::make_unique<P>(world_, std::move(name)));
  }

  /// Everybody does what is left to do, the log gets its last event, and everybody sees it.
  Async<> last_days(Life& life) {
    const auto is_done = [](Player& player) { return player.is_done(); };
    co_await until_all("has done all", is_done);
    auto healed = world_.setting.faults;
    healed.unavailable = healed.full = healed.unknown_lost = healed.unknown_done = 0;
    healed.unreadable = 0;
    world_.disk->set_faults(healed);
    co_await until_quiet(life);
    store::Commit commit;
    commit.events.push_back(make_event(world_, "End", {}, {}, "town"));
    const auto done = co_await life.store().commit(std::move(commit));
    const auto end = done ? done->last : Position();
    const auto has_seen = [end](Player& player) { return player.has_seen(end); };
    co_await until_all("has seen the end", has_seen);
    for (const auto& player : players_) player->part(life);
  }

  Async<> until_all(std::string_view what, std::function<bool(Player&)> is_so) {
    const auto limit = world_.env.uptime() + kPatience;
    for (const auto& player : players_) {
      while (!is_so(*player)) {
        if (world_.env.uptime() > limit) {
          world_.complain("everybody gets on", fmt::format("{} never {}", player->name, what));
          co_return;
        }
        co_await world_.sleep(250ms);
      }
    }
  }

  /// No run goes on, and no bill waits.
  Async<> until_quiet(Life& life) {
    const auto limit = world_.env.uptime() + kPatience;
    for (;;) {
      // Nobody writes one any more: what has been delivered only grows.
      const auto all = co_await world_.witness->count("_outbox", "");
      const auto bills = co_await life.outbox.counts(kLane);
      const bool waiting = !bills || bills->delivered < *all;
      if (life.invocation.running() == 0 && !waiting) co_return;
      if (world_.env.uptime() > limit) {
        world_.complain("everybody gets on",
                        waiting ? "bills wait for ever" : "runs go on for ever");
        co_return;
      }
      co_await world_.sleep(250ms);
    }
  }

  World& world_;
  std::vector<std::unique_ptr<Player>> players_;
  int crashes_ = 0;
};

}  // namespace

std::string reproduce(std::uint64_t seed) {
  return fmt::format("REEVE_SIM_SEED={} build/release/bin/sim_test", seed);
}

Outcome play(std::uint64_t seed, bool verbose) {
  World world(seed, verbose);
  Play all(world);
  try {
    world.env.run(all.all_lives());
  } catch (const std::exception& error) {
    // What is left of the town refers to what is left of it: there is no way to take it down.
    for (const auto& finding : world.findings) fmt::print("{}\n", finding);
    fmt::print("seed {} does not come to its end: {}\n  {}\n", seed, error.what(), reproduce(seed));
    std::fflush(stdout);
    std::_Exit(1);
  }
  const auto& counts = world.disk->counts();
  return {.findings = world.findings,
          .trace = world.trace(),
          .events = world.history().size(),
          .faults = counts.refused + counts.unknown + counts.unreadable,
          .crashes = all.crashes()};
}

}  // namespace reeve::sim
