#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/client.h"
#include "model/fold.h"

/// A town as it was, folded from its log: docs/retention.md says from where on.
namespace reeve::client {

/// A moment of a town: behind an event, or by the clock.
using Moment = std::variant<Cursor, Position, Time>;
/// A cursor, a position, a time ("2026-11-21T14:17:38Z"), or how long ago ("90s", "2h").
/// invalid_argument: none of these, or a time to come.
Result<Moment> parse_moment(std::string_view text, Time now);

struct Replayed {
  Fold fold;
  std::string name;          ///< the town's
  std::string cursor;        ///< behind the last event
  std::optional<Time> time;  ///< of the last event; nothing: retention removed it, or there is none
};
/// Told of each event in its order, before it is folded in. Answers whether to go on: if not, the
/// town is as it was before that event.
using OnEvent = std::function<bool(const Event& event)>;

/// Folds the log from the oldest state that is left up to the moment; without one, to what is now
/// the end of the log. Without `on_event` it reads only what changes the state.
///
/// cursor_expired: retention removed what led to the moment; cursor_foreign: a cursor of another
/// log; invalid_argument: it lies beyond the end of the log. The daemon's words say what is left.
Result<Replayed> replay(Client& client, const std::optional<Moment>& until,
                        const OnEvent& on_event);

/// How long to wait before what happened at `next`, after what happened at `last`: their distance
/// divided by `speed` (more than 0), at most kLongestPause. Nothing where the clock was put back.
std::chrono::nanoseconds pause_between(Time last, Time next, double speed);
inline constexpr std::chrono::seconds kLongestPause{3};

}  // namespace reeve::client
