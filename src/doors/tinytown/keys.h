#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

/// The names of tinytown's keys in Redis, both ways.
namespace reeve::doors::tinytown {

/// What stands behind "tt:TOWN:".
enum class KeyFamily {
  agent,           ///< hash; agent:ID
  inbox,           ///< list of messages
  urgent,          ///< the same
  activity,        ///< list of texts
  stop,            ///< string "1"
  task,            ///< hash; task:ID
  backlog,         ///< list of task ids
  broadcast,       ///< no key: a channel
  events,          ///< stream of the town
  agent_events,    ///< stream; events:agent:ID
  mission_events,  ///< stream; events:mission:ID
  docket,          ///< streams that only tinytown's library uses
  mission,         ///< all of missions: never written, never read further
  other,           ///< below the town's prefix, and none of these
};

/// A key of a town, taken apart. `id` is the text behind the family: of the UUID families a UUID's
/// text as it stood there, of mission and other all that is left.
struct TtKey {
  KeyFamily family = KeyFamily::other;
  std::string id;

  /// Of the families that belong to one agent or task; none: not that, or no UUID.
  [[nodiscard]] std::optional<Uuid> uuid() const;
  friend bool operator==(const TtKey&, const TtKey&) = default;
};

/// A town's keys.
class Keys {
 public:
  explicit Keys(std::string_view town) : prefix_("tt:" + std::string(town) + ":") {}

  /// "tt:TOWN:"
  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  [[nodiscard]] std::string agent(const AgentId& id) const { return of("agent:", id.uuid); }
  [[nodiscard]] std::string inbox(const AgentId& id) const { return of("inbox:", id.uuid); }
  [[nodiscard]] std::string urgent(const AgentId& id) const { return of("urgent:", id.uuid); }
  [[nodiscard]] std::string activity(const AgentId& id) const { return of("activity:", id.uuid); }
  [[nodiscard]] std::string stop(const AgentId& id) const { return of("stop:", id.uuid); }
  [[nodiscard]] std::string task(const TaskId& id) const { return of("task:", id.uuid); }
  [[nodiscard]] std::string backlog() const { return prefix_ + "backlog"; }
  [[nodiscard]] std::string broadcast() const { return prefix_ + "broadcast"; }
  [[nodiscard]] std::string events() const { return prefix_ + "events"; }
  [[nodiscard]] std::string agent_events(const AgentId& id) const {
    return of("events:agent:", id.uuid);
  }
  [[nodiscard]] std::string mission_events(std::string_view id) const {
    return prefix_ + "events:mission:" + std::string(id);
  }
  /// Our mark: a prefix that tinytown does not use, and that `tt reset --force` deletes with the
  /// rest. See mirror.h.
  [[nodiscard]] std::string mark() const { return prefix_ + "reeve:mirror"; }

  /// A pattern for SCAN that no other town's key meets, whatever the town is called.
  [[nodiscard]] std::string pattern(std::string_view behind) const;

  /// none: it is not below the town's prefix. A town "a" has keys that look like those of a town
  /// "a:b"; such towns are refused (check_tt_town).
  [[nodiscard]] std::optional<TtKey> parse(std::string_view key) const;

 private:
  [[nodiscard]] std::string of(std::string_view family, const Uuid& id) const {
    return prefix_ + std::string(family) + id.str();
  }
  std::string prefix_;
};

/// Below these the mirror keeps its own: the town's braces put them into one slot.
/// "reeve:{TOWN}:mirror"
std::string mirror_place_key(std::string_view town);

/// Whether a town of this name can have keys of tinytown's beside those of others.
/// invalid_argument: a name that holds ":" or a glob character, that tinytown would take for a key
/// of its old layout (agent, inbox, ...), or that begins with what it searches missions by (work,
/// watch, events, control, active): its mission listing would be empty.
Status check_tt_town(std::string_view town);

}  // namespace reeve::doors::tinytown
