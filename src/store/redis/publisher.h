#pragma once

#include <optional>
#include <vector>

#include "store/redis/scope_index.h"
#include "store/redis/session.h"
#include "store/store.h"

namespace reeve::store::redis {

/// What is acknowledged, told in the order of positions and each event once: to the feed, to the
/// index of scopes, and to the session, which remembers it. Domain thread only.
class Publisher {
 public:
  /// Both outlive it.
  Publisher(Session& session, ScopeIndex& index) : session_(session), index_(index) {}

  void begin(LogInfo log) { log_ = std::move(log); }
  void set_feed(Store::Feed feed) { feed_ = std::move(feed); }
  [[nodiscard]] const LogInfo& log() const { return log_; }

  /// Whether everything before a position has been told of.
  [[nodiscard]] bool has_come_to(Position first) const { return next(log_.head) >= first; }
  /// A commit of ours, where the publisher has_come_to() it.
  void tell_next(const Committed& done, std::vector<NewEvent> events);
  /// A commit of ours. What stands before it and was not told yet is read first.
  Async<> tell(Committed done, std::vector<NewEvent> events);
  /// Events that follow one another; behind them the log goes on at `head`.
  void tell(const std::vector<EventPtr>& events, Position head);
  /// Tells of what is in the log and was not told yet: it was not ours, or its answer was lost.
  Async<> read_up_to(Position upto);

  /// The log as it was found now. Of retention whose answer was lost nothing else tells.
  void found(const LogInfo& log);
  /// Retention removed what is before `oldest`, and so many bytes.
  void removed(Position oldest, std::uint64_t bytes);
  void pruned(std::uint64_t bytes);

 private:
  void come_to(Position told);

  Session& session_;
  ScopeIndex& index_;
  LogInfo log_;
  std::optional<LogInfo> found_;  // whose bytes count when its head has been told of
  Store::Feed feed_;
};

}  // namespace reeve::store::redis
