#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "store/redis/session.h"
#include "store/store.h"
#include "store/tail_index.h"

namespace reeve::store::redis {

/// Which events are in which scopes: the newest in memory, the older ones in segments on Redis,
/// written behind the log. What no segment covers is read again when a store is opened.
class ScopeIndex {
 public:
  explicit ScopeIndex(Session& session) : session_(session) {}

  /// Reads what no segment covers, up to `head`.
  Async<Status> load(Position indexed, Position oldest, Position head);

  /// Positions ascend.
  void add(const Event& event);
  /// It has grown enough for a segment, and none is being written.
  [[nodiscard]] bool full() const { return !frozen_ && tail_.full(); }
  /// Writes one. A failure is tried again with the next call.
  Async<Status> write_segment(Position oldest);
  /// For a reader: segments that somebody else has written cover what the memory holds.
  Async<Status> forget_what_is_written();

  /// Positions behind `after` of events with one of the scopes, ascending; complete up to `upto`.
  struct Found {
    std::vector<std::uint64_t> positions;
    Position upto;
  };
  Async<Result<Found>> forward(std::vector<Scope> scopes, Position after, Position head,
                               std::size_t enough);
  /// The newest positions, descending; from `oldest` on. At least `enough`, unless there are fewer.
  Async<Result<std::vector<std::uint64_t>>> backward(std::vector<Scope> scopes, Position oldest,
                                                     Position head, std::size_t enough);

 private:
  void add_tail(const std::vector<Scope>& scopes, Position after, Position upto,
                std::vector<std::uint64_t>& to) const;
  [[nodiscard]] Position begin_of_tail() const {
    return frozen_ ? frozen_->after() : tail_.after();
  }

  Session& session_;
  TailIndex tail_{Position{}};
  std::shared_ptr<const TailIndex> frozen_;  // full, and being written
};

}  // namespace reeve::store::redis
