#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/suspend.h"
#include "base/env.h"
#include "base/error.h"
#include "store/commit.h"

namespace reeve::store {

using aio::Async;

/// What an acknowledged commit has survived (G1).
enum class Durability {
  disk,    ///< fsync before the acknowledgement: a power cut loses nothing
  os,      ///< written to the operating system: a killed process loses nothing, a power cut may
  memory,  ///< lost with the process
};
BOOST_DESCRIBE_ENUM(Durability, disk, os, memory)

/// Which events a reader wants. Scopes and kinds are alternatives within, and both must hold; empty
/// means every.
struct EventFilter {
  std::vector<Scope> scopes;
  std::vector<std::string> kinds;
  [[nodiscard]] bool matches(const NewEvent& event) const;
  [[nodiscard]] bool everything() const { return scopes.empty() && kinds.empty(); }
};

struct EventPage {
  std::vector<EventPtr> events;
  /// Everything up to here has been looked at: the place to go on from, also when no event was
  /// found (G4).
  Position scanned;
};

/// A page of documents in order of rank.
struct DocQuery {
  std::string kind;
  std::string mark;  ///< empty: every document of the kind
  /// Where to go on from, not included. 0: from the first (or, descending, from the newest)
  std::uint64_t after_rank = 0;
  bool descending = false;
  std::size_t limit = 100;  ///< at most limits::kPage
};

/// A document as it was at the low-water mark.
struct SnapshotDoc {
  DocKey key;
  std::string body;        ///< JSON text
  std::uint64_t rank = 0;  ///< what the snapshot is paged by; given by the store
};
struct SnapshotPage {
  Position at;  ///< the mark that it is of: a reader that sees it move begins anew
  std::vector<SnapshotDoc> docs;
};

/// One step of retention: the events up to `upto` go, and the snapshot becomes that of the
/// documents as they were there.
struct Truncation {
  Position from;  ///< the mark as the caller knows it: up to here events are gone already
  Position upto;  ///< the new one
  /// The documents that the events in between changed, as they were at `upto`; the others stay in
  /// the snapshot as they are.
  std::vector<SnapshotDoc> changed;
  std::vector<NewEvent> events;  ///< that tell of it: appended in the same transaction
};
struct Pruned {
  std::uint64_t events = 0;  ///< that lost their payload now
  std::uint64_t bytes = 0;   ///< of those payloads
};

/// A place in a queue's serving order. By default: before every item.
struct QueuePlace {
  int priority = std::numeric_limits<int>::max();
  std::uint64_t order = 0;  ///< of first pushing, among those of one priority
};

struct QueueItem {
  std::string item;
  int priority = 0;
  int attempt = 0;
  Time not_before{};
  std::string lease;  ///< who holds it; empty: nobody
  std::uint64_t order = 0;

  [[nodiscard]] QueuePlace place() const { return {priority, order}; }
};

/// A node's temporary right to something, e.g. to execute a town.
struct Lease {
  std::string name;
  std::string holder;
  std::uint64_t epoch = 0;
  Time until{};
};

/// Where a town's log stands.
struct LogInfo {
  LogId id;
  Position head;  ///< 0: nothing has happened yet
  /// The first position that can still be read, 1 until retention removes something: the low-water
  /// mark is right before it. next(head): nothing is left.
  Position oldest{1};
  std::uint64_t bytes = 0;  ///< of the events that are left, by stored_bytes()

  /// The last position that retention removed: what a reader of all that is left begins behind.
  [[nodiscard]] Position mark() const { return {oldest.value - 1}; }
};

/// Where commits last. Promises, held by every backend and checked by store_contract.cc:
///
///  * G1  commit() answers only when the commit has the durability that the store was opened with.
///  * G2  a commit happens wholly or not at all: documents, marks, queues, epochs, key and events.
///  Every precondition is
///        checked before the first write.
///  * G4  positions are dense from 1 and grow in the order in which commits are acknowledged.
///  * G8  RunAt and LeaseHeld refuse whoever has been fenced off.
///  * G9  a known key answers what the first commit answered, and writes nothing; with another
///  digest it is a conflict.
///  * G11 What retention removed is gone in one step with the mark and the snapshot: a reader gets
///        every event behind its place, or cursor_expired.
///  * What was acknowledged is seen by every read that starts afterwards. A read never blocks a
///  commit.
///  * The feed is called in order of positions, with every event exactly once, before the commits
///  that it is of are
///    answered, and never with an event that is not committed (G3).
///
/// Domain thread only: commits may be in flight in any number; they take effect in the order of the
/// calls. Errors of every call: unavailable (closed, or away), corrupt; of writing ones also
/// storage_full, read_only, and unknown_outcome (an fsync or a connection failed in the middle:
/// repeat with the same key to learn what happened).
class Store {
 public:
  virtual ~Store() = default;

  /// conflict, fenced: a precondition does not hold; the text names it. invalid_argument,
  /// too_large: not a commit that any store could take. Nothing is written then.
  virtual Async<Result<Committed>> commit(Commit commit) = 0;

  virtual Async<Result<std::optional<Doc>>> get(DocKey key) = 0;
  virtual Async<Result<std::vector<Doc>>> list(DocQuery query) = 0;
  /// How many documents of a kind carry the mark (empty: exist). Costs the same whatever the
  /// number.
  virtual Async<Result<std::uint64_t>> count(std::string kind, std::string mark) = 0;

  /// Items behind `after` that nobody holds and whose time has come, in serving order, at most
  /// `limit` (limits::kPage).
  virtual Async<Result<std::vector<QueueItem>>> ready(std::string queue, Time now,
                                                      std::size_t limit, QueuePlace after) = 0;
  Async<Result<std::vector<QueueItem>>> ready(std::string queue, Time now, std::size_t limit) {
    return ready(std::move(queue), now, limit, QueuePlace());
  }
  /// All items behind `after` in serving order, held ones too, at most `limit` (limits::kPage).
  virtual Async<Result<std::vector<QueueItem>>> items(std::string queue, std::size_t limit,
                                                      QueuePlace after) = 0;
  Async<Result<std::vector<QueueItem>>> items(std::string queue, std::size_t limit) {
    return items(std::move(queue), limit, QueuePlace());
  }
  virtual Async<Result<std::optional<std::uint64_t>>> run_epoch(RunId run) = 0;

  /// Acknowledged events after `after` that the filter wants, oldest first, at most `limit`
  /// (limits::kPage) and limits::kPageBytes; at most limits::kScanRows are looked at.
  /// invalid_argument: more scopes or kinds than limits::kFilterTerms. cursor_expired: retention
  /// removed what follows `after`; the text names the oldest cursor that is left.
  virtual Async<Result<EventPage>> read(Position after, EventFilter filter, std::size_t limit) = 0;
  /// The newest `limit` acknowledged events that the filter wants, oldest first. Looks back over a
  /// bounded number of candidates (100,000): what is rarer and older is found by read() only.
  virtual Async<Result<std::vector<EventPtr>>> latest(EventFilter filter, std::size_t limit) = 0;
  [[nodiscard]] virtual LogInfo log() const = 0;

  /// Removes events from the log's beginning, for ever (G11). Nothing of it happens, or all.
  /// conflict: the mark is not at `from` (any more). invalid_argument: `upto` is not behind it, or
  /// beyond the head. too_large: more than limits::kRetentionStep events.
  virtual Async<Result<Committed>> truncate(Truncation truncation) = 0;
  /// Drops the payloads of these events (kPrunedPayload takes their place); those that are gone or
  /// pruned already are passed over. invalid_argument: one of them is a fact, which state is folded
  /// from; nothing is dropped then. too_large: more than limits::kRetentionStep.
  virtual Async<Result<Pruned>> prune(std::vector<Position> positions) = 0;
  /// The documents as they were at the mark, a page in order of rank: at most `limit`
  /// (limits::kPage) and limits::kPageBytes, none: there are no more.
  virtual Async<Result<SnapshotPage>> snapshot(std::uint64_t after_rank, std::size_t limit) = 0;
  /// Those of these documents that the snapshot has.
  virtual Async<Result<SnapshotPage>> snapshot_of(std::vector<DocKey> keys) = 0;

  /// Takes a lease that is free, has run out, or is the holder's own (the epoch grows only when the
  /// holder changes; one that was released has none). conflict: another holds it; the text says
  /// who and until when. invalid_argument: a blank name or holder.
  virtual Async<Result<Lease>> acquire(std::string name, std::string holder, Duration ttl) = 0;
  /// Not held: nothing happens.
  virtual Async<Status> release(Lease lease) = 0;

  /// Told of committed events; one receiver, set before the first commit.
  using Feed = std::function<void(const std::vector<EventPtr>&)>;
  virtual void set_feed(Feed feed) = 0;

  /// Lets what is in flight finish, then refuses everything with unavailable.
  virtual Async<> close() = 0;
};

}  // namespace reeve::store
