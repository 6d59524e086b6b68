#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace reeve {

/// A UUID (RFC 9562) as sixteen bytes; its text is lower-case and hyphenated. Made by Env::uuid4()
/// and Env::uuid7().
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  [[nodiscard]] std::string str() const;
  /// Any RFC 9562 text, in either case, also in braces. invalid_argument: not one.
  static Result<Uuid> parse(std::string_view text);
  [[nodiscard]] bool is_nil() const { return *this == Uuid(); }

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

/// A distinct type for each kind of id, so that a task's id is never taken for an agent's.
template <class Tag>
struct Id {
  Uuid uuid;

  Id() = default;
  explicit Id(Uuid value) : uuid(value) {}

  [[nodiscard]] std::string str() const { return uuid.str(); }
  /// The first four digits: what a person is shown (ids are v4, so these differ).
  [[nodiscard]] std::string short_str() const { return uuid.str().substr(0, 4); }
  [[nodiscard]] bool is_nil() const { return uuid.is_nil(); }
  static Result<Id> parse(std::string_view text) {
    auto parsed = Uuid::parse(text);
    if (!parsed) return fail(parsed.error());
    return Id(*parsed);
  }

  friend auto operator<=>(const Id&, const Id&) = default;
};

using AgentId = Id<struct AgentTag>;
using TaskId = Id<struct TaskTag>;
using MessageId = Id<struct MessageTag>;
using ThreadId = Id<struct ThreadTag>;
using RunId = Id<struct RunTag>;
using EventId = Id<struct EventTag>;
using LogId = Id<struct LogTag>;
using WebhookId = Id<struct WebhookTag>;

/// An event's place in its town's log: dense from 1. Zero stands before the first.
struct Position {
  std::uint64_t value = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};
[[nodiscard]] inline Position next(Position p) { return {p.value + 1}; }

}  // namespace reeve

template <>
struct std::hash<reeve::Uuid> {
  std::size_t operator()(const reeve::Uuid& uuid) const noexcept {
    std::uint64_t high = 0, low = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      high = high << 8 | uuid.bytes[i];
      low = low << 8 | uuid.bytes[i + 8];
    }
    return static_cast<std::size_t>(high ^ (low * 0x9e3779b97f4a7c15ULL));
  }
};
template <class Tag>
struct std::hash<reeve::Id<Tag>> {
  std::size_t operator()(const reeve::Id<Tag>& id) const noexcept {
    return std::hash<reeve::Uuid>()(id.uuid);
  }
};
