#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "event/event.h"

/// The frames of following a log: the same values for `on` in process, SSE and WebSocket.
/// docs/formats/following.md has their wire forms.
namespace reeve {

/// A provisional, token-level event. Numbered within its run and epoch, seen live only, and
/// superseded by a committed event; a slow subscriber may miss some and is told which (Gap).
struct Delta {
  RunId run;
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;  ///< grows within (run, epoch); a CLI's follows from the byte offset of
                             ///< its line, so that reading again gives the same one
  SharedScopes scopes = share({});  ///< the run's: one list for all of its deltas
  Time time{};
  std::string kind;     ///< e.g. "TextDelta"
  std::string payload;  ///< the AgentEvent's JSON
  Position after;       ///< the log's head when it was published
};
using DeltaPtr = std::shared_ptr<const Delta>;

/// Deltas of that run that this subscriber did not get. Durable events are never in a gap (G6).
struct Gap {
  RunId run;  ///< nil: of so many runs that they are not told apart; then only `dropped` says more
  std::uint64_t epoch = 0;
  std::uint64_t from = 0;  ///< numbers, inclusive
  std::uint64_t to = 0;
  std::uint64_t dropped = 0;
};

/// Everything up to here has been looked at, and nothing more of it is for this subscriber (G4).
struct Progress {
  Position position;
};

using Frame = std::variant<EventPtr, DeltaPtr, Gap, Progress>;

/// "event", "delta", "gap", "progress".
std::string_view frame_name(const Frame& frame);
/// The frame's JSON text.
std::string frame_json(const Frame& frame);
/// A frame from its name and JSON. Empty: a name of another version's. invalid_argument: it is not
/// in this form.
Result<std::optional<Frame>> read_frame(std::string_view name, std::string_view text);
/// The position to resume behind, where the frame has one: events and progress marks only.
std::optional<Position> frame_position(const Frame& frame);

}  // namespace reeve
