#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/digest.h"
#include "run/draft.h"
#include "town/ground.h"

namespace reeve::town {

/// What a request that was made before was answered then: a commit that can only be a repetition,
/// for its condition never holds.
inline Async<Result<store::Committed>> first_answer(Ground ground, store::IdempotencyKey key) {
  store::Commit commit;
  commit.key = std::move(key);
  commit.require.emplace_back(store::DocAt{{"_never", "written"}, 1});
  co_return co_await ground.log.store().commit(std::move(commit));
}

/// Drafts a change and commits it, again and again while somebody else was faster.
///
/// `decide(Draft&)` is a coroutine that loads what it needs, adds facts, and answers Result<T>; its
/// error ends the change. A repetition of an earlier request (G9) gives the first answer. T has
/// JSON.
template <class T, class Decide>
Async<Result<T>> change(Ground ground, Caller caller, Decide decide) {
  Error lost;
  for (int attempt = 0; attempt < run::kAttempts; ++attempt) {
    run::Draft draft(ground.env, ground.log.store(), caller);
    Result<T> value = co_await decide(draft);
    if (!value && caller.key) {
      // Refused as things stand now; but when it was first made it may have been possible.
      const auto before = co_await first_answer(ground, *caller.key);
      if (before && before->repeated) co_return parse_json_as<T>(before->answer);
    }
    if (!value) co_return fail(value.error());
    draft.answer(write_json_of(*value));
    const auto committed = co_await draft.commit();
    if (committed) {
      if (committed->repeated) co_return parse_json_as<T>(committed->answer);
      co_return value;
    }
    lost = committed.error();
    if (!lost.is(Errc::conflict)) break;
  }
  co_return fail(lost);
}

/// The key of the `part`th commit, from 0, of a request that takes several: the first one's is the
/// request's own. A part that is repeated answers what it did the first time, so whoever asks goes
/// on with what no part has told of.
inline std::optional<store::IdempotencyKey> part_key(
    const std::optional<store::IdempotencyKey>& whole, std::size_t part) {
  if (!whole || part == 0) return whole;
  auto key = *whole;
  key.key = sha256_hex(whole->key) + "#" + std::to_string(part);
  return key;
}

/// Adds facts one after the other.
inline Async<Status> add_all(run::Draft& draft, std::vector<Fact> facts) {
  for (auto& fact : facts) {
    if (auto added = co_await draft.add(std::move(fact)); !added) co_return added;
  }
  co_return Status();
}

}  // namespace reeve::town
