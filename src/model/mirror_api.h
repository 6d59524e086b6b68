#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"

/// What is told of the mirror in tinytown's keys (docs/tinytown.md).
namespace reeve::api {

enum class MirrorState {
  off,        ///< there is none
  away,       ///< its Redis cannot be reached or refuses; it is tried again
  rewriting,  ///< all of the town is being written
  following,  ///< just behind the log
};
BOOST_DESCRIBE_ENUM(MirrorState, off, away, rewriting, following)

struct MirrorView {
  MirrorState state = MirrorState::off;
  std::string redis;           ///< where, without a password
  std::string keys;            ///< what tinytown's keys begin with: "tt:TOWN:"
  Position position;           ///< up to there the log is mirrored
  std::int64_t behind = 0;     ///< events that are not yet
  std::string error;           ///< of the last trouble, while it lasts
  std::optional<Time> since;   ///< when this state began
  std::int64_t rewritten = 0;  ///< how often all was written, since the daemon started
};
BOOST_DESCRIBE_STRUCT(MirrorView, (),
                      (state, redis, keys, position, behind, error, since, rewritten))

/// An agent of tinytown's becomes the town's.
struct AdoptRequest {
  std::string agent;       ///< its name, nickname or id in tinytown
  std::string cli;         ///< blank: what tinytown says
  bool force = false;      ///< also if a loop of tinytown's seems to work for it
  bool unchecked = false;  ///< also where its CLI seems not to be ready for work
};
BOOST_DESCRIBE_STRUCT(AdoptRequest, (), (agent, cli, force, unchecked))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::AdoptRequest);
REEVE_JSON_DECLARE(api::MirrorView);
}  // namespace reeve
