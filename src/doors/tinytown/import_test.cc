// What tinytown left behind, taken over: each recorded state of a real town, old layouts, odd
// names.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "doors/tinytown/keys.h"
#include "doors/tinytown/read_town.h"
#include "doors/tinytown/recorded.h"
#include "doors/tinytown/town_file.h"
#include "net/redis_fixture.h"
#include "town/agent_views.h"
#include "town/backlog.h"
#include "town/directory.h"
#include "town/import.h"
#include "town/testing.h"

namespace reeve::doors::tinytown {
namespace {

namespace fs = std::filesystem;
using net::RedisWords;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

/// A Redis with what a town left, and one of ours that takes it over.
class TinytownImport : public net::testing::RedisLoop {
 protected:
  void SetUp() override {
    REEVE_NEEDS_REDIS();
    server_ = std::make_unique<net::testing::RedisServer>();
    connect(server_->address());
  }

  void play(const std::string& step) {
    ask({"FLUSHALL"});
    for (const auto& [key, one] : testing::recorded_state(step)) {
      RedisWords words;
      if (one.type == "hash") {
        words = {"HSET", key};
        for (const auto& [name, value] : testing::fields_of(one.value)) {
          words.push_back(name);
          words.push_back(value);
        }
      } else if (one.type == "list") {
        words = {"RPUSH", key};
        for (const auto& item : one.value.as_array()) words.emplace_back(item.as_string());
      } else if (one.type == "set") {
        words = {"SADD", key};
        for (const auto& item : one.value.as_array()) words.emplace_back(item.as_string());
      } else if (one.type == "stream") {
        play_stream(key, one.value);
        continue;
      } else {
        words = {"SET", key, std::string(one.value.as_string())};
      }
      if (words.size() > 2) EXPECT_FALSE(ask(std::move(words))->is_error()) << key;
    }
  }
  /// [["ID", ["field", "value", ...]], ...]
  void play_stream(const std::string& key, const json::value& entries) {
    for (const auto& entry : entries.as_array()) {
      RedisWords words{"XADD", key, std::string(entry.at(0).as_string())};
      for (const auto& word : entry.at(1).as_array()) words.emplace_back(word.as_string());
      EXPECT_FALSE(ask(std::move(words))->is_error()) << key;
    }
  }

  TakenOver read(const TakeOver& how = {}, const std::string& town = "gold") {
    auto read = aio::run(loop_, read_town(*redis_, town, moment_of(from_ms(1))));
    EXPECT_TRUE(read) << read.error().message();
    return take_over(read.value(), how);
  }

  std::unique_ptr<net::testing::RedisServer> server_;
};

/// Ours.
class Town : public reeve::town::ServicesTest {
 public:
  void TestBody() override {}
  api::ImportReport take(const TakenOver& taken) {
    api::ImportReport all;
    for (const auto& part : parts_of(taken.all)) {
      const auto done = world_.await(reeve::town::import_part(ground_, {}, part));
      EXPECT_TRUE(done) << done.error().message();
      if (!done) return all;
      all.agents += done->agents;
      all.tasks += done->tasks;
      all.messages += done->messages;
      all.events += done->events;
      all.known += done->known;
      all.notes.insert(all.notes.end(), done->notes.begin(), done->notes.end());
    }
    return all;
  }
  std::vector<Agent> agents() {
    return world_.await(reeve::town::all_agents(world_.store)).value();
  }
  std::vector<std::string> waiting(const std::string& of) { return texts(of); }
  Agent agent(const std::string& name) {
    return world_.await(reeve::town::find_agent(world_.store, name)).value();
  }
  reeve::Task task(const std::string& id) {
    return world_.await(reeve::town::find_task(world_.store, id)).value();
  }
  std::vector<std::string> backlog() {
    std::vector<std::string> ids;
    for (const auto& item : world_.await(world_.store.items("backlog", 100)).value())
      ids.push_back(item.item);
    return ids;
  }
  std::size_t events_of(const std::string& kind) {
    store::EventFilter filter;
    filter.kinds = {kind};
    return world_.await(world_.store.read({}, filter, 1000)).value().events.size();
  }
  std::string origin_of_last() {
    return world_.await(world_.store.latest({}, 1)).value().back()->origin;
  }
  std::uint64_t head() { return world_.store.log().head.value; }
  void put(std::string name) { EXPECT_TRUE(spawn(std::move(name))); }
};

/// "Lucy [bob] (9efc) - Idle" of each agent, as `tt list` prints them.
std::set<std::string> listed_by_tt(const std::string& step) {
  std::set<std::string> lines;
  for (const auto& line : testing::said_in(step)) {
    if (line.contains(") - ")) lines.insert(line.substr(line.find_first_not_of(' ')));
  }
  return lines;
}
std::set<std::string> listed_by_us(Town& town) {
  std::set<std::string> lines;
  for (const auto& agent : town.agents()) {
    lines.insert(reeve::town::display_label(agent) + " (" + agent.id.short_str() + ") - " +
                 tt_state_word(agent.state));
  }
  return lines;
}

TEST_F(TinytownImport, EveryRecordedStateIsTakenOverOnce) {
  for (const auto& step : testing::recorded_steps()) {
    SCOPED_TRACE(step.name);
    play(step.name);
    const auto taken = read();
    EXPECT_THAT(taken.notes, ::testing::Each(::testing::Not(HasSubstr("cannot be read"))));
    Town town;
    const auto first = town.take(taken);
    EXPECT_EQ(first.agents, static_cast<std::int64_t>(taken.all.agents.size()));
    EXPECT_EQ(first.tasks, static_cast<std::int64_t>(taken.all.tasks.size()));
    EXPECT_EQ(first.messages, static_cast<std::int64_t>(taken.all.messages.size()));
    EXPECT_EQ(first.events, static_cast<std::int64_t>(taken.all.events.size()));
    EXPECT_EQ(first.known, 0);
    EXPECT_THAT(first.notes, IsEmpty());
    // A second time nothing is taken twice.
    const auto head = town.head();
    const auto second = town.take(taken);
    EXPECT_EQ(second.agents + second.tasks + second.messages + second.events, 0);
    EXPECT_EQ(town.head(), head);
    // Each open task is where somebody finds it: in an inbox or in the backlog.
    for (const auto& task : taken.all.tasks) {
      if (is_ended(task.state)) continue;
      const bool brought = std::ranges::any_of(taken.all.messages,
                                               [&](const Message& m) { return m.task == task.id; });
      const auto backlog = town.backlog();
      EXPECT_TRUE(task.agent ? brought
                             : std::ranges::find(backlog, task.id.str()) != backlog.end());
    }
  }
}

TEST_F(TinytownImport, AgentsAreListedAsTtListsThem) {
  for (const char* step : {"06-list", "26-list2"}) {
    SCOPED_TRACE(step);
    play(step);
    Town town;
    town.take(read());
    EXPECT_EQ(listed_by_us(town), listed_by_tt(step));
  }
}

TEST_F(TinytownImport, InboxesKeepTheirOrderAndUrgentComesFirst) {
  play("12-send-urgent");
  Town town;
  const auto taken = read();
  town.take(taken);
  EXPECT_EQ(town.agent("alice").nickname, "Al");
  EXPECT_EQ(town.agent("alice").role, "worker");
  EXPECT_EQ(town.agent("alice").cli, "./agent.sh");
  // A shell's command stays one.
  EXPECT_EQ(town.agent("bob").cli, "sh -c 'sleep 2; cat'");
  for (const auto& agent : town.agents()) {
    std::vector<std::string> expected;
    const Keys keys("gold");
    for (const auto& key : {keys.urgent(agent.id), keys.inbox(agent.id)}) {
      for (const auto& item : ask({"LRANGE", key, "0", "-1"})->elements) {
        const auto message = decode_message(item.text).value();
        expected.push_back(message.type == MessageType::task_assign
                               ? town.task(message.task_id).text
                               : message.text);
      }
    }
    auto waiting = town.waiting(agent.name);
    // What was taken out of the inbox and is not done comes behind.
    ASSERT_GE(waiting.size(), expected.size());
    waiting.resize(expected.size());
    EXPECT_EQ(waiting, expected) << agent.name;
  }
  EXPECT_EQ(town.origin_of_last(), "tinytown");
}

TEST_F(TinytownImport, TheBacklogKeepsItsOrder) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    const auto id = TaskId(env_.uuid4()).str();
    ids.insert(i % 2 == 0 ? ids.begin() : ids.end(), id);
    ask({"HSET", "tt:gold:task:" + id, "id", id, "description", "task " + std::to_string(i),
         "created_at", "2026-01-0" + std::to_string(i + 1) + "T00:00:00+00:00", "tags",
         R"(["ui"])"});
  }
  for (const auto& id : ids) ask({"RPUSH", "tt:gold:backlog", id});
  const auto lost = TaskId(env_.uuid4()).str();
  ask({"RPUSH", "tt:gold:backlog", lost, "no id"});
  Town town;
  const auto taken = read();
  town.take(taken);
  EXPECT_EQ(town.backlog(), ids);
  EXPECT_THAT(taken.notes, Contains(HasSubstr(lost)));
  EXPECT_THAT(taken.notes, Contains(HasSubstr("no id")));
  EXPECT_THAT(town.task(ids[0]).tags, ElementsAre("ui"));
}

TEST_F(TinytownImport, OldLayoutsAreRead) {
  const auto agent = AgentId(env_.uuid4()).str();
  const auto task = TaskId(env_.uuid4()).str();
  ask({"SET", "tt:agent:" + agent,
       R"({"id":")" + agent +
           R"(","name":"old","agent_type":"worker","state":"idle","cli":"claude","current_task":null,)"
           R"("created_at":"2025-01-01T00:00:00Z","last_heartbeat":"2025-01-01T00:00:00Z",)"
           R"("tasks_completed":7,"rounds_completed":9})"});
  ask({"SET", "tt:gold:task:" + task,
       R"({"id":")" + task +
           R"(","description":"still to do","state":"in_flight","assigned_to":")" + agent +
           R"(","created_at":"2025-01-01T00:00:00Z","updated_at":"2025-01-01T00:00:00Z",)"
           R"("tags":["a","b"]})"});
  ask({"RPUSH", "tt:inbox:" + agent, "no JSON"});
  // Not ours: a town that is called so, and another town.
  ask({"HSET", "tt:agent:agent:" + agent, "id", agent, "name", "other"});
  ask({"HSET", "tt:silver:agent:" + agent, "id", agent, "name", "silver"});
  Town town;
  const auto taken = read();
  const auto report = town.take(taken);
  EXPECT_EQ(report.agents, 1);
  EXPECT_EQ(town.agent("old").tasks_completed, 7);
  EXPECT_EQ(town.agent("old").rounds_completed, 9);
  EXPECT_EQ(town.task(task).state, TaskState::assigned);
  EXPECT_THAT(town.task(task).tags, ElementsAre("a", "b"));
  EXPECT_THAT(town.waiting("old"), ElementsAre("still to do"));
  EXPECT_THAT(taken.notes, Contains(HasSubstr("no JSON")));
  EXPECT_THAT(taken.notes, Contains(HasSubstr("old layout")));
}

TEST_F(TinytownImport, WhatIsSaidOfATaskIsWhereItCameTo) {
  const auto put = [&](const std::string& text, const std::string& to) {
    const auto id = TaskId(env_.uuid4()).str();
    ask({"HSET", "tt:gold:task:" + id, "id", id, "description", text, "state", "assigned",
         "assigned_to", to, "created_at", "2026-01-01T00:00:00+00:00"});
    return id;
  };
  const auto send = [&](const AgentId& to, const std::string& task) {
    TtMessage message;
    message.id = MessageId(env_.uuid4());
    message.from = supervisor_id();
    message.to = to;
    message.type = MessageType::task_assign;
    message.task_id = task;
    message.created_at = moment_of(from_ms(1));
    ask({"RPUSH", Keys("gold").inbox(to), encode(message)});
  };
  const auto decide = put("decide it", supervisor_id().str());
  send(supervisor_id(), decide);
  const auto lost = put("lost it", supervisor_id().str());
  const AgentId ada(env_.uuid4());
  ask({"HSET", "tt:gold:agent:" + ada.str(), "id", ada.str(), "name", "ada", "state", "idle", "cli",
       "claude"});
  const auto moved = put("moved it", AgentId(env_.uuid4()).str());  // tt reclaim --to ada
  send(ada, moved);
  const auto gone = put("gone with it", AgentId(env_.uuid4()).str());
  Town town;
  const auto taken = read();
  town.take(taken);
  EXPECT_EQ(town.task(decide).agent, supervisor_id());
  EXPECT_EQ(town.task(moved).agent, ada);
  EXPECT_THAT(town.backlog(), UnorderedElementsAre(lost, gone));
  EXPECT_THAT(taken.notes, Not(Contains(HasSubstr(decide))));
  EXPECT_THAT(taken.notes, Not(Contains(HasSubstr(moved))));
  EXPECT_THAT(taken.notes, Contains(AllOf(HasSubstr(lost), HasSubstr("supervisor"))));
  EXPECT_THAT(taken.notes, Contains(AllOf(HasSubstr(gone), HasSubstr("that is gone"))));
}

TEST_F(TinytownImport, OddNamesGoByTheirIds) {
  std::vector<std::string> ids;
  for (const char* name : {"two words", "ada", "Ada", "supervisor", ""}) {
    const auto id = AgentId(env_.uuid4()).str();
    ids.push_back(id);
    ask({"HSET", "tt:gold:agent:" + id, "id", id, "name", name, "state", "weird", "cli", "claude",
         "nickname", "same", "created_at",
         "2026-01-0" + std::to_string(ids.size()) + "T00:00:00+00:00"});
  }
  Town town;
  town.put("bob");
  const auto report = town.take(read());
  EXPECT_EQ(report.agents, 5);
  EXPECT_EQ(town.agent(ids[0]).name, ids[0]);
  EXPECT_EQ(town.agent("ada").id.str(), ids[1]);
  EXPECT_EQ(town.agent(ids[2]).name, ids[2]);
  EXPECT_EQ(town.agent(ids[3]).name, ids[3]);
  EXPECT_EQ(town.agent("same").id.str(), ids[0]);
  EXPECT_EQ(report.notes.size(), 4u + 4u);
  EXPECT_THAT(report.notes, Contains(HasSubstr("two words")));
}

TEST_F(TinytownImport, HostileKeysStopNothing) {
  const auto id = AgentId(env_.uuid4()).str();
  ask({"HSET", "tt:gold:agent:" + id, "id", id, "name", "ada", "cli", "claude", "state",
       "working"});
  ask({"SET", "tt:gold:agent:x", "not JSON"});
  ask({"LPUSH", "tt:gold:task:y", "a list"});
  ask({"SET", "tt:gold:inbox:" + id, "a string"});
  ask({"HSET", "tt:gold:events", "a", "hash"});
  ask({"HSET", "tt:gold:mission:1:work", "a", "b"});
  ask({"HSET", "tt:gold*:agent:" + id, "id", id, "name", "elsewhere"});
  Town town;
  const auto taken = read();
  EXPECT_EQ(town.take(taken).agents, 1);
  EXPECT_EQ(town.agent("ada").state, AgentState::idle);
  EXPECT_THAT(taken.notes, Contains(HasSubstr("tt:gold:agent:x")));
  EXPECT_THAT(taken.notes, Contains(HasSubstr("tt:gold:task:y")));
  EXPECT_THAT(taken.notes, Contains(HasSubstr("no list")));
  EXPECT_THAT(taken.notes, Contains(HasSubstr("no stream")));
  EXPECT_THAT(taken.notes, Contains(HasSubstr("missions")));
  // A town whose name is a pattern sees its own keys only.
  EXPECT_EQ(read({}, "gold*").all.agents.size(), 1u);
  EXPECT_EQ(read({}, "gold*").all.agents[0].name, "elsewhere");
  EXPECT_THAT(read({}, "g?ld").all.agents, IsEmpty());
}

TEST_F(TinytownImport, ColdAgentsWaitForARestart) {
  play("06-list");
  Town town;
  town.take(read({.clis = {}, .limits = {}, .cold = true}));
  for (const auto& agent : town.agents()) EXPECT_EQ(agent.state, AgentState::cold);
}

TEST_F(TinytownImport, EventsAreToldOnceAndNewOnesLater) {
  const auto add = [&](const std::string& id, const std::string& type) {
    ask({"XADD", "tt:gold:events", id, "event_type", type, "data",
         R"({"event_type":")" + type + R"(","message":"m","timestamp":"2026-01-01T00:00:00Z"})"});
  };
  add("9-1", "agent_interrupted");
  add("10-0", "agent_resumed");
  ask({"XADD", "tt:gold:events", "10-1", "event_type", "agent_resumed", "data", "{}", "reeve",
       "x"});
  Town town;
  EXPECT_EQ(town.take(read()).events, 2);
  add("11-0", "agent_stopped");
  const auto again = town.take(read());
  EXPECT_EQ(again.events, 1);
  EXPECT_EQ(again.known, 2);
  EXPECT_EQ(town.events_of("ImportedEvent"), 3u);
}

// --- tinytown.toml ------------------------------------------------------------------------------

class TinytownRedisUrl : public ::testing::Test {
 protected:
  TinytownRedisUrl() {
    std::string pattern = (fs::temp_directory_path() / "reeve-tt-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~TinytownRedisUrl() override { fs::remove_all(root_); }
  void write(const std::string& text) { std::ofstream(root_ / "tinytown.toml") << text; }
  std::string url(const TownVariables& variables = {}, const std::string& given = "") {
    const auto file = read_town_file(root_, variables, given);
    return file ? file->redis.display() : file.error().message();
  }
  fs::path root_;
};

TEST_F(TinytownRedisUrl, WithoutOneItIsTheTownsSocket) {
  write("name = 'gold'");
  EXPECT_EQ(url(), "unix://" + (root_ / ".tt/redis.sock").string());
  EXPECT_TRUE(read_town_file(root_, {})->redis.local());
  write("name = 'gold'\n[redis]\nsocket_path = '/run/other.sock'");
  EXPECT_EQ(url(), "unix:///run/other.sock");
}

TEST_F(TinytownRedisUrl, HostPortPasswordAndTls) {
  write("name = 'gold'\n[redis]\nuse_socket = false");
  EXPECT_EQ(url(), "redis://127.0.0.1:6379");
  write("name = 'gold'\n[redis]\nuse_socket = false\nhost = 'db'\nport = 7000\npassword = 'p@:/w'");
  EXPECT_EQ(url(), "redis://:***@db:7000");
  EXPECT_EQ(read_town_file(root_, {})->redis.password.reveal(), "p@:/w");
  EXPECT_FALSE(read_town_file(root_, {})->redis.local());
  write("name = 'gold'\n[redis]\nuse_socket = false\ntls_enabled = true\ntls_ca_cert = '/ca.pem'");
  EXPECT_EQ(url(), "rediss://127.0.0.1:6379?ca=/ca.pem");
}

TEST_F(TinytownRedisUrl, VariablesAndAnExplicitOneComeFirst) {
  write("name = 'gold'\n[redis]\nurl = 'redis://:one@file:1'\npassword = 'x'");
  EXPECT_EQ(url(), "redis://:***@file:1");
  const TownVariables variables{.redis_url = "redis://variable:2", .password = "secret"};
  EXPECT_EQ(url(variables), "redis://variable:2");
  EXPECT_EQ(url(variables, "unix:///given.sock"), "unix:///given.sock");
  EXPECT_EQ(read_town_file(root_, {.redis_url = {}, .password = "secret"})->redis.password.reveal(),
            "secret");
}

TEST_F(TinytownRedisUrl, WhatIsNoTownIsSaidWithoutItsPassword) {
  EXPECT_EQ(read_town_file(root_, {}).error().code(), Errc::not_found);
  write("name = 'gold'\n[redis]\nurl = 'redis://:hunter2@h:port'");
  EXPECT_THAT(url(), ::testing::Not(HasSubstr("hunter2")));
  EXPECT_EQ(read_town_file(root_, {}).error().code(), Errc::invalid_argument);
  write("[redis]");
  EXPECT_EQ(read_town_file(root_, {}).error().code(), Errc::invalid_argument);
}

TEST_F(TinytownRedisUrl, TheRecordedFileIsRead) {
  write(testing::fixture("tinytown.toml"));
  const auto file = read_town_file(root_, {}).value();
  EXPECT_EQ(file.name, "gold");
  EXPECT_EQ(file.redis.display(), "redis://:***@127.0.0.1:16379");
  EXPECT_EQ(file.clis.at("claude"), "claude --print --dangerously-skip-permissions");
  EXPECT_THAT(file.notes, ElementsAre(HasSubstr("agents.idle 300s")));
}

}  // namespace
}  // namespace reeve::doors::tinytown
