#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "aio/suspend.h"
#include "model/api.h"
#include "model/mirror_api.h"
#include "net/server.h"
#include "run/invocation.h"
#include "run/runs.h"
#include "town/ground.h"
#include "town/retention.h"
#include "town/webhooks.h"

/// The REST door: parse, call one service, answer. All of the surface is the table in routes.cc.
namespace reeve::doors {

using aio::Async;

/// The version of the API that this program speaks, sent as `Reeve-Api` by both sides.
inline constexpr std::string_view kApiVersion = "1";

/// What the handlers stand on; outlives the server.
struct Rest {
  town::Ground ground;
  std::filesystem::path root;
  std::filesystem::path rounds;
  std::string store;  ///< what `status` says of it
  std::string durability;
  std::string version;
  Time started_at{};
  town::Webhooks& webhooks;
  run::Invocation& invocation;
  const llm::Registry& providers;
  /// Asks the daemon to stop; returns at once.
  std::function<void(api::StopMode)> stop;
  town::SnapshotReading snapshot_reading = {};
  /// How the mirror in tinytown's keys is; empty: there is none.
  std::function<api::MirrorView()> mirror = {};
  /// Adopts an agent of tinytown's; empty: there is no mirror.
  std::function<Async<Result<api::SpawnReply>>(run::Caller, api::AdoptRequest)> adopt = {};
};

struct Route {
  std::string_view method;
  std::string_view pattern;  ///< "/v1/agents/{agent}/kill"
  std::string_view summary;
};
/// Every route, in the order of docs/api.md.
std::span<const Route> routes();

/// Answers one request: no socket in it, so it is what tests call and what a session calls.
Async<net::Answer> answer(Rest& rest, net::Request request);

/// GET /v1/events: a page as JSON, or a stream of frames where the client accepts
/// text/event-stream.
Async<net::Answer> answer_events(Rest& rest, const net::Request& request);

}  // namespace reeve::doors
