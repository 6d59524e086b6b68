#pragma once

#include <vector>

#include "store/redis/session.h"
#include "store/store.h"

/// Events as the scripts answer them.
namespace reeve::store::redis {

/// Those from `from` to `to`, at most `rows` positions of them; `scanned` is where it ended.
/// cursor_expired: retention removed `from`, and the text is that of check_reachable().
Async<Result<EventPage>> events_between(Session& session, Position from, Position to,
                                        std::size_t rows);
/// What lua/read.lua answers.
Result<EventPage> decode_page(const RedisReply& reply, Position from);
/// Those at these positions, in that order, as many as fit a page; `looked_at` is how many that
/// were. What retention has removed is left out, or, `all`: is cursor_expired.
struct EventsAt {
  std::size_t looked_at = 0;
  std::vector<EventPtr> events;
};
Async<Result<EventsAt>> events_at(Session& session, std::vector<std::uint64_t> positions, bool all);

}  // namespace reeve::store::redis
