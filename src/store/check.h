#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "store/commit.h"
#include "store/store.h"

/// The rules of a commit that every backend shares: what may be asked at all, and when it is
/// refused.
namespace reeve::store {

/// invalid_argument, too_large: not a commit that any store could take. Needs no store.
Status check(const Commit& commit);
/// invalid_argument: more terms than limits::kFilterTerms.
Status check(const EventFilter& filter);

/// invalid_argument, too_large: not a truncation that any store could take, or beyond the head that
/// is acknowledged.
Status check(const Truncation& truncation, Position acknowledged);
/// conflict, invalid_argument, too_large: it does not fit the log as it stands.
Status check_place(const Truncation& truncation, Position oldest, Position head);
/// In their order, each once. too_large: more than limits::kRetentionStep.
Result<std::vector<Position>> each_once(std::vector<Position> to_prune);
/// invalid_argument: an event of that kind must keep its payload.
Status check_prunable(std::string_view kind, Position position);
/// Nothing, or cursor_expired: retention removed what follows `after`.
Status check_reachable(Position after, const LogId& log, Position oldest);

/// What the preconditions look at. A backend answers as of the moment before the commit.
class Facts {
 public:
  virtual ~Facts() = default;
  virtual std::optional<std::uint64_t> doc_version(const DocKey& key) = 0;
  virtual std::optional<std::uint64_t> run_epoch(const RunId& run) = 0;
  /// The lease that holds the item (empty: nobody); nothing: it is not in the queue.
  virtual std::optional<std::string> held_by(std::string_view queue, std::string_view item) = 0;
  virtual std::optional<Lease> lease(std::string_view name) = 0;
};

/// conflict, fenced: the first thing that stands against the commit, its queue writes included.
/// To be called before the first write.
Status check_preconditions(const Commit& commit, Facts& facts, Time now);

/// What acquire() leads to, given the lease as it stands. conflict: another holds it.
Result<Lease> acquired(const std::optional<Lease>& now_held, std::string name, std::string holder,
                       Time now, Duration ttl);
/// The answer to a key that was used before. conflict: for another request.
Status check_digest(const IdempotencyKey& key, std::string_view first_digest);

}  // namespace reeve::store
