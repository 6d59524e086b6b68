#include "net/socket.h"

#include <sys/stat.h>

#include <fstream>

#include "net/testing.h"

namespace reeve::net {
namespace {

using testing::soon;
using testing::TempFolder;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat found{};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777;
}

std::filesystem::path deep(const TempFolder& folder, std::size_t size) {
  auto path = folder.path();
  while (path.native().size() + 52 < size) path /= std::string(50, 'd');
  std::filesystem::create_directories(path);
  return path / std::string(size - path.native().size() - 1, 's');
}

TEST(UnixAddress, AShortPathIsTakenAsItIs) {
  const auto address = unix_address("/tmp/s");
  ASSERT_TRUE(address);
  EXPECT_FALSE(address->folder);
}

TEST(UnixAddress, EveryLengthListensAndAnswers) {
  for (const std::size_t size : {106U, 107U, 108U, 109U, 200U, 1000U}) {
    const TempFolder folder;
    const UnixAddress address{deep(folder, size)};
    ASSERT_EQ(address.path.native().size(), size);
    const auto listener = listen_on(address);
    ASSERT_TRUE(listener) << listener.error().message();
    EXPECT_TRUE(std::filesystem::is_socket(address.path));
    EXPECT_EQ(mode_of(address.path), 0600u);
    EXPECT_TRUE(connect_to(address, soon()));
    EXPECT_EQ(listen_on(address).error().code(), Errc::conflict);
  }
}

TEST(UnixAddress, WhatCannotBeOne) {
  EXPECT_EQ(unix_address("").error().code(), Errc::invalid_argument);
  EXPECT_EQ(unix_address("/tmp/").error().code(), Errc::invalid_argument);
  EXPECT_EQ(unix_address("/tmp/..").error().code(), Errc::invalid_argument);
  EXPECT_EQ(unix_address(std::string("/tmp/a\0b", 8)).error().code(), Errc::invalid_argument);
  const TempFolder folder;
  EXPECT_EQ(unix_address(folder / std::string(120, 's')).error().code(), Errc::invalid_argument);
  EXPECT_EQ(unix_address(folder.path() / std::string(110, 'd') / "s").error().code(),
            Errc::not_found);
}

TEST(TcpAddress, IsNumericOrLocalhost) {
  EXPECT_TRUE(tcp_address({.host = "localhost", .port = 1}));
  EXPECT_TRUE(tcp_address({.host = "::1", .port = 1}));
  EXPECT_EQ(tcp_address({.host = "example.com"}).error().code(), Errc::invalid_argument);
  EXPECT_EQ(to_string(TcpAddress{.host = "::1", .port = 80}), "[::1]:80");
  EXPECT_EQ(to_string(TcpAddress{.port = 80}), "127.0.0.1:80");
}

TEST(Listen, MakesItsFolderPrivate) {
  const TempFolder folder;
  const auto listener = listen_on(UnixAddress{folder / "new/s"});
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_EQ(mode_of(folder / "new"), 0700u);
  EXPECT_EQ(mode_of(folder / "new/s"), 0600u);
  EXPECT_EQ(listen_on(UnixAddress{folder / "a/b/s"}).error().code(), Errc::not_found);
}

TEST(Listen, RefusesAFolderThatOthersCanWriteTo) {
  const TempFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0770));
  const auto listener = listen_on(UnixAddress{folder / "s"});
  EXPECT_EQ(listener.error().code(), Errc::denied);
  EXPECT_FALSE(std::filesystem::exists(folder / "s"));
}

TEST(Listen, AStaleSocketIsReplacedALivingOneIsNot) {
  const TempFolder folder;
  const UnixAddress address{folder / "s"};
  {
    const auto killed = listen_on(address);  // goes without remove(), as by kill -9
    ASSERT_TRUE(killed);
    const auto second = listen_on(address);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Errc::conflict);
    EXPECT_TRUE(connect_to(address, soon()));  // the refused one did not take the file away
  }
  ASSERT_TRUE(std::filesystem::exists(address.path));
  EXPECT_EQ(connect_to(address, soon()).error().code(), Errc::unavailable);
  EXPECT_TRUE(listen_on(address));
}

TEST(Listen, OfManyThatFindAStaleSocketOneGetsIt) {
  const TempFolder folder;
  const UnixAddress address{folder / "s"};
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(listen_on(address));  // stale at once
    std::vector<std::future<Result<Listener>>> tries;
    for (int i = 0; i < 8; ++i) {
      tries.push_back(std::async(std::launch::async, [&] { return listen_on(address); }));
    }
    std::vector<Listener> won;
    for (auto& attempt : tries) {
      auto listener = attempt.get();
      if (listener) {
        won.push_back(std::move(*listener));
      } else {
        EXPECT_EQ(listener.error().code(), Errc::conflict) << listener.error().message();
      }
    }
    ASSERT_EQ(won.size(), 1u);
    EXPECT_TRUE(connect_to(address, soon()));
  }
}

TEST(Listen, AFileThatIsNoSocketStays) {
  const TempFolder folder;
  std::ofstream(folder / "s") << "precious";
  EXPECT_EQ(listen_on(UnixAddress{folder / "s"}).error().code(), Errc::conflict);
  EXPECT_EQ(std::filesystem::file_size(folder / "s"), 8u);
}

TEST(Listen, RemovesOnlyItsOwnFile) {
  const TempFolder folder;
  const UnixAddress address{folder / "s"};
  auto first = listen_on(address);
  ASSERT_TRUE(first);
  std::filesystem::remove(address.path);
  auto second = listen_on(address);
  ASSERT_TRUE(second);
  first->remove();
  EXPECT_TRUE(std::filesystem::exists(address.path));
  second->remove();
  EXPECT_FALSE(std::filesystem::exists(address.path));
}

TEST(Connect, NobodyThereIsUnavailable) {
  const TempFolder folder;
  EXPECT_EQ(connect_to(UnixAddress{folder / "none"}, soon()).error().code(), Errc::unavailable);
  EXPECT_EQ(
      connect_to(UnixAddress{folder.path() / std::string(150, 'd') / "s"}, soon()).error().code(),
      Errc::unavailable);
  TcpAddress closed;
  {
    const auto listener = listen_on(TcpAddress{});
    ASSERT_TRUE(listener);
    closed = std::get<TcpAddress>(listener->address);
    EXPECT_NE(closed.port, 0);
    EXPECT_TRUE(connect_to(closed, soon()));
    EXPECT_EQ(listen_on(closed).error().code(), Errc::conflict);
  }
  EXPECT_EQ(connect_to(closed, soon()).error().code(), Errc::unavailable);
}

TEST(Connect, AFullBacklogIsWaitedForUntilTheDeadline) {
  const TempFolder folder;
  const UnixAddress address{folder / "s"};
  const auto listener = listen_on(address);
  ASSERT_TRUE(listener);
  ASSERT_EQ(::listen(listener->fd.get(), 0), 0);
  std::vector<Fd> queued;
  Error last;
  for (int i = 0; i < 10 && queued.size() == static_cast<std::size_t>(i); ++i) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
    auto fd = connect_to(address, deadline);
    if (fd) {
      queued.push_back(std::move(*fd));
    } else {
      last = fd.error();
    }
  }
  EXPECT_EQ(last.code(), Errc::timeout);
  EXPECT_EQ(listen_on(address).error().code(), Errc::conflict);  // full is not dead
}

}  // namespace
}  // namespace reeve::net
