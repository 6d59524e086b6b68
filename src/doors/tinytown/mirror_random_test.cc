// What a mirror writes at once, after much has happened, is what one has written that followed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <regex>

#include "doors/tinytown/mirror_testing.h"
#include "town/agents.h"
#include "town/pruning.h"

namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using town::Caller;

class RedisTinytownMirrorRandom : public MirrorTest {
 protected:
  void TearDown() override {
    if (late_) world_.await(late_->close());
    MirrorTest::TearDown();
  }

  std::size_t below(std::size_t most) { return random_() % most; }
  std::string someone() { return agents_.at(below(agents_.size())).name; }
  Agent some_agent() {
    return *world_.await(
        run::load<Agent>(ground_.log.store(), agents_.at(below(agents_.size())).id));
  }

  /// Something, which may be refused; of a flood most are changes of state.
  void happen(bool flood) {
    switch (flood && below(40) != 0 ? 15 : below(16)) {
      case 0:
        static_cast<void>(world_.await(town::interrupt(ground_, Caller{}, someone(), "")));
        break;
      case 1:
        static_cast<void>(world_.await(town::resume(ground_, Caller{}, someone(), "")));
        break;
      case 2:
        if (below(8) == 0)
          static_cast<void>(world_.await(town::close(ground_, Caller{}, someone(), "enough")));
        break;
      case 3:
        if (below(8) == 0) static_cast<void>(kill(someone()));
        break;
      case 4: {
        api::RestartRequest again;
        static_cast<void>(world_.await(town::restart(ground_, Caller{}, someone(), again)));
        break;
      }
      case 5: {
        const auto task = assign(someone(), "task " + std::to_string(++number_));
        if (task) tasks_.push_back(task->id);
        break;
      }
      case 6:
        if (!tasks_.empty()) {
          const auto what = below(2) == 0 ? town::Report::complete : town::Report::fail;
          static_cast<void>(report(tasks_.at(below(tasks_.size())), what, "so it was"));
        }
        break;
      case 7: static_cast<void>(send(someone(), "letter " + std::to_string(++number_))); break;
      case 8: round(); break;
      case 9:
        if (below(40) == 0 && agents_.size() > 2) {
          const auto gone = agents_.begin() + static_cast<std::ptrdiff_t>(below(agents_.size()));
          static_cast<void>(kill(gone->name));
          static_cast<void>(world_.await(town::prune(ground_, Caller{}, gone->name, {})));
          agents_.erase(gone);
        }
        break;
      default: {
        const auto agent = some_agent();
        const auto to = agent.state == AgentState::idle ? AgentState::working : AgentState::idle;
        if (agent.state == AgentState::idle || agent.state == AgentState::working)
          make({fact::AgentStateChanged{agent.id, agent.state, to, "random"}}, {});
      }
    }
  }
  void round() {
    const auto agent = some_agent();
    if (agent.state != AgentState::idle || agent.current_run) return;
    const auto run = begin_round(agent);
    if (below(3) != 0) return end_round(run);
    fact::RunFailed end;
    end.run = run.id;
    end.agent = run.agent;
    end.thread = run.thread;
    end.messages = run.messages;
    end.code = "exit_status";
    std::vector<store::Write> writes;
    for (const auto& id : run.messages)
      writes.emplace_back(store::QueueAck{inbox_queue(*run.agent), id.str()});
    make({end}, std::move(writes));
  }

  /// What tinytown's users see of a key.
  static std::vector<std::string> shown(const RedisServer& server, const std::string& key) {
    const auto type = server.ask({"TYPE", key}).text;
    std::vector<std::string> out{type};
    const auto add = [&out](const net::RedisReply& reply) {
      for (const auto& one : reply.elements) out.push_back(one.text);
    };
    if (type == "string") out.push_back(server.ask({"GET", key}).text);
    if (type == "list") add(server.ask({"LRANGE", key, "0", "-1"}));
    // Of a round before a restart the number is known as long as nobody asks for it later.
    for (auto& line : out) line = std::regex_replace(line, std::regex("^Round [0-9]+:"), "Round:");
    if (type == "hash") {
      const auto fields = server.ask({"HGETALL", key}).elements;
      for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
        if (fields[i].text != "last_heartbeat")
          out.push_back(fields[i].text + "=" + fields[i + 1].text);
      }
      std::ranges::sort(out);
    }
    if (type == "stream") {  // the newest first; how many more it keeps is Redis' affair
      const auto most = key.contains(":agent:") ? "100" : "1000";
      for (const auto& entry : server.ask({"XREVRANGE", key, "+", "-", "COUNT", most}).elements)
        add(entry.elements.at(1));
    }
    return out;
  }
  std::set<std::string> keys_in(const RedisServer& server) const {
    std::set<std::string> keys;
    for (const auto& key : server.ask({"KEYS", keys_.prefix() + "*"}).elements) {
      if (key.text != keys_.mark()) keys.insert(key.text);
    }
    return keys;
  }

  /// Another one, and what it finds is found again: REEVE_RANDOM_SEED.
  static std::uint64_t seed() {
    const char* given = std::getenv("REEVE_RANDOM_SEED");
    return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  }
  std::mt19937_64 random_{seed()};
  RedisServer other_;
  std::unique_ptr<Mirror> late_;
  std::vector<Agent> agents_;
  std::vector<TaskId> tasks_;
  int number_ = 0;
};

TEST_F(RedisTinytownMirrorRandom, AllAtOnceOrStepByStepTheSameIsShown) {
  for (const auto* name : {"ada", "bob", "cyd", "dan"}) agents_.push_back(spawn(name).value());
  // The one that comes late has its place from the beginning.
  start(other_.address());
  follow();
  stop();
  start();
  follow();
  for (int step = 0; step < 4'000; ++step) {
    happen(step > 1'500);
    if (below(5) == 0) follow();
    if (below(50) == 0) advance(std::chrono::milliseconds(1));
  }
  follow();
  const auto head = ground_.log.head();
  late_ = std::make_unique<Mirror>(ground_, world_.loop.get_executor(), other_.address(),
                                   Mirror::Options());
  late_->start();
  ASSERT_TRUE(world_.await(late_->caught_up()));
  EXPECT_GE(late_->view().position, head);
  EXPECT_EQ(late_->view().rewritten, 0) << "from the log, not all anew";
  const auto keys = keys_in(*server_);
  EXPECT_EQ(keys_in(other_), keys);
  EXPECT_GT(keys.size(), 20U);
  EXPECT_GE(stream(keys_.events()).size(), 1000U) << "not all that was told is still there";
  for (const auto& key : keys) EXPECT_EQ(shown(other_, key), shown(*server_, key)) << key;
}

}  // namespace
}  // namespace reeve::doors::tinytown
