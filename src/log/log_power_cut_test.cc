// G3 against a file system that loses what was not synced: what a subscriber saw is there
// afterwards.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "log/testing.h"
#include "store/sqlite/faulty_vfs.h"

namespace reeve::log {
namespace {

class LogPowerCut : public ::testing::Test {
 public:
  Result<std::unique_ptr<store::Store>> open() {
    store::SqliteOptions options{.path = dir_.file("town.db"), .vfs = vfs_.name()};
    options.checkpoint_pages = 20;  // often, so that cuts meet checkpoints too
    return store::open_sqlite(env_, loop_.get_executor(), options);
  }
  Async<> write(store::Store& to) {
    for (int i = 0; i < 40 && !vfs_.is_off(); ++i) {
      store::Commit commit;
      for (int e = 0; e < 3; ++e) commit.events.push_back(store::make_event(env_, "Part"));
      const auto done = co_await to.commit(std::move(commit));
      static_cast<void>(done);  // after the cut none succeeds
    }
  }
  Async<> follow(Subscription& from) {
    for (;;) {
      const auto frames = co_await from.next();
      if (!frames) co_return;
      for (const auto& frame : *frames) {
        const auto& event = std::get<EventPtr>(frame);
        seen_[event->position] = event->id;
      }
    }
  }
  Async<> live(store::Store& store) {
    Log log(env_, loop_.get_executor(), store);
    const auto subscription = log.subscribe({.from = From::now(), .batch = 2});
    aio::TaskGroup writers(loop_.get_executor());
    aio::TaskGroup readers(loop_.get_executor());
    readers.spawn("reader", follow(*subscription));
    for (int i = 0; i < 4; ++i) writers.spawn("writer", write(store));
    co_await writers.join();
    readers.cancel();
    co_await readers.join();
  }

  std::uint32_t seed_ = std::random_device{}();
  store::sqlite::FaultyVfs vfs_{"faulty_log", seed_};
  boost::asio::io_context loop_;
  MovableEnv env_{loop_};
  store::ScratchDir dir_;
  std::map<Position, EventId> seen_;
};

TEST_F(LogPowerCut, G3WhatASubscriberSawSurvivesAPowerCut) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  std::mt19937 random(seed_);
  for (int round = 0; round < 30; ++round) {
    vfs_.cut_after(1 + random() % 400);
    auto opened = open();
    if (opened) aio::run(loop_, live(**opened));
    opened = fail(Errc::unavailable, "the power is off");
    // What deferred answers still hold goes too.
    loop_.restart();
    loop_.poll();
    vfs_.power_on();

    auto store = open().value();
    std::map<Position, EventId> found;
    while (found.size() < store->log().head.value) {
      const auto page = aio::run(loop_, store->read({found.size()}, {}, 1'000)).value();
      ASSERT_FALSE(page.events.empty());
      for (const auto& event : page.events) found[event->position] = event->id;
    }
    for (const auto& [position, id] : seen_) ASSERT_EQ(found[position], id) << position.value;
    aio::run(loop_, store->close());
  }
  EXPECT_FALSE(seen_.empty());
}

}  // namespace
}  // namespace reeve::log
