#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/signal.h"
#include "base/env.h"
#include "base/json.h"
#include "store/store.h"

/// What is to be told to the world outside, written down in the same commit as the facts that it
/// tells of, and delivered at least once by whoever relays its lane (log/relay.h).
///
///     pending ──claim (attempt counted)──► claimed ──ack──► delivered ──retention──► gone
///        ▲                                 │  │ └─nack, attempts left─► pending, later
///        └── lease over, attempts left ────┘  └─nack or lease over, none left─► dead
///                                                     dead ──revive──► pending
///
/// Rows are bookkeeping documents, of which `_outbox/LANE/KEY` has the state and
/// `_outbox_payload/LANE/KEY` the payload; those that wait or are claimed stand in the queue
/// `outbox:LANE` as well, for its order by time. A dead letter is found by its mark.
namespace reeve::log {

using aio::Async;

enum class OutboxState { pending, claimed, delivered, dead };
BOOST_DESCRIBE_ENUM(OutboxState, pending, claimed, delivered, dead)

struct OutboxRow {
  std::string id;  ///< LANE/KEY
  std::string lane;
  std::string digest;  ///< SHA-256 of its payload
  OutboxState state = OutboxState::pending;
  int attempts = 0;  ///< claims, whatever became of them
  int max_attempts = 0;
  Time available_at{};  ///< not claimed before
  std::string token;    ///< of the last claim
  Time lease_until{};
  std::string error;  ///< why the last attempt failed
  Time created_at{};
  Time updated_at{};
};
BOOST_DESCRIBE_STRUCT(OutboxRow, (),
                      (id, lane, digest, state, attempts, max_attempts, available_at, token,
                       lease_until, error, created_at, updated_at))

struct NewRow {
  std::string lane;
  /// Makes enqueuing again harmless, as long as the row is there; empty: a row of its own. The one
  /// rule: the same payload is the row that is there, another one is a conflict.
  std::string key;
  std::string payload;
  Time available_at{};
  int max_attempts = 10;  ///< claims, before it becomes a dead letter
};

/// Rows on their way into a commit with something else: add all of both lists to it.
struct OutboxStage {
  std::vector<store::Precondition> require;
  std::vector<store::Write> writes;

  void add_to(store::Commit& commit) const;
};

/// A row that is ours, as its token says, until somebody else claims it after the end of its lease.
struct OutboxClaim {
  OutboxRow row;
  std::string payload;
};

struct ClaimOptions {
  std::size_t limit = 1;
  Duration lease{30'000};
  std::string owner;  ///< who claims; the beginning of its tokens
  /// Nobody else can be alive who claims in this lane (the store is locked to this process): claims
  /// of others are void at once, not only when their lease is over.
  bool sole = false;
};

struct OutboxCounts {
  std::uint64_t pending = 0;
  std::uint64_t claimed = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dead = 0;
};
BOOST_DESCRIBE_STRUCT(OutboxCounts, (), (pending, claimed, delivered, dead))

/// The rows of a store's outbox. Any number of these may work on one store: every change is
/// conditioned on the row as it was seen.
///
/// Domain thread only; Env and store outlive it. Errors of all: what the Store fails with, beside
/// those named.
class Outbox {
 public:
  Outbox(Env& env, aio::asio::any_io_executor executor, store::Store& store);

  /// Prepares a row for a commit, and answers its id. Nothing is added when it is there already,
  /// with the same payload. The commit that it becomes part of fails with `conflict` when somebody
  /// else has enqueued the same key meanwhile: stage again. conflict: the key has another payload.
  /// invalid_argument: the lane, key or number of attempts; too_large: the payload.
  Async<Result<std::string>> stage(OutboxStage& into, NewRow row);
  /// Commits, and wakes the lanes that the commit has rows for. Who commits staged rows otherwise
  /// calls wake() afterwards.
  Async<Result<store::Committed>> commit(store::Commit commit);
  /// A row in a commit of its own; the one that is there when the key is known. Errors: stage().
  Async<Result<OutboxRow>> enqueue(NewRow row);

  /// Claims rows that are due, in order of their enqueuing, those whose lease is over first. A row
  /// that has been claimed max_attempts times becomes a dead letter instead, and so does one whose
  /// payload is not what was enqueued.
  Async<Result<std::vector<OutboxClaim>>> claim(std::string lane, ClaimOptions options);
  /// It is delivered. Again: nothing happens. fenced: another has claimed it since.
  Async<Status> ack(OutboxRow claimed);
  /// It is not delivered: pending again, claimable after `retry_in`; or a dead letter, if that was
  /// the last attempt. Answers the row. fenced: as ack().
  Async<Result<OutboxRow>> nack(OutboxRow claimed, std::string error, Duration retry_in);
  /// It cannot be delivered, ever: a dead letter. fenced: as ack().
  Async<Result<OutboxRow>> bury(OutboxRow claimed, std::string error);
  /// It was not tried: pending, with the attempt taken back. fenced: as ack().
  Async<Status> release(OutboxRow claimed);

  /// not_found: there is none.
  Async<Result<OutboxRow>> row(std::string id);
  Async<Result<std::string>> payload(std::string id);
  /// Oldest first.
  struct Page {
    std::vector<OutboxRow> rows;
    std::uint64_t last_rank = 0;  ///< `after` of the next page
  };
  Async<Result<Page>> list(std::string lane, OutboxState state, std::uint64_t after,
                           std::size_t limit);
  Async<Result<OutboxCounts>> counts(std::string lane);

  /// A dead letter is pending again, as if it had never been tried. conflict: it is not dead.
  Async<Result<OutboxRow>> revive(std::string id);
  /// Forgets a dead letter. conflict: it is not dead.
  Async<Status> discard(std::string id);
  /// Forgets what was delivered before `until`, and its keys; answers how many.
  Async<Result<std::size_t>> prune(std::string lane, Time until);
  /// Forgets a whole lane, whatever is in it.
  Async<Status> clear(std::string lane);

  /// When something of the lane is to be looked at again: a row's time, or the end of a lease.
  /// Nothing: only when something is enqueued.
  Async<Result<std::optional<Time>>> next_due(std::string lane);

  /// Whoever waits for the lane looks again.
  void wake(std::string_view lane);
  /// Counts the wakings of a lane: read it, look, and wait for another number.
  [[nodiscard]] std::uint64_t wakings(const std::string& lane) { return lane_of(lane).wakings; }
  Async<> woken(std::string lane, std::uint64_t since);

 private:
  struct Seen {
    OutboxRow row;
    std::uint64_t version = 0;
  };
  struct Lane {
    explicit Lane(const aio::asio::any_io_executor& executor) : signal(executor) {}
    aio::Signal signal;
    std::uint64_t wakings = 0;
  };

  Lane& lane_of(const std::string& lane);
  Async<Result<Seen>> see(std::string id);
  Async<Result<std::vector<Seen>>> see_page(std::string lane, OutboxState state,
                                            std::uint64_t& after, std::size_t limit);
  Async<Result<std::vector<Seen>>> candidates(std::string lane, ClaimOptions options);
  Async<Result<bool>> write(std::vector<Seen> before, std::vector<OutboxRow> after);
  Async<Result<std::vector<OutboxRow>>> take(std::vector<Seen> seen, ClaimOptions options);
  template <class Next>
  Async<Result<OutboxRow>> settle(OutboxRow claimed, Next next);
  template <class Next>
  Async<Result<OutboxRow>> change_dead(std::string id, Next next);
  Async<Result<bool>> forget(std::vector<Seen> rows);

  Env& env_;
  aio::asio::any_io_executor executor_;
  store::Store& store_;
  std::map<std::string, std::unique_ptr<Lane>, std::less<>> lanes_;
};

}  // namespace reeve::log
