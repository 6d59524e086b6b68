#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "client/client.h"
#include "net/server.h"

/// What the tests of client/ share. Not part of the library.
namespace reeve::client::testing {

namespace asio = boost::asio;

/// A daemon that answers what the test says, on a thread of its own; it remembers what it was
/// asked.
class FakeDaemon {
 public:
  /// Called on the daemon's thread with the request's number, from 0.
  using Answers = std::function<net::Answer(std::size_t number, const net::Request& request)>;

  FakeDaemon(const TownFolder& folder, Answers answers)
      : answers_(std::move(answers)),
        server_(
            loop_.get_executor(),
            [this](net::Request request) { return handle(std::move(request)); },
            net::ServerOptions{.stop_grace = std::chrono::milliseconds(1),
                               .stream_grace = std::chrono::milliseconds(1)}) {
    std::filesystem::create_directories(folder.dir());
    EXPECT_TRUE(server_.listen(net::UnixAddress{folder.socket()}));
    ended_ = asio::co_spawn(loop_, server_.run(), asio::use_future);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~FakeDaemon() {
    asio::post(loop_, [this] { server_.stop(); });
    ended_.wait();
    thread_.join();
  }
  std::vector<net::Request> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  asio::awaitable<net::Answer> handle(net::Request request) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request);
    co_return answers_(asked_.size() - 1, asked_.back());
  }

  std::mutex mutex_;
  std::vector<net::Request> asked_;
  Answers answers_;
  asio::io_context loop_;
  net::Server server_;
  std::future<void> ended_;
  std::thread thread_;
};

inline net::Answer json_answer(const json::value& value, int status = 200) {
  return net::json_response(status, write_json(value));
}

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    auto name = (std::filesystem::temp_directory_path() / "reeve_client_XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    settings_.version = "test";
    settings_.may_start_daemon = false;  // it would be this very program
    settings_.round_token = "token";
  }
  ~ClientTest() override { std::filesystem::remove_all(root_); }

  [[nodiscard]] TownFolder folder() const { return TownFolder(root_); }
  [[nodiscard]] Client client() const { return Client(folder(), settings_); }

  std::filesystem::path root_;
  ClientSettings settings_;
};

}  // namespace reeve::client::testing
