#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "doors/tinytown/forms_of.h"
#include "doors/tinytown/writes.h"

namespace reeve::doors::tinytown {

/// What events tell tinytown beside hashes and lists: entries of streams, lines of activity, stop
/// flags, broadcasts. They are gathered from the newest to the oldest: what a stream or an activity
/// would trim at once is left out, and what nobody would see is not even made.
class Telling {
 public:
  /// Whether nothing would be seen of an older event about these, which tells an entry of their
  /// streams and, if `line`, a line of an activity.
  [[nodiscard]] bool is_overtaken(const std::vector<Scope>& about, bool line) const;
  /// What happened before all that was added so far. `publish`: a broadcast's text.
  void add(Told told, Position position, std::optional<std::string> publish = std::nullopt);

  /// Of so many events something is to be written.
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  /// That of the oldest `most` of them. Answers where the last of them stands in the log; with the
  /// last of all it begins anew.
  Position write(Writes& writes, std::size_t most);

 private:
  struct One {
    Position position;
    std::string type = {};  ///< of the entry; blank: there is none
    std::string data = {};
    bool town = false;  ///< whose streams have it
    std::vector<AgentId> agents = {};
    std::optional<Uuid> mission = {};
    std::optional<Told::Activity> activity = {};
    std::optional<Told::Stop> stop = {};
    std::optional<std::string> publish = {};
  };
  struct Part;
  struct Seen {
    std::size_t entries = 0;
    std::size_t lines = 0;
  };
  void add_entry(const TtEvent& event, One& one);

  std::vector<One> all_;  // newest first
  std::size_t town_ = 0;
  std::unordered_map<AgentId, Seen> agents_;
  std::map<Uuid, std::size_t> missions_;
  std::set<AgentId> stops_;
  // Scopes of agents that have enough of them.
  std::unordered_set<std::string> full_streams_;
  std::unordered_set<std::string> full_activities_;
};

}  // namespace reeve::doors::tinytown
