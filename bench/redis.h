#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace reeve::bench {

/// A redis-server of its own on a Unix socket, gone with this, and what others do with one.
class BareRedis {
 public:
  /// `sync_always`: it has an append-only file and syncs it before each answer.
  BareRedis(const std::filesystem::path& folder, bool sync_always);
  ~BareRedis();
  BareRedis(const BareRedis&) = delete;
  BareRedis& operator=(const BareRedis&) = delete;

  /// False: there is no redis-server or no hiredis here.
  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] const std::string& socket() const;
  /// Events per second of what tinytown does for each: three XADD ... MAXLEN ~, one after the
  /// other, by each of `clients` connections.
  [[nodiscard]] double three_xadds(int clients) const;
  /// The same three for each event, but so many events in one pipeline of one connection.
  [[nodiscard]] double pipelined_xadds(int events_at_a_time) const;
  /// How often a second this command is answered, one after the other, on one connection.
  [[nodiscard]] double calls(const std::vector<std::string>& words) const;
  /// A text. Empty: there is none.
  [[nodiscard]] std::string get(const std::string& key) const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
  bool up_ = false;
};

}  // namespace reeve::bench
