#pragma once

#include <memory>
#include <string>
#include <vector>

/// net/redis_testing.h for tests that see what a user sees, whose names are those of the library's
/// own headers.
namespace reeve::library_tests {

bool has_redis();

/// A redis-server of its own, gone with it.
class TestRedis {
 public:
  enum class At { socket, tcp, tls };
  struct Options {
    At at = At::socket;
    std::string password;
    bool durable = true;  ///< its settings give what a town asks for by itself
  };
  explicit TestRedis(const Options& options);
  ~TestRedis();
  TestRedis(const TestRedis&) = delete;
  TestRedis& operator=(const TestRedis&) = delete;

  void kill();                            ///< SIGKILL
  void start();                           ///< again, where it was
  [[nodiscard]] std::string url() const;  ///< with the password
  [[nodiscard]] std::string socket() const;
  /// What it answers, as a number; 0 for anything else.
  [[nodiscard]] long long ask(const std::vector<std::string>& words) const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace reeve::library_tests
