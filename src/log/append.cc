#include "log/append.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/json.h"

namespace reeve::log {

std::string digest_of(const std::vector<NewEvent>& events) {
  json::array all;
  for (const auto& event : events) {
    std::vector<std::string> scopes;
    for (const auto& scope : event.scopes) scopes.push_back(scope.str());
    std::ranges::sort(scopes);
    auto payload = parse_json(event.payload);
    json::object one{{"kind", event.kind},
                     {"scopes", to_json_value(scopes)},
                     {"visibility", enum_name(event.visibility)},
                     {"payload", payload ? std::move(*payload) : json::value(event.payload)}};
    if (event.correlation) one["correlation"] = *event.correlation;
    if (event.causation) one["causation"] = *event.causation;
    all.push_back(std::move(one));
  }
  return sha256_hex(canonical_json(all));
}

Async<Result<store::Committed>> append(store::Store& store, DurableSink& sink,
                                       AppendOptions options) {
  if (options.writer.empty() != options.key.empty())
    co_return fail(Errc::invalid_argument, "an idempotency key and its writer go together");
  store::Commit commit;
  const auto& staged = sink.staged();
  commit.events = staged.events;
  commit.require = std::move(options.require);
  commit.writes = std::move(options.writes);
  commit.writes.insert(commit.writes.end(), staged.blobs.begin(), staged.blobs.end());
  if (!options.key.empty()) {
    commit.key = store::IdempotencyKey{std::move(options.writer), std::move(options.key),
                                       digest_of(staged.events)};
  }
  auto done = co_await store.commit(std::move(commit));
  if (done) sink.committed();
  co_return done;
}

}  // namespace reeve::log
