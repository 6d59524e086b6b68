#include "store/check.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/limits.h"
#include "base/overloaded.h"
#include "model/fact.h"

namespace reeve::store {
namespace {

Status check_name(std::string_view what, std::string_view text) {
  if (!text.empty() && text.size() <= limits::kStoreName) return {};
  return fail(Errc::invalid_argument,
              std::string(what) + (text.empty() ? " is blank" : " is longer than a store takes"));
}

Status check_names(std::string_view what, std::string_view a, std::string_view b) {
  if (auto first = check_name(what, a); !first) return first;
  return check_name(what, b);
}

Status check_put(const PutDoc& put) {
  if (auto named = check_names("a document's kind or id", put.key.kind, put.key.id); !named)
    return named;
  if (put.body.size() > limits::kDocument) {
    return fail(Errc::too_large, put.key.kind + " " + put.key.id + ": the document has " +
                                     std::to_string(put.body.size()) + " bytes, the limit is " +
                                     std::to_string(limits::kDocument));
  }
  if (put.marks.size() > limits::kDocMarks)
    return fail(Errc::invalid_argument, put.key.kind + " " + put.key.id + ": too many marks");
  for (auto mark = put.marks.begin(); mark != put.marks.end(); ++mark) {
    if (auto named = check_name("a mark", *mark); !named) return named;
    if (mark->contains('\n') || std::find(put.marks.begin(), mark, *mark) != mark) {
      return fail(Errc::invalid_argument, put.key.kind + " " + put.key.id + ": mark \"" + *mark +
                                              "\" stands twice or has a line end");
    }
  }
  return {};
}

Status check_write(const Write& write) {
  constexpr std::string_view kQueue = "a queue or item";
  return std::visit(
      Overloaded{
          [](const PutDoc& put) { return check_put(put); },
          [](const RemoveDoc& remove) {
            return check_names("a document's kind or id", remove.key.kind, remove.key.id);
          },
          [&](const QueuePush& push) { return check_names(kQueue, push.queue, push.item); },
          [&](const QueueTake& take) {
            if (auto named = check_names(kQueue, take.queue, take.item); !named) return named;
            return check_name("a queue item's lease", take.lease);
          },
          [&](const QueueAck& ack) { return check_names(kQueue, ack.queue, ack.item); },
          [&](const QueueReturn& back) { return check_names(kQueue, back.queue, back.item); },
          [](const SetRunEpoch& set) -> Status {
            if (!set.run.is_nil()) return {};
            return fail(Errc::invalid_argument, "a run without an id");
          }},
      write);
}

Status check_scopes(const NewEvent& event) {
  for (const auto& scope : event.scopes) {
    const bool plain =
        std::ranges::none_of(scope.str(), [](char c) { return c == ' ' || c == '\0'; });
    if (!plain || scope.str().empty() || scope.str().size() > limits::kStoreName)
      return fail(Errc::invalid_argument, "event " + event.kind + ": not a scope: " + scope.str());
  }
  return {};
}

std::string name_of(const DocKey& key) { return key.kind + " " + key.id; }

Status check_one(const Precondition& required, Facts& facts, Time now) {
  return std::visit(
      Overloaded{
          [&](const DocAt& at) -> Status {
            const auto version = facts.doc_version(at.key);
            if (version == at.version) return {};
            return fail(Errc::conflict,
                        name_of(at.key) + (version ? " has changed: it is at version " +
                                                         std::to_string(*version) + ", not " +
                                                         std::to_string(at.version)
                                                   : " does not exist"));
          },
          [&](const DocAbsent& absent) -> Status {
            if (!facts.doc_version(absent.key)) return {};
            return fail(Errc::conflict, name_of(absent.key) + " exists already");
          },
          [&](const RunAt& at) -> Status {
            const auto epoch = facts.run_epoch(at.run);
            if (epoch == at.epoch) return {};
            return fail(Errc::fenced, "run " + at.run.str() +
                                          (epoch ? " is at epoch " + std::to_string(*epoch) +
                                                       ", not " + std::to_string(at.epoch)
                                                 : " is not running (any more)"));
          },
          [&](const QueueHolds& holds) -> Status {
            const auto lease = facts.held_by(holds.queue, holds.item);
            if (lease == holds.lease) return {};
            const auto what = holds.item + " in queue " + holds.queue;
            if (!lease) return fail(Errc::conflict, what + " is not there (any more)");
            return fail(Errc::conflict,
                        what + (lease->empty() ? " is held by nobody" : " is held by " + *lease));
          },
          [&](const LeaseHeld& held) -> Status {
            const auto lease = facts.lease(held.name);
            if (lease && lease->holder == held.holder && lease->epoch == held.epoch) {
              if (lease->until > now) return {};
              return fail(Errc::fenced,
                          "lease " + held.name + " ran out at " + to_rfc3339(lease->until));
            }
            return fail(Errc::fenced, "lease " + held.name + " is not held by " + held.holder +
                                          " at epoch " + std::to_string(held.epoch));
          }},
      required);
}

/// Taking and returning want the item to be there, earlier writes of the same commit included.
class QueueWalk {
 public:
  explicit QueueWalk(Facts& facts) : facts_(facts) {}

  Status see(const Write& write) {
    return std::visit(
        Overloaded{[&](const QueuePush& push) -> Status {
                     changed_[{push.queue, push.item}] = true;
                     return {};
                   },
                   [&](const QueueAck& ack) -> Status {
                     changed_[{ack.queue, ack.item}] = false;
                     return {};
                   },
                   [&](const QueueTake& take) { return need("take", take.queue, take.item); },
                   [&](const QueueReturn& back) { return need("return", back.queue, back.item); },
                   [](const auto&) -> Status { return {}; }},
        write);
  }

 private:
  Status need(std::string_view verb, const std::string& queue, const std::string& item) {
    const auto changed = changed_.find({queue, item});
    const bool there =
        changed != changed_.end() ? changed->second : facts_.held_by(queue, item).has_value();
    if (there) return {};
    return fail(Errc::conflict,
                "cannot " + std::string(verb) + " " + item + ": it is not in queue " + queue);
  }

  Facts& facts_;
  std::map<std::pair<std::string, std::string>, bool> changed_;
};

}  // namespace

Status check(const Commit& commit) {
  if (commit.events.size() > limits::kCommitEvents ||
      commit.writes.size() > limits::kCommitWrites ||
      commit.require.size() > limits::kCommitWrites) {
    return fail(Errc::too_large, "a commit of " + std::to_string(commit.events.size()) +
                                     " events, " + std::to_string(commit.writes.size()) +
                                     " writes and " + std::to_string(commit.require.size()) +
                                     " preconditions is more than a store takes at once");
  }
  if (commit.key) {
    if (commit.key->key.empty() || commit.key->key.size() > limits::kIdempotencyKey ||
        commit.key->writer.empty() || commit.key->writer.size() > limits::kStoreName ||
        commit.key->digest.size() > limits::kStoreName) {
      return fail(Errc::invalid_argument, "the idempotency key or its writer is blank or too long");
    }
  }
  if (commit.answer.size() > limits::kDocument)
    return fail(Errc::too_large, "the answer to keep is larger than a document may be");
  for (const auto& write : commit.writes) {
    if (auto good = check_write(write); !good) return good;
  }
  for (const auto& event : commit.events) {
    if (auto good = reeve::check(event); !good) return good;
    if (auto good = check_scopes(event); !good) return good;
  }
  return {};
}

Status check(const EventFilter& filter) {
  if (filter.scopes.size() <= limits::kFilterTerms && filter.kinds.size() <= limits::kFilterTerms)
    return {};
  return fail(Errc::invalid_argument, "a filter takes at most " +
                                          std::to_string(limits::kFilterTerms) +
                                          " scopes and as many kinds");
}

Status check(const Truncation& truncation, Position acknowledged) {
  if (truncation.upto > acknowledged) {
    return fail(Errc::invalid_argument, "the log cannot be cut behind position " +
                                            std::to_string(truncation.upto.value) +
                                            ": its head is " + std::to_string(acknowledged.value));
  }
  for (const auto& doc : truncation.changed) {
    const PutDoc put{.key = doc.key, .body = doc.body, .marks = {}};
    if (auto good = check_put(put); !good) return good;
  }
  for (const auto& event : truncation.events) {
    if (auto good = reeve::check(event); !good) return good;
    if (auto good = check_scopes(event); !good) return good;
  }
  return {};
}

Status check_place(const Truncation& truncation, Position oldest, Position head) {
  const auto text = [](Position position) { return std::to_string(position.value); };
  if (next(truncation.from) != oldest) {
    return fail(Errc::conflict, "the log begins at position " + text(oldest) + ", not at " +
                                    text(next(truncation.from)) + ": look again");
  }
  if (truncation.upto <= truncation.from || truncation.upto > head) {
    return fail(Errc::invalid_argument, "the log has positions " + text(oldest) + " to " +
                                            text(head) + ": it cannot be cut behind " +
                                            text(truncation.upto));
  }
  if (truncation.upto.value - truncation.from.value > limits::kRetentionStep) {
    return fail(Errc::too_large, "more than " + std::to_string(limits::kRetentionStep) +
                                     " events cannot be removed in one step");
  }
  return {};
}

Result<std::vector<Position>> each_once(std::vector<Position> to_prune) {
  if (to_prune.size() > limits::kRetentionStep) {
    return fail(Errc::too_large, "more than " + std::to_string(limits::kRetentionStep) +
                                     " events cannot be pruned in one step");
  }
  std::ranges::sort(to_prune);
  const auto doubled = std::ranges::unique(to_prune);
  to_prune.erase(doubled.begin(), doubled.end());
  return to_prune;
}

Status check_prunable(std::string_view kind, Position position) {
  if (!is_fact_kind(kind)) return {};
  return fail(Errc::invalid_argument, "event " + std::to_string(position.value) + " is a " +
                                          std::string(kind) +
                                          ": state is folded from it, so it keeps its payload");
}

Status check_reachable(Position after, const LogId& log, Position oldest) {
  if (next(after) >= oldest) return {};
  const Position mark{oldest.value - 1};
  return fail(Errc::cursor_expired,
              "retention has removed the events up to position " + std::to_string(mark.value) +
                  ", and this place is behind position " + std::to_string(after.value) +
                  ": go on from the oldest that are left with cursor " + Cursor{log, mark}.str() +
                  ", and read the town's state for what lies before");
}

Status check_preconditions(const Commit& commit, Facts& facts, Time now) {
  for (const auto& required : commit.require) {
    if (auto holds = check_one(required, facts, now); !holds) return holds;
  }
  QueueWalk walk(facts);
  for (const auto& write : commit.writes) {
    if (auto seen = walk.see(write); !seen) return seen;
  }
  return {};
}

Result<Lease> acquired(const std::optional<Lease>& now_held, std::string name, std::string holder,
                       Time now, Duration ttl) {
  Lease lease{.name = std::move(name), .holder = std::move(holder), .epoch = 1, .until = now + ttl};
  if (!now_held) return lease;
  if (now_held->holder == lease.holder) {
    lease.epoch = now_held->epoch;
    return lease;
  }
  if (!now_held->holder.empty() && now_held->until > now) {
    return fail(Errc::conflict, "lease " + lease.name + " is held by " + now_held->holder +
                                    " until " + to_rfc3339(now_held->until));
  }
  lease.epoch = now_held->epoch + 1;
  return lease;
}

Status check_digest(const IdempotencyKey& key, std::string_view first_digest) {
  if (key.digest == first_digest) return {};
  return fail(Errc::conflict, "idempotency key " + key.key +
                                  " was used for another request: take a new key, or repeat the "
                                  "first request as it was");
}

}  // namespace reeve::store
