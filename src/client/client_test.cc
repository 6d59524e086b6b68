#include "client/client.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "base/json.h"
#include "client/keeper_lock.h"
#include "client/testing.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;
using testing::ClientTest;
using testing::FakeDaemon;
using testing::json_answer;
namespace asio = boost::asio;

/// The connection breaks before the answer is whole.
net::Answer cut_answer() {
  return net::event_stream([](net::Writer&) -> asio::awaitable<void> {
    throw std::runtime_error("cut");
    co_return;
  });
}
std::string key_of(const net::Request& request) {
  return std::string(net::header(request.headers, "idempotency-key"));
}

TEST_F(ClientTest, WhatStandsInATargetIsEncoded) {
  FakeDaemon daemon(folder(), [](auto, const auto&) {
    return json_answer({{"events", json::array()}, {"cursor", "c"}});
  });
  Client::EventQuery query;
  query.after = "a+b=c&d";
  query.scopes = {"agent:ada", "mission:über/all"};
  query.kinds = {"TaskCreated"};
  query.limit = 7;
  ASSERT_TRUE(client().events(query));
  const auto request = daemon.asked().at(0);
  EXPECT_EQ(request.target,
            "/v1/events?after=a%2Bb%3Dc%26d&scope=agent:ada&scope=mission:%C3%BCber%2Fall"
            "&kind=TaskCreated&limit=7");
  EXPECT_EQ(request.param("after"), "a+b=c&d");  // and is read back as it was

  static_cast<void>(client().agent("../town?x=1#y z"));
  EXPECT_EQ(daemon.asked().at(1).segments,
            (std::vector<std::string>{"v1", "agents", "../town?x=1#y z"}));
}

TEST_F(ClientTest, EveryRequestSaysWhoAsksAndInWhichVersion) {
  FakeDaemon daemon(folder(), [](auto, const auto&) { return json_answer({}, 500); });
  static_cast<void>(client().town());
  static_cast<void>(client().kill("ada", "enough"));
  const auto asked = daemon.asked();
  for (const auto& request : asked) {
    EXPECT_EQ(net::header(request.headers, "reeve-api"), "1");
    EXPECT_EQ(net::header(request.headers, "reeve-token"), "token");
  }
  EXPECT_EQ(key_of(asked.at(0)), "");
  EXPECT_NE(key_of(asked.at(1)), "");
  EXPECT_EQ(asked.at(1).body, R"({"reason":"enough"})");
}

TEST_F(ClientTest, G9_ARequestWhoseAnswerWasCutIsRepeatedWithTheSameKey) {
  FakeDaemon daemon(folder(), [](std::size_t number, const auto&) {
    return number == 0 ? cut_answer()
                       : json_answer({{"id", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012"}}, 201);
  });
  api::AssignRequest request;
  request.text = "paint";
  auto client = this->client();
  ASSERT_TRUE(client.assign("ada", request));
  ASSERT_TRUE(client.assign("ada", request));
  const auto asked = daemon.asked();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[0].method, "POST");
  EXPECT_EQ(key_of(asked[0]), key_of(asked[1]));
  EXPECT_EQ(asked[0].body, asked[1].body);
  EXPECT_NE(key_of(asked[1]), key_of(asked[2])) << "another request is another one";
}

TEST_F(ClientTest, G9_OutsideOfARoundToo) {
  settings_.round_token.clear();
  FakeDaemon daemon(folder(), [](std::size_t number, const auto&) {
    return number == 0 ? cut_answer()
                       : json_answer({{"id", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012"}});
  });
  ASSERT_TRUE(client().kill("ada", ""));
  EXPECT_EQ(daemon.asked().size(), 2U);
}

TEST_F(ClientTest, G9_ADaemonThatDoesNotKnowWhetherItWasDoneIsAskedAgainWithTheSameKey) {
  settings_.round_token.clear();
  FakeDaemon daemon(folder(), [](std::size_t number, const auto&) {
    return number == 0 ? net::problem_response(Error(Errc::unknown_outcome, "it may be done"))
                       : json_answer({{"id", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012"}});
  });
  ASSERT_TRUE(client().kill("ada", ""));
  const auto asked = daemon.asked();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(key_of(asked[0]), key_of(asked[1]));
}

TEST_F(ClientTest, OneThatNeverKnowsIsBelievedInTheEnd) {
  settings_.round_token.clear();
  settings_.patience = std::chrono::milliseconds(50);
  FakeDaemon daemon(folder(), [](auto, const auto&) {
    return net::problem_response(Error(Errc::unknown_outcome, "it may be done"));
  });
  EXPECT_EQ(client().kill("ada", "").error().code(), Errc::unknown_outcome);
  EXPECT_GT(daemon.asked().size(), 1U);
}

TEST_F(ClientTest, AnErrorOfTheDaemonIsThatErrorAndIsNotRepeated) {
  FakeDaemon daemon(folder(), [](auto, const auto&) {
    return net::problem_response(Error(Errc::conflict, "ada is stopped"));
  });
  const auto killed = client().kill("ada", "");
  ASSERT_FALSE(killed);
  EXPECT_EQ(killed.error(), Error(Errc::conflict, "ada is stopped"));
  EXPECT_EQ(daemon.asked().size(), 1U);
}

TEST_F(ClientTest, InsideARoundItWaitsForADaemonThatIsAway) {
  std::promise<void> trying;
  std::thread later;
  std::unique_ptr<FakeDaemon> daemon;
  later = std::thread([&] {
    trying.get_future().wait();
    daemon = std::make_unique<FakeDaemon>(
        folder(), [](auto, const auto&) { return json_answer(json::object()); });
  });
  trying.set_value();
  EXPECT_TRUE(client().agents());
  later.join();
}

TEST_F(ClientTest, ButNotForEverAndOutsideNotAtAll) {
  settings_.patience = 1ms;
  EXPECT_EQ(client().agents().error().code(), Errc::unavailable);
  settings_.patience = 1h;
  settings_.round_token.clear();
  EXPECT_EQ(client().agents().error().code(), Errc::unavailable);
}

TEST_F(ClientTest, AnAnswerThatIsNoneIsAnError) {
  FakeDaemon daemon(folder(),
                    [](auto, const auto&) { return net::json_response(200, R"({"events":7})"); });
  const auto events = client().events({});
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().code(), Errc::corrupt);
}

TEST_F(ClientTest, FollowingGoesOnBehindTheLastCursor) {
  FakeDaemon daemon(folder(), [](std::size_t number, const auto&) {
    return net::event_stream([number](net::Writer& writer) -> asio::awaitable<void> {
      const std::string frame = "id: c" + std::to_string(number) + "\nevent: event\ndata: {}\n\n";
      static_cast<void>(co_await writer.write(frame));
      if (number == 0) throw std::runtime_error("cut");
    });
  });
  std::vector<std::string> cursors;
  Client::EventQuery query;
  query.after = "c";
  const auto followed = client().follow(query, [&](const auto&, const auto&, const auto& cursor) {
    cursors.push_back(cursor);
    return cursors.size() < 3;
  });
  EXPECT_TRUE(followed);
  EXPECT_EQ(cursors, (std::vector<std::string>{"c0", "c1", "c2"}));
  const auto asked = daemon.asked();
  EXPECT_EQ(asked.at(0).param("after"), "c");
  EXPECT_EQ(asked.at(1).param("after"), "c0");
  EXPECT_EQ(asked.at(2).param("after"), "c1");
}

TEST_F(ClientTest, FollowingEndsWithTheDaemonsError) {
  FakeDaemon daemon(folder(), [](auto, const auto&) {
    return net::event_stream([](net::Writer& writer) -> asio::awaitable<void> {
      const std::string frame =
          "event: error\ndata: {\"code\":\"cursor_expired\",\"detail\":\"too old\"}\n\n";
      static_cast<void>(co_await writer.write(frame));
    });
  });
  const auto followed =
      client().follow({}, [](const auto&, const auto&, const auto&) { return true; });
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error(), Error(Errc::cursor_expired, "too old"));
}

/// Outside of a round, where a daemon may be started; starting one leaves a trace instead.
class LastingTest : public ClientTest {
 protected:
  LastingTest() {
    settings_.round_token.clear();
    settings_.may_start_daemon = true;
    settings_.program = root_ / "start.sh";
    std::ofstream(settings_.program) << "#!/bin/sh\ntouch " << (root_ / "started").string() << "\n";
    std::filesystem::permissions(settings_.program, std::filesystem::perms::owner_all);
  }
  [[nodiscard]] bool started() const { return std::filesystem::exists(root_ / "started"); }
  std::unique_ptr<FakeDaemon> daemon(FakeDaemon::Answers answers) {
    return std::make_unique<FakeDaemon>(folder(), std::move(answers));
  }
  /// A stream that is cut behind its first event.
  static net::Answer one_event(const std::string& cursor) {
    return net::event_stream([cursor](net::Writer& writer) -> asio::awaitable<void> {
      const auto frame = "id: " + cursor + "\nevent: event\ndata: {}\n\n";
      static_cast<void>(co_await writer.write(frame));
      throw std::runtime_error("cut");
    });
  }
  static void expect_stopped(const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_TRUE(error.message().contains("was stopped")) << error.message();
  }
};

TEST_F(LastingTest, FollowingEndsWhenTheTownIsStoppedAndStartsItNotAgain) {
  auto town = daemon([](auto, const auto&) { return one_event("c"); });
  auto client = this->client();
  const auto followed = client.follow({}, [&](const auto&, const auto&, const auto&) {
    town.reset();
    return true;
  });
  ASSERT_FALSE(followed);
  expect_stopped(followed.error());
  EXPECT_FALSE(started());
  // Nor does what it asks on the side: a name that it does not know yet.
  EXPECT_EQ(client.agent("ada").error().code(), Errc::unavailable);
  EXPECT_FALSE(started());
}

TEST_F(LastingTest, FollowingWaitsForTheDaemonThatAKeeperBringsBack) {
  std::filesystem::create_directories(folder().dir());
  const auto keeper = KeeperLock::take(folder());
  ASSERT_TRUE(keeper);
  auto town = daemon([](auto, const auto&) { return one_event("c0"); });
  std::vector<std::string> cursors;
  std::thread later;
  const auto followed =
      client().follow({}, [&](const auto&, const auto&, const std::string& cursor) {
        cursors.push_back(cursor);
        if (cursors.size() == 1) {
          town.reset();
          later = std::thread([&] {
            town = daemon([](auto, const net::Request& request) {
              return one_event("behind " + std::string(request.param("after").value_or("")));
            });
          });
        }
        return cursors.size() < 2;
      });
  later.join();
  EXPECT_TRUE(followed) << followed.error().message();
  EXPECT_EQ(cursors, (std::vector<std::string>{"c0", "behind c0"}));
  EXPECT_FALSE(started());
}

TEST_F(LastingTest, AWaitEndsWhenTheTownIsStopped) {
  std::promise<void> asked;
  auto town = daemon([&](std::size_t number, const auto&) {
    if (number == 0) asked.set_value();
    return cut_answer();
  });
  auto waited =
      std::async(std::launch::async, [this] { return client().wait_task("t", std::nullopt); });
  asked.get_future().wait();
  town.reset();
  const auto reply = waited.get();
  ASSERT_FALSE(reply);
  expect_stopped(reply.error());
  EXPECT_FALSE(started());
}

TEST_F(LastingTest, AWaitEndsAtOnceWithADaemonThatSaysThatItStops) {
  const auto town = daemon([](auto, const auto&) {
    return net::problem_response(Error(Errc::unavailable, "the daemon is stopping"));
  });
  EXPECT_EQ(client().wait_agent("ada", std::nullopt).error(),
            Error(Errc::unavailable, "the daemon is stopping"));
}

TEST_F(LastingTest, InsideARoundAWaitGoesOnWithTheNextDaemon) {
  settings_.round_token = "token";
  settings_.may_start_daemon = false;
  const auto town = daemon([](std::size_t number, const auto&) {
    return number == 0 ? net::problem_response(Error(Errc::unavailable, "the daemon is stopping"))
                       : json_answer({{"state", "completed"}});
  });
  EXPECT_EQ(client().wait_task("t", std::nullopt).value().state, "completed");
}

TEST_F(LastingTest, ToBeginWithADaemonIsStarted) {
  std::filesystem::create_directories(folder().dir());
  EXPECT_FALSE(client().wait_task("t", std::nullopt));
  EXPECT_TRUE(started());
  std::filesystem::remove(root_ / "started");
  EXPECT_FALSE(client().follow({}, [](const auto&, const auto&, const auto&) { return false; }));
  EXPECT_TRUE(started());
}

TEST_F(ClientTest, AStopIsOverWhenTheDaemonsProcessIs) {
  // The "daemon" is a process that ends when the test says so, some time after it was asked.
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const auto process = ::fork();
  if (process == 0) {
    char byte = 0;
    ::close(pipe[1]);
    static_cast<void>(::read(pipe[0], &byte, 1));
    ::_exit(0);
  }
  std::promise<void> asked;
  FakeDaemon daemon(folder(), [&](auto, const net::Request& request) {
    if (request.method == "GET") return json_answer({{"version", "1"}, {"pid", process}});
    asked.set_value();
    return json_answer(json::object(), 202);
  });
  auto stopped =
      std::async(std::launch::async, [&] { return client().stop(api::StopMode::drain); });
  asked.get_future().wait();
  EXPECT_EQ(stopped.wait_for(50ms), std::future_status::timeout) << "it runs still";
  ::close(pipe[0]);
  ::close(pipe[1]);
  EXPECT_TRUE(stopped.get());
  ::waitpid(process, nullptr, 0);
}

TEST_F(ClientTest, AStopWithoutADaemonIsUnavailable) {
  EXPECT_EQ(client().stop(api::StopMode::stages).error().code(), Errc::unavailable);
}

}  // namespace
}  // namespace reeve::client
