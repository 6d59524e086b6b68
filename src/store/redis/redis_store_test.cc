// What only a town on Redis can meet: another holder, a server that refuses. One that is away, or
// forgets: redis_lost_test.cc. Cut off in the middle: redis_cut_test.cc. What every store promises:
// store_contract.cc.

#include "store/redis/redis_store.h"

#include "store/redis/server.h"
#include "store/redis/settings.h"
#include "store/redis/town_fixture.h"

namespace reeve::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- What it is ----------------------------------------------------------------------------------

TEST_F(RedisTown, AllKeysAreUnderItsPrefixInOneSlot) {
  serve();
  open();
  auto all = note("a");
  all.writes.emplace_back(QueuePush{.queue = "inbox:ada", .item = "m1"});
  all.writes.emplace_back(SetRunEpoch{.run = RunId(env_.uuid4()), .epoch = 3});
  ASSERT_TRUE(commit(std::move(all)));
  ASSERT_TRUE(run(store_->acquire("lease", "x", 10s)));
  const auto keys = ask({"KEYS", "*"});
  EXPECT_GE(keys.elements.size(), 9u);
  for (const auto& key : keys.elements)
    EXPECT_THAT(key.text, ::testing::StartsWith("reeve:{town}:"));
}

TEST_F(RedisTown, ACommitIsOneCall) {
  serve();
  open();
  ASSERT_TRUE(commit(note("warm")));
  const auto calls = [&](const std::string& of) {
    const auto stats = ask({"INFO", "commandstats"}).text;
    const auto at = stats.find("cmdstat_" + of + ":calls=");
    if (at == std::string::npos) return 0L;
    return std::strtol(stats.c_str() + at + of.size() + 15, nullptr, 10);
  };
  const auto before = calls("evalsha");
  std::vector<std::optional<Result<Committed>>> done(100);
  aio::TaskGroup group(loop_.get_executor());
  for (std::size_t i = 0; i < done.size(); ++i) {
    const auto one = [](Store& store, Commit commit,
                        std::optional<Result<Committed>>& to) -> Async<> {
      to = co_await store.commit(std::move(commit));
    };
    group.spawn("commit", one(*store_, note(std::to_string(i)), done[i]));
  }
  run(group.join());
  for (const auto& one : done) EXPECT_TRUE(one && *one);
  EXPECT_LE(calls("evalsha") - before, 4);  // those of one moment share a call
  EXPECT_EQ(fed_.size(), 101u);
}

TEST_F(RedisTown, ANameThatCannotStandInAKeyIsRefused) {
  serve();
  for (const auto* name : {"", "a b", "a{b", "a}b", "a\nb"}) {
    auto how = options();
    how.town = name;
    EXPECT_EQ(code_of(try_open(how)), Errc::invalid_argument) << name;
  }
}

TEST_F(RedisTown, WhereThereIsNoneAndNoneIsToBeMadeItIsNotFound) {
  serve();
  auto how = options();
  how.create = false;
  EXPECT_EQ(code_of(try_open(how)), Errc::not_found);
  EXPECT_THAT(ask({"KEYS", "*"}).elements, IsEmpty());
}

// --- What an acknowledgement means ---------------------------------------------------------------

TEST_F(RedisTown, G1DiskNeedsTheSettingsThatGiveIt) {
  serve({.lines = {"appendonly yes", "appendfsync everysec"}});
  const auto refused = try_open(options());
  ASSERT_EQ(code_of(refused), Errc::denied);
  EXPECT_THAT(refused.error().message(), HasSubstr("appendfsync always (it is everysec)"));
  auto how = options();
  how.durability = RedisDurability::everysec;
  open(how);
  EXPECT_TRUE(commit(note()));
}

TEST_F(RedisTown, G1AnAppendOnlyFileThatWasJustSwitchedOnCountsWhenItIsThere) {
  serve({.lines = {"maxmemory-policy noeviction", "rdb-key-save-delay 2000"}});
  for (int i = 0; i < 500; ++i) ask({"SET", "k" + std::to_string(i), "v"});  // takes it a second
  for (const auto* setting : {"appendfsync always", "appendonly yes"}) {
    const std::string text = setting;
    const auto blank = text.find(' ');
    ask({"CONFIG", "SET", text.substr(0, blank), text.substr(blank + 1)});
  }
  auto how = options();
  how.patience = 100ms;
  const auto early = try_open(how);
  ASSERT_EQ(code_of(early), Errc::unavailable);
  EXPECT_THAT(early.error().message(), HasSubstr("first append-only file"));
  EXPECT_THAT(ask({"KEYS", "reeve*"}).elements, IsEmpty());
  open(options());  // waits
  EXPECT_TRUE(ask({"INFO", "persistence"}).text.contains("aof_rewrite_in_progress:0"));
  // A later one takes nothing from it.
  ask({"BGREWRITEAOF"});
  close();
  open(how);
  EXPECT_TRUE(ask({"INFO", "persistence"}).text.contains("aof_rewrite_in_progress:1"));
  EXPECT_TRUE(commit(note()));
}

TEST_F(RedisTown, G1TheSettingsAreLookedAtOnEachConnection) {
  serve();
  open();
  ASSERT_TRUE(commit(note()));
  ask({"CONFIG", "SET", "appendfsync", "no"});
  ask({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_EQ(code_of(commit(note())), Errc::denied);
  ask({"CONFIG", "SET", "appendfsync", "always"});
  EXPECT_TRUE(commits_at_last({}));
}

TEST_F(RedisTown, G1WhereConfigIsDeniedSomebodyHasToAssertIt) {
  serve();
  ask({"ACL", "SETUSER", "clerk", "on", ">secret", "~*", "&*", "+@all", "-config"});
  auto how = options();
  how.address.user = "clerk";
  how.address.password = Secret("secret");
  const auto refused = try_open(how);
  ASSERT_EQ(code_of(refused), Errc::denied);
  EXPECT_THAT(refused.error().message(), HasSubstr("settings_asserted"));
  how.settings_asserted = true;
  open(how);
  EXPECT_TRUE(commit(note()));
}

TEST(RedisSettings, AnOldServerAReplicaAndAnEvictingOneAreRefused) {
  using redis::check;
  redis::ServerSettings server{.version = "7.0.15", .replica = false, .config = {}};
  server.config = {{"appendonly", "yes"},
                   {"appendfsync", "always"},
                   {"no-appendfsync-on-rewrite", "no"},
                   {"maxmemory", "0"},
                   {"maxmemory-policy", "allkeys-lru"}};
  const auto code = [&](RedisDurability durability = RedisDurability::disk) {
    const auto status = check(server, durability, false);
    return status ? Errc::internal : status.error().code();
  };
  EXPECT_EQ(code(), Errc::internal);
  server.config["maxmemory"] = "1000000";
  EXPECT_EQ(code(), Errc::denied);
  EXPECT_EQ(code(RedisDurability::memory), Errc::denied);
  server.config["maxmemory-policy"] = "noeviction";
  EXPECT_EQ(code(), Errc::internal);
  server.config["no-appendfsync-on-rewrite"] = "yes";
  EXPECT_EQ(code(), Errc::denied);
  EXPECT_EQ(code(RedisDurability::everysec), Errc::internal);
  server.replica = true;
  EXPECT_EQ(code(RedisDurability::memory), Errc::read_only);
  for (const auto* version : {"6.2.7", "5.0", "", "x"}) {
    server.version = version;
    EXPECT_EQ(code(RedisDurability::memory), Errc::unsupported) << version;
  }
  EXPECT_EQ(redis::settings_of("# Server\r\nredis_version:7.2.1\r\nrole:slave\r\n").version,
            "7.2.1");
  EXPECT_TRUE(redis::settings_of("# Server\r\nredis_version:7.2.1\r\nrole:slave\r\n").replica);
}

TEST_F(RedisTown, G2OutOfMemoryIsToldAndNothingIsHalfDone) {
  serve();
  open();
  ASSERT_TRUE(commit(note("before")));
  ask({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(code_of(commit(note("full"))), Errc::storage_full);
  EXPECT_THAT(positions(), ElementsAre(1));  // reading goes on
  ask({"CONFIG", "SET", "maxmemory", "0"});
  ASSERT_TRUE(commit(note("full")));
  EXPECT_THAT(positions(), ElementsAre(1, 2));
}

TEST_F(RedisTown, AReplicaIsToldFromItsPrimary) {
  serve();
  RedisServer replica({.tcp = true, .lines = {"maxmemory-policy noeviction"}});
  open();
  ASSERT_TRUE(commit(note()));
  // The server becomes a replica while it is used, as after a failover elsewhere.
  const auto port = std::get<net::TcpAddress>(replica.socket()).port;
  ask({"REPLICAOF", "127.0.0.1", std::to_string(port)});
  EXPECT_EQ(code_of(commit(note())), Errc::read_only);
}

TEST_F(RedisTown, TheServerMayForgetItsScripts) {
  serve();
  open();
  ASSERT_TRUE(commit(note("a")));
  ask({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(commit(note("b")));
  ask({"SCRIPT", "FLUSH"});
  EXPECT_THAT(positions(), ElementsAre(1, 2));
}

TEST_F(RedisTown, G2AKeyOfAWrongTypeIsToldBeforeAnythingIsWritten) {
  serve();
  open();
  ASSERT_TRUE(commit(note("a")));
  ask({"SET", "reeve:{town}:list:4:note:open", "spoiled"});
  const auto refused = commit(note("b"));
  ASSERT_EQ(code_of(refused), Errc::corrupt);
  EXPECT_FALSE(run(store_->get({"note", "b"})).value());
  EXPECT_THAT(positions(), ElementsAre(1));
  EXPECT_TRUE(commit(note()));  // what does not need that key goes on
}

TEST_F(RedisTown, G2ADocumentThatIsWrittenWithoutALookIsToldBeforeAnythingIsWritten) {
  serve();
  open();
  const auto put = [&] {
    auto commit = note();
    commit.writes = {PutDoc{.key = {"note", "x"}, .body = "{}", .marks = {"open"}}};
    return commit;
  };
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(commit(put()));  // what it is like is known now
  ask({"SET", "reeve:{town}:doc:note", "spoiled"});
  EXPECT_FALSE(commit(put()));
  EXPECT_EQ(ask({"XLEN", "reeve:{town}:log"}).integer, 2);
  EXPECT_TRUE(commit(note()));
  EXPECT_THAT(positions(), ElementsAre(1, 2, 3));
}

// --- Replicas ------------------------------------------------------------------------------------

TEST_F(RedisTown, G1UnderReplicatedIsSaidAndNotHidden) {
  serve();
  auto how = options();
  how.replicas = 1;
  how.replica_timeout = 50ms;
  open(how);
  const auto done = commit(note("a"));
  ASSERT_EQ(code_of(done), Errc::unknown_outcome);
  EXPECT_THAT(done.error().message(), HasSubstr("only 0 of 1 replicas"));
  EXPECT_THAT(fed_, ElementsAre(1));  // it has happened
}

TEST_F(RedisTown, G1UnderReplicatedAtTheStartIsWarnedOfAndGoneOnWith) {
  serve();
  auto how = options();
  how.replicas = 1;
  how.replica_timeout = 50ms;
  bool starting = true;
  how.starting = [&] { return starting; };
  open(how);
  const auto done = commit(note("a"));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->last, Position{1});
  starting = false;
  EXPECT_EQ(code_of(commit(note("b"))), Errc::unknown_outcome);
}

TEST_F(RedisTown, G1WithItsReplicaACommitIsAnswered) {
  auto settings = disk_settings();
  settings.emplace_back("repl-diskless-sync-delay 0");
  serve({.tcp = true, .lines = std::move(settings)});
  const auto port = std::to_string(std::get<net::TcpAddress>(server_->socket()).port);
  RedisServer replica({.lines = {"replicaof 127.0.0.1 " + port}});
  auto how = options();
  how.replicas = 1;
  how.replica_timeout = 20s;
  open(how);
  EXPECT_TRUE(commit(note("a")));
  EXPECT_EQ(replica.ask({"XLEN", "reeve:{town}:log"}).integer, 1);
}

// --- Who holds the town --------------------------------------------------------------------------

TEST_F(RedisTown, G8ASecondHolderIsRefusedAndToldWhoHasIt) {
  serve();
  open();
  auto how = options();
  how.holder = "them";
  const auto refused = try_open(how);
  ASSERT_EQ(code_of(refused), Errc::conflict);
  EXPECT_THAT(refused.error().message(), HasSubstr("us, as a test"));
  EXPECT_TRUE(commit(note()));
  close();  // gives it back
  how.witness.clear();
  const auto other = try_open(how);
  ASSERT_TRUE(other);
  run((*other)->close());
}

TEST_F(RedisTown, G8WhoHasLostTheTownWritesNothingMore) {
  serve();
  open();
  ASSERT_TRUE(commit(note("a")));
  env_.advance(16s);  // nobody has heard of us, by this clock
  auto how = options();
  how.holder = "them";
  how.witness.clear();
  const auto other = try_open(how);
  ASSERT_TRUE(other);
  EXPECT_EQ(code_of(commit(note("b"))), Errc::fenced);
  EXPECT_EQ(code_of(commit(note("c"))), Errc::fenced);
  EXPECT_THAT(lost_, SizeIs(1));
  ASSERT_TRUE(run((*other)->commit(note("b"))));
  EXPECT_EQ(run((*other)->read({}, {}, 10))->events.size(), 2u);
  run((*other)->close());
}

TEST_F(RedisTown, G8AHoldThatRanOutIsGoodUntilSomebodyElseTakesIt) {
  serve();
  open();
  env_.advance(10min);
  EXPECT_TRUE(commit(note()));
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(RedisTown, G8TheSameHolderComesBackAtOnceAndFencesWhatItWas) {
  serve();
  open();
  ASSERT_TRUE(commit(note("a")));
  const auto again = try_open(options());  // as after a crash
  ASSERT_TRUE(again);
  EXPECT_EQ(code_of(commit(note("b"))), Errc::fenced);
  EXPECT_TRUE(run((*again)->commit(note("b"))));
  run((*again)->close());
}

// --- Who follows ---------------------------------------------------------------------------------

TEST_F(RedisTown, G3AFollowerIsToldOfWhatOthersWrite) {
  serve();
  open();
  ASSERT_TRUE(commit(note("a")));
  auto how = options();
  how.reader = true;
  how.witness.clear();
  const auto reader = try_open(how).value();
  std::vector<std::uint64_t> told;
  reader->set_feed([&](const std::vector<EventPtr>& events) {
    for (const auto& event : events) told.push_back(event->position.value);
  });
  EXPECT_EQ(reader->log().head.value, 1u);
  for (const auto* key : {"b", "c", "d"}) ASSERT_TRUE(commit(note(key)));
  for (int i = 0; i < 500 && told.size() < 3; ++i) run(aio::sleep(env_, 10ms));
  EXPECT_THAT(told, ElementsAre(2, 3, 4));
  EventFilter filter;
  filter.scopes = {Scope::trusted("agent:a")};
  EXPECT_EQ(run(reader->read({}, filter, 10))->events.size(), 4u);
  EXPECT_EQ(code_of(run(reader->commit(note("e")))), Errc::read_only);
  run(reader->close());
}

// --- Which events are in which scope -------------------------------------------------------------

TEST_F(RedisTown, G11RetentionTakesSegmentsOfTheIndexSomeAtATime) {
  serve();
  open();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(commit(note()));
  net::RedisWords add{"ZADD", "reeve:{town}:ix"};
  for (int i = 0; i < 1500; ++i) {
    add.emplace_back("1");
    add.push_back("x" + std::to_string(i));
  }
  ask(add);
  const auto truncate = [&](Position from, Position upto) {
    return run(store_->truncate({.from = from, .upto = upto, .changed = {}, .events = {}}));
  };
  ASSERT_TRUE(truncate({}, {1}));
  EXPECT_EQ(ask({"ZCARD", "reeve:{town}:ix"}).integer, 500);
  EventFilter filter;
  filter.scopes = {Scope::trusted("agent:a")};
  EXPECT_THAT(positions_of(run(store_->read({1}, filter, 10)).value().events),
              ElementsAre(2, 3, 4));
  ASSERT_TRUE(truncate({1}, {2}));
  EXPECT_EQ(ask({"ZCARD", "reeve:{town}:ix"}).integer, 0);
}

TEST_F(RedisTown, TheIndexOfScopesLastsAndIsWrittenBehind) {
  serve({.lines = {"maxmemory-policy noeviction"}});
  auto how = options();
  how.durability = RedisDurability::memory;
  open(how);
  constexpr int kEvents = 70'000;
  for (int done = 0; done < kEvents;) {
    Commit many;
    for (int i = 0; i < 1'000; ++i, ++done) {
      auto scopes = std::vector<std::string>{"agent:" + std::to_string(done % 100)};
      if (done % 10'000 == 5) scopes.emplace_back("run:rare");
      many.events.push_back(make_event(env_, "Note", std::move(scopes)));
    }
    ASSERT_TRUE(commit(std::move(many)));
  }
  EventFilter rare;
  rare.scopes = {Scope::trusted("run:rare")};
  const auto check = [&](std::uint64_t after) {
    std::vector<std::uint64_t> want;
    for (std::uint64_t at = 6; at <= kEvents; at += 10'000) {
      if (at > after) want.push_back(at);
    }
    const auto page = run(store_->read({after}, rare, 100)).value();
    EXPECT_EQ(positions_of(page.events), want);
    EXPECT_EQ(page.scanned.value, static_cast<std::uint64_t>(kEvents));
    const auto newest = run(store_->latest(rare, 3)).value();
    EXPECT_THAT(positions_of(newest), ElementsAre(40'006, 50'006, 60'006));
    EventFilter common;
    common.scopes = {Scope::trusted("agent:7"), Scope::trusted("agent:8")};
    const auto some = run(store_->read({after}, common, 1000)).value();
    const auto left = 2 * (kEvents - after) / 100;
    ASSERT_EQ(some.events.size(), std::min<std::uint64_t>(left, 1000));
    EXPECT_GT(some.events.front()->position.value, after);
  };
  check(0);
  const auto segments = [&] { return ask({"ZCARD", "reeve:{town}:ix"}).integer; };
  for (int i = 0; i < 500 && segments() < 2; ++i) run(aio::sleep(env_, 10ms));
  EXPECT_EQ(segments(), 2);
  check(0);
  close();
  open(how);
  check(0);
  check(35'000);
  EXPECT_TRUE(run(store_->truncate({.from = {}, .upto = {500}, .changed = {}, .events = {}})));
  check(500);
}

}  // namespace
}  // namespace reeve::store
