// Towns of the library on Redis, with real redis-servers and, where one is to be had, a daemon.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <future>
#include <iterator>
#include <optional>
#include <thread>

#include "app/library/test_redis.h"
#include "app/library/test_support.h"

namespace {

using namespace reeve::library_tests;  // NOLINT: a test's own
using namespace std::chrono_literals;
using reeve::Code;
using reeve::Control;
using reeve::EmitRequest;
using reeve::Event;
using reeve::From;
using reeve::OnOptions;
using reeve::OpenOptions;
using reeve::Session;
using reeve::Town;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class EventsLibraryRedis : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_redis()) {
      GTEST_SKIP() << "THERE IS NO redis-server ON THE PATH: NOTHING IS TESTED HERE "
                      "(apt install redis-server)";
    }
    ::setenv("XDG_STATE_HOME", home_.path().c_str(), 1);
    start({});
  }
  void TearDown() override {
    if (has_daemon_) sh("stop");
  }

  void start(const TestRedis::Options& options) { server_ = std::make_unique<TestRedis>(options); }
  [[nodiscard]] OpenOptions by_url() const {
    OpenOptions options;
    options.store = server_->url();
    options.name = "oak";
    return options;
  }
  [[nodiscard]] OpenOptions in(const std::string& folder) const {
    auto options = by_url();
    options.folder = folder;
    return options;
  }
  static Town open(const OpenOptions& options) {
    auto town = Town::open(options).value();
    town.add_scripted_provider("hello", kHello).value();
    town.add_scripted_provider("hang", kHang).value();
    return town;
  }
  static reeve::Error refused(const OpenOptions& options) {
    auto town = Town::open(options);
    if (!town) return town.error();
    ADD_FAILURE() << "it was opened";
    return {};
  }
  /// A command in the folder's town; what it says is in said().
  int sh(const std::string& words) {
    const auto line = "cd " + folder_.path() + " && " + std::string(REEVE_PROGRAM) + " " + words +
                      " >" + home_.path() + "/out 2>&1";
    return WEXITSTATUS(::system(line.c_str()));  // NOLINT: a test's own words
  }
  [[nodiscard]] std::string said() const { return text_of(home_.path() + "/out"); }
  /// The folder's town, for a daemon.
  void init() {
    has_daemon_ = true;
    ASSERT_EQ(sh("init --name oak --store '" + server_->url() + "'"), 0) << said();
  }
  /// All events from the beginning, as "POSITION KIND ID".
  static std::vector<std::string> events_of(Town& town) {
    std::vector<std::string> all;
    for (const auto& event : town.events("", {}, 1000).value().events)
      all.push_back(std::to_string(event.position) + " " + event.kind + " " + event.id);
    return all;
  }
  /// As if another machine had taken the town after its hold had run out.
  void take_away() const {
    const std::string meta = "reeve:{oak}:meta";
    static_cast<void>(server_->ask({"HSET", meta, "holder", "elsewhere", "who",
                                    "elm, process 7, since noon", "until", "9999999999999"}));
    static_cast<void>(server_->ask({"HSET", meta, "epoch", "9"}));
    static_cast<void>(
        server_->ask({"EVAL",
                      "local s = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], "
                      "string.match(s, '^%S+') .. ' 9' .. string.sub(s, -48))",
                      "1", "reeve:{oak}:state"}));
  }
  [[nodiscard]] std::filesystem::path find(const std::string& name) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(home_.path()))
      if (entry.path().filename() == name) return entry.path();
    return {};
  }

  const Folder home_;
  std::unique_ptr<TestRedis> server_;
  const Folder folder_;
  bool has_daemon_ = false;
};

TEST_F(EventsLibraryRedis, ATownIsOpenedByItsUrlAndEverythingIsThereAgain) {
  std::vector<std::string> before;
  std::string session;
  std::string cursor;
  {
    auto town = open(by_url());
    Seen seen;
    OnOptions options;
    options.filter.kinds = {"RunCompleted"};
    auto listener =
        town.on(options, [&](const Event& event, Session&, Control&) { seen.add(event.run); })
            .value();
    auto run = town.emit(EmitRequest::ask("hello", "hi")).value();
    std::string told;
    for (const auto& event : run.events())
      if (event.kind == "TextDelta") told += event.payload;
    EXPECT_TRUE(contains(told, "hello"));
    session = run.wait().value().session;
    town.session(session).set("seen", "[1,2]").value();
    ASSERT_TRUE(listener.close());
    EXPECT_EQ(seen.all(), std::vector<std::string>{run.id()});
    before = events_of(town);
    cursor = town.cursor().value();
  }
  ASSERT_GT(before.size(), 3U);
  EXPECT_TRUE(before.front().starts_with("1 TownCreated"));
  EXPECT_EQ(server_->ask({"EXISTS", "reeve:{oak}:meta"}), 1);
  EXPECT_FALSE(find("witness.oak.json").empty());
  {
    auto town = open(by_url());
    EXPECT_EQ(events_of(town), before);
    EXPECT_EQ(town.cursor().value(), cursor);
    EXPECT_EQ(town.session(session).get("seen").value(), "[1,2]");
    auto request = EmitRequest::ask("hello", "again");
    request.session = session;
    EXPECT_EQ(town.emit(request).value().wait().value().messages.size(), 2U);
    EXPECT_TRUE(town.events(cursor).value().events.front().position == before.size() + 1);
    EXPECT_EQ(town.agents().list().error().code, Code::unsupported);
  }
  // Another name is another town.
  auto options = by_url();
  options.name = "elm";
  auto other = open(options);
  EXPECT_EQ(events_of(other).size(), 1U);
}

TEST_F(EventsLibraryRedis, TheSameOverTcpAndTls) {
  for (const auto at : {TestRedis::At::tcp, TestRedis::At::tls}) {
    start({.at = at, .password = "tell-nobody-7"});
    std::vector<std::string> before;
    {
      auto town = open(by_url());
      do_runs(town, 2);
      before = events_of(town);
    }
    EXPECT_GT(before.size(), 6U);
    auto town = open(by_url());
    EXPECT_EQ(events_of(town), before);
  }
}

TEST_F(EventsLibraryRedis, AFolderIsMadeATownsAndNamesItsStore) {
  const Folder folder;
  {
    auto town = open(in(folder.path() + "/deep"));
    do_runs(town, 1);
  }
  EXPECT_TRUE(contains(text_of(folder.path() + "/deep/.reeve/town.toml"), server_->url()));
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/deep/.reeve/witness.oak.json"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/deep/.reeve/town.db"));
  OpenOptions plain;
  plain.folder = folder.path() + "/deep";
  {
    auto town = open(plain);
    EXPECT_GT(events_of(town).size(), 3U);
  }
  {
    auto town = open(in(plain.folder));
  }  // the same store, said again
  plain.store = "unix:///tmp/another.sock";
  const auto elsewhere = refused(plain);
  EXPECT_EQ(elsewhere.code, Code::conflict);
  EXPECT_TRUE(contains(elsewhere.message, "another.sock"));

  // A folder that happens to have a name that is taken there takes part in nothing.
  const auto namesake = folder.path() + "/oak";
  OpenOptions derived;
  derived.folder = namesake;
  derived.store = server_->url();
  EXPECT_EQ(refused(derived).code, Code::conflict);
  EXPECT_FALSE(std::filesystem::exists(namesake));
  derived.name = "oak";
  auto town = open(derived);
  EXPECT_GT(events_of(town).size(), 3U);
}

TEST_F(EventsLibraryRedis, WhatTheServerDoesNotGiveIsRefusedAndNothingIsMade) {
  start({.durable = false});
  const Folder folder;
  for (const auto& options : {by_url(), in(folder.path() + "/town")}) {
    const auto denied = refused(options);
    EXPECT_EQ(denied.code, Code::denied);
    EXPECT_TRUE(contains(denied.message, "appendonly"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/town"));
  EXPECT_EQ(server_->ask({"DBSIZE"}), 0);
  auto options = by_url();
  options.store_durability = "os";
  EXPECT_EQ(refused(options).code, Code::invalid_argument);
  options.store_durability = "memory";
  {
    auto town = open(options);
  }
  options.name = "";
  EXPECT_EQ(refused(options).code, Code::invalid_argument);
  options.name = "oak";
  options.store = "http://localhost";
  EXPECT_EQ(refused(options).code, Code::invalid_argument);
  options.store = "sqlite";
  EXPECT_EQ(refused(options).code, Code::invalid_argument);
}

TEST_F(EventsLibraryRedis, ItsPasswordIsWhereTheOptionsSayAndNowhereElse) {
  const std::string password = "tell-nobody-7";
  start({.password = password});
  const auto url = "unix://" + server_->socket();
  auto options = by_url();
  options.store = url;
  const auto nobody = refused(options);
  EXPECT_TRUE(nobody.code == Code::denied || nobody.code == Code::unauthenticated)
      << nobody.message;

  ::setenv("OAK_PASSWORD", password.c_str(), 1);
  options.store_password_env = "OAK_PASSWORD";
  {
    auto town = open(options);
  }
  const auto file = home_.path() + "/password";
  std::ofstream(file) << password << '\n';
  options.store_password_file = file;
  EXPECT_EQ(refused(options).code, Code::invalid_argument);  // both
  options.store_password_env = "";
  ::chmod(file.c_str(), 0644);
  EXPECT_EQ(refused(options).code, Code::denied);
  ::chmod(file.c_str(), 0600);
  {
    auto town = open(options);
  }
  // In a folder's town it is remembered where it is, not what it is.
  const Folder folder;
  options.folder = folder.path();
  {
    auto town = open(options);
  }
  OpenOptions plain;
  plain.folder = folder.path();
  {
    auto town = open(plain);
  }
  std::filesystem::remove(file);
  for (const auto& place : {home_.path(), folder.path()}) {
    for (const auto& one : std::filesystem::recursive_directory_iterator(place)) {
      if (one.is_regular_file()) {
        EXPECT_FALSE(contains(text_of(one.path()), password)) << one.path();
      }
    }
  }
  options.store = "unix://:" + password + "@" + server_->socket();
  options.store_password_file = "";
  options.store_durability = "os";
  EXPECT_FALSE(contains(refused(options).message, password));
}

TEST_F(EventsLibraryRedis, OneHasItAtATimeAndOthersAreToldWho) {
  const auto mine = "process " + std::to_string(::getpid());
  const Folder folder;
  {
    auto town = open(by_url());
    for (const auto& options : {by_url(), in(folder.path())}) {
      const auto taken = refused(options);
      EXPECT_EQ(taken.code, Code::conflict);
      EXPECT_TRUE(contains(taken.message, mine)) << taken.message;
      EXPECT_TRUE(contains(taken.message, "a program with libreeve")) << taken.message;
      EXPECT_TRUE(contains(taken.message, "Town::connect()")) << taken.message;
    }
  }
  auto town = open(in(folder.path()));  // given back at once
}

TEST_F(EventsLibraryRedis, ADaemonAndAProgramDoNotHaveItAtTheSameTime) {
  init();
  OpenOptions plain;
  plain.folder = folder_.path();
  {
    auto town = open(plain);
    do_runs(town, 1);
    EXPECT_EQ(sh("status"), 6);
    EXPECT_TRUE(contains(said(), "process " + std::to_string(::getpid()))) << said();
    EXPECT_TRUE(contains(said(), "a program with libreeve")) << said();
  }
  {
    auto town = open(by_url());  // from elsewhere
    EXPECT_EQ(sh("status"), 6);
    EXPECT_TRUE(contains(said(), "a program with libreeve")) << said();
  }
  ASSERT_EQ(sh("status --json"), 0) << said();
  for (const auto& options : {plain, by_url()}) {
    const auto taken = refused(options);
    EXPECT_EQ(taken.code, Code::conflict);
    EXPECT_TRUE(contains(taken.message, "process ")) << taken.message;
    EXPECT_TRUE(contains(taken.message, "Town::connect()")) << taken.message;
    EXPECT_FALSE(contains(taken.message, "libreeve")) << taken.message;
  }
  // The way that was named.
  reeve::ConnectOptions there;
  there.folder = folder_.path();
  auto town = Town::connect(there).value();
  auto events = events_of(town);
  EXPECT_TRUE(events.front().starts_with("1 TownCreated"));
  EXPECT_TRUE(std::ranges::any_of(
      events, [](const auto& event) { return contains(event, "RunCompleted"); }));
}

TEST_F(EventsLibraryRedis, AServerThatIsAwayForAMomentIsWaitedFor) {
  auto town = open(by_url());
  Seen seen;
  OnOptions options;
  options.from = From::beginning();
  auto listener = town.on(options, [&](const Event& event, Session&,
                                       Control&) { seen.add(std::to_string(event.position)); })
                      .value();
  do_runs(town, 1);
  server_->kill();
  auto asked = std::async(std::launch::async, [&] {
    return town.emit(EmitRequest::ask("hello", "hi")).value().wait().value().text;
  });
  EXPECT_EQ(asked.wait_for(100ms), std::future_status::timeout);
  server_->start();
  EXPECT_EQ(asked.get(), "hello there");
  ASSERT_TRUE(listener.close());
  const auto all = seen.all();
  EXPECT_EQ(all.size(), events_of(town).size());
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], std::to_string(i + 1));
}

TEST_F(EventsLibraryRedis, ATownIsClosedWhileItsServerIsAway) {
  auto town = open(by_url());
  auto run = town.emit(EmitRequest::ask("hang", "hi")).value();
  server_->kill();
  town.close();
  EXPECT_EQ(run.wait().error().code, Code::unavailable);
  // What could not be said then is said by the next one.
  server_->start();
  auto again = open(by_url());
  const auto result = again.find_run(run.id()).value().wait().value();
  EXPECT_EQ(result.state, reeve::RunState::failed);
  EXPECT_EQ(result.reason, "interrupted");
}

TEST_F(EventsLibraryRedis, WhoHasLostTheTownIsFencedAndItsRunsEnd) {
  auto town = open(by_url());
  Seen seen;
  auto listener =
      town.on({}, [&](const Event& event, Session&, Control&) { seen.add(event.kind); }).value();
  auto run = town.emit(EmitRequest::ask("hang", "hi")).value();
  take_away();
  const auto fenced = town.emit(EmitRequest::ask("hello", "hi"));
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().code, Code::fenced);
  EXPECT_TRUE(contains(fenced.error().message, "elm, process 7")) << fenced.error().message;
  const auto ended = run.wait_for(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::fenced);
  EXPECT_TRUE(contains(ended.error().message, "elm, process 7")) << ended.error().message;
  EXPECT_EQ(listener.close().error().code, Code::fenced);
  EXPECT_EQ(town.events("").error().code, Code::fenced);
  town.close();
}

TEST_F(EventsLibraryRedis, AProgramThatWasKilledLeavesItToItsNextProcessAtOnce) {
  const Folder folder;
  for (const auto& options : {by_url(), in(folder.path())}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const auto child = ::fork();
    if (child == 0) {
      auto town = open(options);
      const auto id = town.emit(EmitRequest::ask("hang", "hi")).value().id();
      static_cast<void>(!::write(ends[1], id.data(), id.size()));
      for (;;) ::pause();
    }
    ::close(ends[1]);
    std::string id(36, ' ');
    ASSERT_EQ(::read(ends[0], id.data(), id.size()), 36);
    ::close(ends[0]);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    auto town = open(options);
    EXPECT_EQ(town.find_run(id).value().wait().value().reason, "interrupted");
  }
}

TEST_F(EventsLibraryRedis, WhatRedisHasLostIsNamed) {
  const Folder folder;
  auto options = in(folder.path());
  for (const auto& one : {by_url(), options}) {
    auto town = open(one);
    do_runs(town, 1);
  }
  static_cast<void>(server_->ask({"FLUSHALL"}));
  for (const auto& one : {by_url(), options}) EXPECT_EQ(refused(one).code, Code::corrupt);
  // A person has looked, and goes on with what is there.
  std::filesystem::remove(folder.path() + "/.reeve/witness.oak.json");
  auto town = open(options);
  EXPECT_EQ(events_of(town).size(), 1U);
}

}  // namespace
