#pragma once

#include <boost/describe.hpp>

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/agent_api.h"
#include "model/message_api.h"
#include "model/retention.h"
#include "model/task_api.h"
#include "model/webhook.h"

/// Requests and replies, as commands, doors and library callers share them. docs/api.md has the
/// routes that they go by.
namespace reeve::api {

enum class StopMode {
  stages,  ///< running rounds are ended in stages, their messages go back
  drain,   ///< running rounds finish first
  daemon,  ///< running rounds go on without the daemon (G12)
};
BOOST_DESCRIBE_ENUM(StopMode, stages, drain, daemon)
struct StopRequest {
  StopMode mode = StopMode::stages;
};
BOOST_DESCRIBE_STRUCT(StopRequest, (), (mode))

struct TownView {
  std::string name;
  std::string root;
  std::string store;
  std::string durability;
  std::string log;          ///< the log's id
  std::string cursor;       ///< behind the newest event
  std::int64_t events = 0;  ///< that have happened: the position of the newest
  std::int64_t oldest = 1;  ///< the first position that retention left
  std::string version;
  std::int64_t pid = 0;  ///< of the daemon
  Time started_at{};
  TaskCounts tasks;
  AgentCounts agent_counts;
  /// Those that work, need attention or wait for something first; no more than a screen shows.
  std::vector<AgentView> agents;
  std::int64_t more_agents = 0;  ///< that are not among them
  std::int64_t supervisor_inbox = 0;
};
BOOST_DESCRIBE_STRUCT(TownView, (),
                      (name, root, store, durability, log, cursor, events, oldest, version, pid,
                       started_at, tasks, agent_counts, agents, more_agents, supervisor_inbox))

/// A part of the log that retention removes.
struct RetentionCut {
  Position upto;  ///< its last event
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::string reason;  ///< the limit: max_age, max_events or max_size
};
BOOST_DESCRIBE_STRUCT(RetentionCut, (), (upto, events, bytes, reason))

/// Somebody whom retention waits for: what follows the position stays.
struct RetentionHold {
  std::string name;
  Position position;
};
BOOST_DESCRIBE_STRUCT(RetentionHold, (), (name, position))

struct RetentionView {
  RetentionPolicy policy;
  Position oldest;     ///< the first event that is left
  std::string cursor;  ///< the oldest that can be gone on from
  std::optional<Time> oldest_at;
  Position head;
  std::uint64_t events = 0;  ///< that are left
  std::uint64_t bytes = 0;   ///< of them
  /// What would go now, about. Absent: nothing.
  std::optional<RetentionCut> next;
  std::optional<RetentionHold> held_by;  ///< the one that holds back the most
};
BOOST_DESCRIBE_STRUCT(RetentionView, (),
                      (policy, oldest, cursor, oldest_at, head, events, bytes, next, held_by))

/// What was done just now.
struct RetentionReport {
  std::uint64_t events = 0;  ///< removed
  std::uint64_t bytes = 0;
  std::uint64_t pruned_events = 0;  ///< that lost their payload
  std::uint64_t pruned_bytes = 0;
  Position oldest;
  std::optional<RetentionHold> held_by;
};
BOOST_DESCRIBE_STRUCT(RetentionReport, (),
                      (events, bytes, pruned_events, pruned_bytes, oldest, held_by))

/// A document as it stood.
struct DocumentView {
  std::string kind;
  std::string id;
  json::value body;
};
BOOST_DESCRIBE_STRUCT(DocumentView, (), (kind, id, body))

/// A page of the documents as they were at the low-water mark: behind the last event that retention
/// removed.
struct SnapshotView {
  Position position;   ///< the mark. If it differs from that of the page before, begin anew
  std::string cursor;  ///< what happened since comes behind it
  std::vector<DocumentView> documents;
  std::optional<std::uint64_t> next;  ///< `after` of the next page; absent on the last
};
BOOST_DESCRIBE_STRUCT(SnapshotView, (), (position, cursor, documents, next))

struct WebhookRequest {
  std::string url;
  std::string secret;               ///< "whsec_..."; empty: one is made
  std::vector<std::string> kinds;   ///< empty: all
  std::vector<std::string> scopes;  ///< "agent:ada", ...; empty: all
  bool allow_http = false;          ///< in clear, also to other machines
  std::string after;                ///< a cursor: it is told of what comes behind; empty: from now
};
BOOST_DESCRIBE_STRUCT(WebhookRequest, (), (url, secret, kinds, scopes, allow_http, after))

struct WebhookView {
  Webhook webhook;
  std::string url;
  std::optional<std::string> secret;  ///< shown once: in the answer to its adding
  std::int64_t behind = 0;            ///< positions of the log that were not looked at for it yet
  std::int64_t waiting = 0;           ///< deliveries that wait, or are under way
  std::int64_t delivered = 0;         ///< within the last day
  std::int64_t dead = 0;
};
BOOST_DESCRIBE_STRUCT(WebhookView, (), (webhook, url, secret, behind, waiting, delivered, dead))

/// What became of one attempt to reach it.
struct WebhookTest {
  std::int64_t status = 0;  ///< of its answer; 0: there was none
  std::string error;
  Duration took_ms{};
};
BOOST_DESCRIBE_STRUCT(WebhookTest, (), (status, error, took_ms))

struct DeadDelivery {
  std::string id;  ///< the event's, and the delivery's `webhook-id`
  std::int64_t attempts = 0;
  std::string error;
  Time since{};
};
BOOST_DESCRIBE_STRUCT(DeadDelivery, (), (id, attempts, error, since))

struct DeadDeliveries {
  std::vector<DeadDelivery> dead;
  std::optional<std::uint64_t> next;  ///< `after` of the next page; absent on the last
};
BOOST_DESCRIBE_STRUCT(DeadDeliveries, (), (dead, next))

struct DeadRequest {
  std::vector<std::string> ids;  ///< empty: all
};
BOOST_DESCRIBE_STRUCT(DeadRequest, (), (ids))

struct DeadReply {
  std::int64_t number = 0;  ///< of dead letters that it was done with
};
BOOST_DESCRIBE_STRUCT(DeadReply, (), (number))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::StopRequest);
REEVE_JSON_DECLARE(api::TownView);
REEVE_JSON_DECLARE(api::RetentionView);
REEVE_JSON_DECLARE(api::RetentionReport);
REEVE_JSON_DECLARE(api::SnapshotView);
REEVE_JSON_DECLARE(api::WebhookRequest);
REEVE_JSON_DECLARE(api::WebhookView);
REEVE_JSON_DECLARE(api::WebhookTest);
REEVE_JSON_DECLARE(api::DeadDeliveries);
REEVE_JSON_DECLARE(api::DeadRequest);
REEVE_JSON_DECLARE(api::DeadReply);
}  // namespace reeve
