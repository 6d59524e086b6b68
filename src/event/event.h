#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"

namespace reeve {

/// What an event is about: "town", or "agent:ID", "thread:ID", "run:ID", "mission:ID", "task:ID".
class Scope {
 public:
  Scope() = default;  ///< the town

  static Scope town() { return {}; }
  static Scope of(const AgentId& id) { return Scope("agent:" + id.str()); }
  static Scope of(const ThreadId& id) { return Scope("thread:" + id.str()); }
  static Scope of(const RunId& id) { return Scope("run:" + id.str()); }
  static Scope of(const TaskId& id) { return Scope("task:" + id.str()); }
  static Scope mission(std::string_view id) { return Scope("mission:" + std::string(id)); }
  /// invalid_argument: not one of the six families, or an id that is blank, over 128 bytes, or
  /// holds a space.
  static Result<Scope> parse(std::string_view text);
  /// Of text that this program wrote itself: not checked.
  static Scope trusted(std::string text) { return Scope(std::move(text)); }

  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] bool is_town() const { return text_ == "town"; }
  [[nodiscard]] std::string_view family() const {
    return std::string_view(text_).substr(0, text_.find(':'));
  }
  [[nodiscard]] std::string_view id() const;

  friend auto operator<=>(const Scope&, const Scope&) = default;

 private:
  explicit Scope(std::string text) : text_(std::move(text)) {}
  std::string text_ = "town";
};
inline json::value to_json(const Scope& scope) { return json::value(scope.str()); }
Status from_json(const json::value& value, Scope& out);

/// Scopes that many values have in common. Never null.
using SharedScopes = std::shared_ptr<const std::vector<Scope>>;
inline SharedScopes share(std::vector<Scope> scopes) {
  return std::make_shared<const std::vector<Scope>>(std::move(scopes));
}

/// How much an event matters, which is what a durability mode filters by (spec: awaken 2.2).
enum class Fidelity : std::uint8_t {
  observed,   ///< token-level or display noise
  committed,  ///< a fact of a run that is worth keeping
  domain,     ///< a fact of a life cycle: kept in every mode
  control,    ///< control from outside was applied
};
BOOST_DESCRIBE_ENUM(Fidelity, observed, committed, domain, control)

enum class Visibility : std::uint8_t { public_, internal, audit, sensitive };
BOOST_DESCRIBE_ENUM(Visibility, public_, internal, audit, sensitive)

/// An event before it has its place in the log: what writers put into a Commit.
struct NewEvent {
  EventId id;        ///< UUIDv7
  std::string kind;  ///< PascalCase, e.g. "TaskAssigned"
  Fidelity fidelity = Fidelity::domain;
  Visibility visibility = Visibility::public_;
  std::uint32_t schema = 1;
  Time time{};
  std::vector<Scope> scopes;  ///< without the town's own, which every event has
  std::string origin;         ///< who produced it: "town", "cli:claude", "tinytown", ...
  std::optional<std::string> correlation;
  std::optional<std::string> causation;  ///< id of the event or command that led to this one
  std::string payload = "{}";            ///< JSON text: an object
};

/// A fact that happened, at its place in the log.
struct Event : NewEvent {
  Position position;

  Event() = default;
  Event(Position at, NewEvent event) : NewEvent(std::move(event)), position(at) {}
};
/// Shared and constant: one copy serves the store's tail and all subscribers.
using EventPtr = std::shared_ptr<const Event>;

/// The event as `reeve events --json`, the API and the library show it: docs/formats/events.md.
json::value to_json(const Event& event);
Status from_json(const json::value& value, Event& out);
/// The same text as write_json(to_json(event)), without parsing the payload.
std::string event_json(const Event& event);

/// What stands in the place of a payload that retention dropped; the rest of the event stays.
inline constexpr std::string_view kPrunedPayload = R"({"pruned":true})";

/// What an event counts for where the log's size is told: its texts, the scopes with a blank
/// between them, and a flat rate for the rest.
inline constexpr std::uint64_t kRowBytes = 64;
std::uint64_t stored_bytes(const NewEvent& event);

/// Refuses what no store may take: a blank kind or origin, a blank correlation or causation where
/// there is one, schema 0, no id, too many or doubled scopes or the town's own, a payload over its
/// limit. That the payload is an object is the writer's affair: nobody parses it here.
Status check(const NewEvent& event);

/// An opaque text that a client hands back to go on from there.
struct Cursor {
  LogId log;
  Position position;

  [[nodiscard]] std::string str() const;
  /// invalid_argument: not a cursor of a version that this program knows.
  static Result<Cursor> parse(std::string_view text);

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

}  // namespace reeve
