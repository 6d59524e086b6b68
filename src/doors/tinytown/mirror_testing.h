#pragma once

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "doors/tinytown/mirror.h"
#include "net/redis_testing.h"
#include "town/backlog.h"
#include "town/control.h"
#include "town/testing.h"

/// A town without a daemon, a real redis-server, and the mirror between them. Not part of the
/// library.
namespace reeve::doors::tinytown::testing {

using net::testing::RedisServer;
using net::testing::RedisWords;

class MirrorTest : public town::ServicesTest {
 protected:
  void SetUp() override {
    REEVE_NEEDS_REDIS();
    server_ = std::make_unique<RedisServer>();
  }
  void TearDown() override { stop(); }

  void start() { start(server_->address()); }
  void start(net::RedisAddress where, Mirror::Options options = {}) {
    make_mirror(std::move(where), std::move(options));
    if (on_changed_) mirror_->on_changed(on_changed_);
    mirror_->start();
  }
  void make_mirror(net::RedisAddress where, Mirror::Options options = {}) {
    mirror_ = std::make_unique<Mirror>(ground_, world_.loop.get_executor(), std::move(where),
                                       std::move(options));
  }
  /// As a crash ends it: wherever it is.
  void stop() {
    if (mirror_) world_.await(mirror_->close());
    mirror_.reset();
  }
  /// All that has happened is in Redis.
  void follow() { ASSERT_TRUE(world_.await(mirror_->caught_up())); }
  /// The same, with pauses between tries that go by.
  void follow_in_time() {
    ASSERT_TRUE(until([&] {
      const auto view = mirror_->view();
      return view.state == api::MirrorState::following && view.behind == 0;
    })) << mirror_->view().error;
    follow();
  }
  /// Lets time go by until it is so.
  bool until(const std::function<bool()>& so) {
    return world_.until([&] {
      advance(std::chrono::milliseconds(100));
      return so();
    });
  }
  /// Within the loop, as the daemon's clock and its services are.
  void advance(std::chrono::nanoseconds by) {
    in_loop([this, by] { world_.env.advance(by); });
  }
  void in_loop(std::function<void()> work) {
    boost::asio::post(world_.loop, std::move(work));
    world_.loop.restart();
    world_.loop.poll();
  }

  // --- What stands in Redis

  net::RedisReply ask(RedisWords words) { return server_->ask(words); }
  std::map<std::string, std::string> hash(const std::string& key) {
    const auto reply = ask({"HGETALL", key});
    EXPECT_FALSE(reply.is_error()) << reply.text;
    std::map<std::string, std::string> fields;
    for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2)
      fields[reply.elements[i].text] = reply.elements[i + 1].text;
    return fields;
  }
  std::vector<std::string> list(const std::string& key) {
    std::vector<std::string> items;
    for (const auto& item : ask({"LRANGE", key, "0", "-1"}).elements) items.push_back(item.text);
    return items;
  }
  /// What a list's messages say.
  std::vector<std::string> texts_in(const std::string& key) {
    std::vector<std::string> texts;
    for (const auto& item : list(key)) {
      const auto message = decode_message(item);
      EXPECT_TRUE(message) << item;
      if (message) texts.push_back(message->text.empty() ? message->task_id : message->text);
    }
    return texts;
  }
  struct Entry {
    std::vector<std::string> fields;
    [[nodiscard]] TtEvent event() const { return decode_event(fields.at(3)).value(); }
  };
  std::vector<Entry> stream(const std::string& key) {
    std::vector<Entry> entries;
    for (const auto& entry : ask({"XRANGE", key, "-", "+"}).elements) {
      Entry made;
      for (const auto& field : entry.elements.at(1).elements) made.fields.push_back(field.text);
      entries.push_back(std::move(made));
    }
    return entries;
  }
  std::vector<std::string> types_in(const std::string& key) {
    std::vector<std::string> types;
    for (const auto& entry : stream(key)) types.push_back(entry.fields.at(1));
    return types;
  }
  std::set<std::string> all_keys() {
    std::set<std::string> keys;
    for (const auto& key : ask({"KEYS", "*"}).elements) keys.insert(key.text);
    return keys;
  }
  /// How often Redis was asked for it since it started.
  std::int64_t calls(const std::string& command) {
    const auto text = ask({"INFO", "commandstats"}).text;
    const auto at = text.find("cmdstat_" + command + ":calls=");
    return at == std::string::npos ? 0 : std::stoll(text.substr(text.find('=', at) + 1));
  }

  // --- What happens in the town

  void make(std::vector<Fact> facts, std::vector<store::Write> writes) {
    const auto work = [](run::testing::World& world, std::vector<Fact> all,
                         std::vector<store::Write> also) -> Async<Status> {
      run::Draft draft(world.env, world.store, run::Caller());
      for (auto& one : all) {
        auto added = co_await draft.add(std::move(one));
        if (!added) co_return added;
      }
      for (auto& write : also) draft.write(std::move(write));
      const auto committed = co_await draft.commit();
      if (!committed) co_return fail(committed.error());
      co_return Status();
    };
    const auto made = world_.await(work(world_, std::move(facts), std::move(writes)));
    ASSERT_TRUE(made) << made.error().message();
  }
  /// A round that takes all that waits, and this task.
  reeve::Run begin_round(const Agent& agent, std::optional<TaskId> task = std::nullopt) {
    reeve::Run run;
    run.id = RunId(world_.env.uuid4());
    run.agent = agent.id;
    run.thread = ThreadId(world_.env.uuid4());
    run.task = task;
    run.started_at = world_.env.now();
    std::vector<store::Write> writes;
    for (const auto& message : inbox(agent.id.str()).messages) {
      run.messages.push_back(message.id);
      writes.emplace_back(store::QueueTake{inbox_queue(agent.id), message.id.str(), run.id.str()});
    }
    std::vector<Fact> facts{fact::RunStarted{run}};
    if (task) facts.emplace_back(fact::TaskStarted{*task, agent.id, run.id});
    make(std::move(facts), std::move(writes));
    return run;
  }
  void end_round(const reeve::Run& run) {
    fact::RunCompleted end;
    end.run = run.id;
    end.agent = run.agent;
    end.thread = run.thread;
    end.messages = run.messages;
    std::vector<store::Write> writes;
    for (const auto& id : run.messages)
      writes.emplace_back(store::QueueAck{inbox_queue(*run.agent), id.str()});
    make({end}, std::move(writes));
  }

  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<Mirror> mirror_;
  std::function<void(TtKey)> on_changed_;
  Keys keys_{ground_.town};
};

}  // namespace reeve::doors::tinytown::testing
