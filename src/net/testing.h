#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "net/blocking_client.h"
#include "net/server.h"
#include "net/socket.h"

/// What the tests of net/ share: real folders, real sockets, a server on a thread of its own.
namespace reeve::net::testing {

using namespace std::chrono_literals;

/// A new 0700 folder that is gone with it.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "reeve_net_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::chrono::steady_clock::time_point soon() {
  return std::chrono::steady_clock::now() + 20s;
}

/// A connection that says exactly what it is told to. Reading waits at most `soon()`.
class RawClient {
 public:
  explicit RawClient(const Address& address) : fd_(connect_to(address, soon()).value()) {}

  /// False when the peer has closed.
  bool send(std::string_view bytes);
  /// What comes until the peer closes.
  std::string read_all();
  /// What comes until `end` has come.
  std::string read_until(std::string_view end);
  void close() { fd_.reset(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  bool read_some(std::string& into);

  Fd fd_;
  std::string kept_;
};

/// A server that runs on its own thread from start() to stop().
class ServerFixture : public ::testing::Test {
 protected:
  ~ServerFixture() override { stop(); }

  void start(Handler handler, ServerOptions options = {});
  /// Serves on another address, too; call before start().
  void also_listen(Address address) { more_.push_back(std::move(address)); }
  /// Returns when run() has returned.
  void stop();
  /// Has the server begin to stop; does not wait.
  void begin_stop();
  [[nodiscard]] bool has_stopped_within(std::chrono::milliseconds time) {
    return ended_.wait_for(time) == std::future_status::ready;
  }
  std::size_t connections();

  [[nodiscard]] BlockingClient client(std::chrono::milliseconds timeout = 20s) const {
    return BlockingClient(address_, {.version = "test", .timeout = timeout});
  }
  [[nodiscard]] RawClient raw() const { return RawClient(address_); }

  TempFolder folder_;
  Address address_{UnixAddress{folder_ / "s"}};
  std::vector<Address> bound_;  ///< what also_listen() came to
  std::string version_ = "1.2.3";
  asio::io_context context_;

 private:
  std::vector<Address> more_;
  std::unique_ptr<Server> server_;
  std::future<void> ended_;
  std::thread thread_;
};

}  // namespace reeve::net::testing
