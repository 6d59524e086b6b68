#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>
#include <vector>

#include "client/client.h"
#include "evidence.h"

/// Who uses the town while it is killed: writers, and a follower of its log.
namespace reeve::crash {

using Random = std::mt19937_64;
inline int pick(Random& random, int from, int to) {
  return std::uniform_int_distribution<int>(from, to)(random);
}
inline bool chance(Random& random, int percent) { return pick(random, 1, 100) <= percent; }

struct Place {
  client::TownFolder town;
  std::filesystem::path program;  ///< `reeve`
};
/// `starts`: brings a daemon back by itself; otherwise it is somebody else's to do.
client::Client connect(const Place& place, bool starts);

/// What writers and killer share.
class Load {
 public:
  /// `like`: how an agent is spawned.
  Load(Place place, std::vector<std::string> agents, api::SpawnRequest like = {})
      : place_(place), agents_(std::move(agents)), like_(std::move(like)) {}

  /// Writes until told to stop. Those that start daemons do so whenever one is missing; the others
  /// repeat a request, under its own key, until somebody has brought the daemon back.
  void write(std::uint64_t seed, int number, bool starts);
  /// Spawns an agent, gives it tasks, kills it, and has what waits for it reclaimed by another:
  /// again and again until told to stop.
  void retire(std::uint64_t seed);
  /// Pauses agents in their rounds and has them go on, closes and restarts them, puts tasks into
  /// the backlog, has them claimed, and takes them back: until told to stop; then all work on.
  void steer(std::uint64_t seed);
  /// Follows from the first event on, from its last cursor whenever it breaks off; ends with the
  /// first event at or behind follow_until().
  void follow(std::uint64_t seed);

  void stop_writing() { writing_ = false; }
  void follow_until(std::uint64_t position) { until_ = position; }

  /// While it is held, no writer starts a daemon.
  std::shared_mutex& starters() { return starters_; }
  /// Some tasks fail whenever they are tried.
  void with_doomed(bool on) { doomed_ = on; }

  [[nodiscard]] std::size_t acknowledged();
  [[nodiscard]] std::uint64_t reached() const { return reached_; }
  [[nodiscard]] bool follows() const { return follows_; }
  /// Hands over what was seen; nobody writes any more.
  void testify(Evidence& evidence);

 private:
  struct Request {
    bool task = false;
    std::string agent;
    std::string text;
    std::string key;  ///< empty: the client makes one
    std::string id;   ///< once acknowledged
  };
  Request invent(Random& random, int number, int count, bool keyed);
  Result<std::string> ask(client::Client& client, const Request& request);
  /// Asks until it is answered as it should be; else it is noted as unacknowledged.
  bool insist(const std::string& what, const std::function<Status()>& ask);
  const std::string& anyone(Random& random) const {
    return agents_[static_cast<std::size_t>(pick(random, 0, static_cast<int>(agents_.size()) - 1))];
  }
  void pause(client::Client& client, Random& random, const std::string& agent);
  void close_and_restart(client::Client& client, const std::string& agent);
  void hand_on(client::Client& client, Random& random, const std::string& text);
  void repeat(client::Client& client, const Request& request, Random& random);
  bool see(const std::string& data);

  Place place_;
  std::vector<std::string> agents_;
  api::SpawnRequest like_;
  std::atomic<bool> writing_ = true;
  std::atomic<bool> doomed_ = false;
  std::atomic<std::uint64_t> until_ = ~0ULL;
  std::atomic<std::uint64_t> reached_ = 0;
  std::atomic<bool> follows_ = true;
  std::atomic<int> open_tasks_ = 0;
  std::shared_mutex starters_;
  std::mutex mutex_;
  std::vector<Acknowledged> acknowledged_;
  std::vector<std::string> unacknowledged_;
  std::vector<std::string> wrong_answers_;
  std::vector<std::string> followed_;
  std::vector<std::string> breaks_;
};

}  // namespace reeve::crash
