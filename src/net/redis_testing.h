#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/address.h"
#include "net/redis_error.h"
#include "net/redis_url.h"
#include "net/socket.h"

/// Real redis-servers for tests, and what happens to them. Not part of the library.
namespace reeve::net::testing {

using RedisWords = std::vector<std::string>;

/// Whether there is a redis-server on the PATH.
bool has_redis();

/// First in a test, or in a fixture's SetUp(): skips loudly.
#define REEVE_NEEDS_REDIS()                                                         \
  if (!::reeve::net::testing::has_redis()) {                                        \
    GTEST_SKIP() << "THERE IS NO redis-server ON THE PATH: NOTHING IS TESTED HERE " \
                    "(apt install redis-server)";                                   \
  }                                                                                 \
  static_assert(true)

struct RedisServerOptions {
  bool tcp = false;  ///< on 127.0.0.1, at a free port; else on a Unix socket in its folder
  bool tls = false;  ///< TCP with a certificate of its own for 127.0.0.1 and localhost
  bool ask_client_certificate = false;
  bool cluster = false;  ///< TCP, a node of a cluster
  std::string password;
  /// More lines of redis.conf. What it says by itself: no snapshots, no append-only file.
  std::vector<std::string> lines;
};

/// A redis-server of its own, with a folder of its own; both gone with it. A test that is killed
/// takes it along. Made and restarted on the test's main thread only.
class RedisServer {
 public:
  explicit RedisServer(RedisServerOptions options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  /// SIGTERM and SIGKILL; return when it is gone. Its folder stays.
  void stop();
  void kill();
  /// Starts it again, where it was. Throws if it does not come up. `wait`: until it answers PING.
  void start(bool wait = true);
  /// What its settings have besides, from its next start on.
  void set_lines(std::vector<std::string> lines) { options_.lines = std::move(lines); }
  /// Holds it (SIGSTOP), lets it go on.
  void hold();
  void let_go();

  /// With the password and the certificate that it takes.
  [[nodiscard]] RedisAddress address() const;
  /// The same as text, password included.
  [[nodiscard]] std::string url() const;
  /// Where it listens.
  [[nodiscard]] Address socket() const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::string certificate() const { return folder_ / "cert.pem"; }
  [[nodiscard]] std::string key() const { return folder_ / "key.pem"; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The end of its log, for messages.
  [[nodiscard]] std::string log() const;

  /// Asks it by redis-cli-like means of the test's own, without our connection: blocks. Throws if
  /// it cannot be asked. Not over TLS: there it is asked by its Unix socket.
  RedisReply ask(const RedisWords& words) const;

 private:
  void write_settings() const;
  void make_certificate() const;

  RedisServerOptions options_;
  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  std::uint16_t bus_port_ = 0;
  pid_t pid_ = 0;
};

/// Three masters, no replicas, all slots served.
class RedisClusterOfThree {
 public:
  RedisClusterOfThree();

  [[nodiscard]] RedisServer& node(std::size_t i) { return *nodes_.at(i); }
  /// Which one has that key's slot.
  std::size_t owner(const std::string& key);
  int slot(const std::string& key);
  /// One of the others.
  static std::size_t other(std::size_t i) { return (i + 1) % 3; }
  /// The slot begins to move: keys that are not at `from` any more are asked for at `to`.
  void begin_move(int slot, std::size_t from, std::size_t to);
  /// These keys go.
  void move_keys(const std::vector<std::string>& keys, std::size_t from, std::size_t to);
  /// The slot is at `to`, as every node knows.
  void end_move(int slot, std::size_t to);

 private:
  std::string id(std::size_t i);
  std::vector<std::unique_ptr<RedisServer>> nodes_;
};

/// Stands before a server and hands everything on, until it is told to cut: the connection on which
/// the client next says a certain text.
class CuttingProxy {
 public:
  enum class Cut {
    before_request,  ///< what the client said is not handed on
    before_reply,    ///< it is; the server's answer has come, and is not handed back
    in_reply,        ///< of the answer only a part is
  };

  /// Listens on a Unix socket in `folder`.
  CuttingProxy(Address server, const std::filesystem::path& folder);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  [[nodiscard]] RedisAddress address() const;
  /// Once; `bytes` of the answer are handed back where it is cut in the middle.
  void cut_at(std::string text, Cut where, std::size_t bytes = 3);
  /// From now on, until false: new connections are closed as soon as they come.
  void refuse(bool yes) { refusing_ = yes; }
  /// Whether cut_at()'s cut has happened.
  [[nodiscard]] bool has_cut() const { return cuts_ > 0; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  struct Plan;
  struct Pair;
  void run();
  bool hand_on(Pair& pair, bool from_client);

  Address server_;
  std::filesystem::path path_;
  Listener listener_;
  Fd wake_;
  std::unique_ptr<Plan> plan_;
  std::atomic<bool> refusing_{false};
  std::atomic<int> cuts_{0};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace reeve::net::testing
