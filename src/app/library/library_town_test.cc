// A town of the library: its log, its folder, its end.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "app/library/test_support.h"

namespace {

using namespace reeve::library_tests;  // NOLINT: a test's own
using namespace std::chrono_literals;
using reeve::Code;
using reeve::Control;
using reeve::EmitRequest;
using reeve::Event;
using reeve::Session;
using reeve::Town;

// --- The town ------------------------------------------------------------------------------------

TEST(EventsLibraryTown, EventsAreReadPageByPage) {
  auto town = open_town();
  do_runs(town, 5);
  std::vector<std::uint64_t> positions;
  std::string cursor;
  for (bool at_end = false; !at_end;) {
    auto page = town.events(cursor, {}, 7).value();
    EXPECT_LE(page.events.size(), 7U);
    for (const auto& event : page.events) positions.push_back(event.position);
    cursor = page.cursor;
    at_end = page.at_end;
  }
  EXPECT_EQ(cursor, town.cursor().value());
  ASSERT_GT(positions.size(), 20U);
  for (std::size_t i = 0; i < positions.size(); ++i) EXPECT_EQ(positions[i], i + 1);
  EXPECT_TRUE(town.events(cursor).value().events.empty());
}

TEST(EventsLibraryTown, AFolderThatIsNotThereIsMade) {
  const Folder folder;
  auto town = open_town(folder.path() + "/deep/down");
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/deep/down/.reeve/town.toml"));
  EXPECT_EQ(std::filesystem::exists(folder.path() + "/deep/down/.reeve/town.db"),
            test_store() == nullptr);
}

TEST(EventsLibraryTown, AFolderBelongsToOneAtATime) {
  const Folder folder;
  auto town = open_town(folder.path());
  reeve::OpenOptions options;
  options.folder = folder.path();
  const auto refused = Town::open(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_NE(refused.error().message.find("process " + std::to_string(::getpid())),
            std::string::npos)
      << refused.error().message;
  EXPECT_NE(refused.error().message.find("a program with libreeve"), std::string::npos);
  town.close();
  EXPECT_TRUE(Town::open(options));
}

TEST(EventsLibraryTown, TheFoldersSettingsSayWhereItsStoreIs) {
  if (test_store() != nullptr) GTEST_SKIP() << "of a store that is a file";
  const Folder folder;
  std::filesystem::create_directories(folder.path() + "/.reeve");
  std::ofstream(folder.path() + "/.reeve/town.toml")
      << "name = \"elm\"\n[store]\nurl = \"sqlite:data.db\"\n";
  {
    auto town = open_town(folder.path());
    EXPECT_TRUE(std::filesystem::exists(folder.path() + "/data.db"));
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/.reeve/town.db"));
    const auto first = town.events("").value().events.at(0);
    EXPECT_EQ(first.kind, "TownCreated");
    EXPECT_NE(first.payload.find("\"elm\""), std::string::npos) << first.payload;
  }
  reeve::OpenOptions options;
  options.folder = folder.path();
  options.store_durability = "everysec";
  EXPECT_EQ(Town::open(options).error().code, Code::invalid_argument);
  options.store_durability = "";
  options.store = "redis://elsewhere/1";
  EXPECT_EQ(Town::open(options).error().code, Code::conflict);
  options.store = "";
  options.store_password_env = "OAK";
  EXPECT_EQ(Town::open(options).error().code, Code::invalid_argument);
}

TEST(EventsLibraryTown, AResetThatWasCutOffIsGoneOnWithFirst) {
  if (test_store() != nullptr) GTEST_SKIP() << "of a store that is a file";
  const Folder folder;
  std::string log;
  {
    auto town = open_town(folder.path());
    do_runs(town, 1);
    log = town.cursor().value();
  }
  const auto pending = folder.path() + "/.reeve/reset-pending";
  std::filesystem::create_directories(pending);
  std::ofstream(pending + "/reset.json")
      << R"({"former_log":"","kept_in":".reeve/before-reset-x"})" << '\n';
  auto town = open_town(folder.path());
  EXPECT_EQ(town.events("").value().events.size(), 1U);
  EXPECT_EQ(town.events(log).error().code, Code::cursor_foreign);
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/.reeve/before-reset-x/town.db"));
}

TEST(EventsLibraryTown, ClosingEndsWhatGoesOnAndHandlesSayThatItIsClosed) {
  auto town = open_town();
  town.add_scripted_provider("hang", kHang).value();
  auto run = town.emit(EmitRequest::ask("hang", "hi")).value();
  auto unread = town.emit(EmitRequest::ask("hang", "hi")).value();
  auto listener = town.on({},
                          [&](const Event&, Session&, Control&) {
                            static_cast<void>(run.wait());  // a handler that waits holds nobody up
                          })
                      .value();
  std::thread reader([&] {
    for (;;) {
      const auto event = unread.next_event();
      if (!event || !*event) return;
    }
  });
  auto session = town.session(kSession);
  town.close();
  reader.join();
  EXPECT_EQ(run.wait().value().state, reeve::RunState::cancelled);
  EXPECT_TRUE(listener.is_finished());
  EXPECT_EQ(town.emit(EmitRequest::ask("hello", "hi")).error().code, Code::unavailable);
  EXPECT_EQ(session.set("key", "1").error().code, Code::unavailable);
  EXPECT_EQ(town.cursor().error().code, Code::unavailable);
  EXPECT_EQ(run.next_event().error().code, Code::unavailable);
}

TEST(EventsLibraryTown, ManyThreadsAskAtTheSameTime) {
  auto town = open_town();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        auto run = town.emit(EmitRequest::ask("hello", "hi")).value();
        if (j % 2 == 0) {
          for (const auto& event : run.events()) static_cast<void>(event);
        }
        if (run.wait().value().text == "hello there") ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good.load(), 160);
}

}  // namespace
