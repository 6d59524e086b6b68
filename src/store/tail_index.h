#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "event/event.h"

namespace reeve::store {

/// Which of the newest events are in which scope: what the written segments do not cover yet.
///
/// Eight bytes per scope of an event and about a hundred per scope; full() bounds both.
class TailIndex {
 public:
  /// Covers what follows `after`.
  explicit TailIndex(Position after) : after_(after), last_(after) {}

  /// Positions ascend.
  void add(Position position, const std::vector<Scope>& scopes);
  void add(Position position, std::string_view scope);
  /// The event has been seen, whatever its scopes.
  void reach(Position position) { last_ = position; }

  /// Time to write a segment and start anew.
  [[nodiscard]] bool full() const;
  [[nodiscard]] Position after() const { return after_; }
  [[nodiscard]] Position last() const { return last_; }

  /// Ascending, those above `after` and up to `upto`.
  [[nodiscard]] std::vector<std::uint64_t> positions(std::string_view scope, Position after,
                                                     Position upto) const;
  /// In the order that a segment is written in.
  [[nodiscard]] std::vector<std::string_view> sorted_scopes() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  /// One event of one scope, linked to the scope's event before it.
  struct Entry {
    std::uint32_t offset;  // from after_
    std::uint32_t before;  // index into entries_, or kNone
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  Position after_;
  Position last_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> newest_;
  std::vector<Entry> entries_;
};

}  // namespace reeve::store
