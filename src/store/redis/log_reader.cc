#include "store/redis/log_reader.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "store/check.h"
#include "store/redis/events.h"

namespace reeve::store::redis {
namespace {

/// Rows that one call reads: Redis does nothing else meanwhile.
constexpr std::size_t kRows = 1'000;
/// latest() has no place to go on from, so it looks further back than a page does.
constexpr std::size_t kLatestRows = 10 * limits::kScanRows;

bool names_scopes(const EventFilter& filter) {
  return !filter.scopes.empty() && std::ranges::none_of(filter.scopes, &Scope::is_town);
}

bool full(const EventPage& page, std::size_t limit, std::size_t bytes) {
  return page.events.size() >= limit || bytes >= limits::kPageBytes;
}

/// Every event is looked at.
Async<Result<EventPage>> scan(Session& session, LogQuery query, Position after) {
  EventPage page{.events = {}, .scanned = after};
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  while (page.scanned < query.log.head && looked_at < limits::kScanRows &&
         !full(page, query.limit, bytes)) {
    const auto wanted = query.filter.everything() ? query.limit - page.events.size() : kRows;
    auto part = co_await events_between(session, next(page.scanned), query.log.head,
                                        std::min({kRows, wanted, limits::kScanRows - looked_at}));
    if (!part) co_return fail(part.error());
    for (auto& event : part->events) {
      if (full(page, query.limit, bytes)) co_return page;
      page.scanned = event->position;
      ++looked_at;
      if (!query.filter.matches(*event)) continue;
      bytes += event->payload.size();
      page.events.push_back(std::move(event));
    }
    page.scanned = part->scanned;
  }
  co_return page;
}

/// What the index names is looked at.
Async<Result<EventPage>> follow_scopes(Session& session, ScopeIndex& index, LogQuery query,
                                       Position after) {
  auto found =
      co_await index.forward(query.filter.scopes, after, query.log.head, limits::kScanRows);
  if (!found) co_return fail(found.error());
  auto& positions = found->positions;
  const bool cut = positions.size() > limits::kScanRows;
  if (cut) positions.resize(limits::kScanRows);
  EventPage page{.events = {}, .scanned = after};
  std::size_t bytes = 0;
  for (std::size_t done = 0; done < positions.size();) {
    const auto count =
        std::min({positions.size() - done, kRows,
                  query.filter.kinds.empty() ? query.limit - page.events.size() : kRows});
    const auto begin = positions.begin() + static_cast<std::ptrdiff_t>(done);
    auto part =
        co_await events_at(session, {begin, begin + static_cast<std::ptrdiff_t>(count)}, true);
    if (!part) co_return fail(part.error());
    if (part->looked_at == 0) co_return fail(Errc::corrupt, "events cannot be read from Redis");
    for (auto& event : part->events) {
      page.scanned = event->position;
      if (!query.filter.matches(*event)) continue;
      bytes += event->payload.size();
      page.events.push_back(std::move(event));
      if (full(page, query.limit, bytes)) co_return page;
    }
    done += part->looked_at;
    page.scanned = {positions[done - 1]};
  }
  page.scanned = cut ? Position{positions.back()} : found->upto;
  co_return page;
}

Async<Result<std::vector<EventPtr>>> scan_back(Session& session, LogQuery query) {
  std::vector<EventPtr> found;
  std::size_t looked_at = 0;
  for (auto end = query.log.head; end >= query.log.oldest && end.value > 0 &&
                                  found.size() < query.limit && looked_at < kLatestRows;) {
    const auto wanted =
        query.filter.everything() ? std::min(query.limit - found.size(), kRows) : kRows;
    const auto rows = std::min<std::uint64_t>(wanted, end.value - query.log.oldest.value + 1);
    const Position begin{end.value - rows + 1};
    std::vector<EventPtr> part;
    for (auto at = begin; at <= end;) {
      auto some = co_await events_between(session, at, end, kRows);
      if (!some && some.error().is(Errc::cursor_expired)) break;  // retention was faster
      if (!some) co_return fail(some.error());
      std::ranges::move(some->events, std::back_inserter(part));
      at = next(some->scanned);
    }
    for (auto event = part.rbegin(); event != part.rend() && found.size() < query.limit; ++event) {
      if (query.filter.matches(**event)) found.push_back(std::move(*event));
    }
    looked_at += rows;
    end = {begin.value - 1};
  }
  co_return found;
}

Async<Result<std::vector<EventPtr>>> follow_scopes_back(Session& session, ScopeIndex& index,
                                                        LogQuery query) {
  const auto enough = query.filter.kinds.empty() ? query.limit : kLatestRows;
  auto positions =
      co_await index.backward(query.filter.scopes, query.log.oldest, query.log.head, enough);
  if (!positions) co_return fail(positions.error());
  if (positions->size() > kLatestRows) positions->resize(kLatestRows);
  std::vector<EventPtr> found;
  for (std::size_t done = 0; done < positions->size() && found.size() < query.limit;) {
    const auto count = std::min({positions->size() - done, kRows,
                                 query.filter.kinds.empty() ? query.limit - found.size() : kRows});
    const auto begin = positions->begin() + static_cast<std::ptrdiff_t>(done);
    std::vector<std::uint64_t> some(begin, begin + static_cast<std::ptrdiff_t>(count));
    auto part = co_await events_at(session, std::move(some), false);
    if (!part) co_return fail(part.error());
    if (part->looked_at == 0) co_return fail(Errc::corrupt, "events cannot be read from Redis");
    for (auto& event : part->events) {
      if (found.size() < query.limit && query.filter.matches(*event))
        found.push_back(std::move(event));
    }
    done += part->looked_at;
  }
  co_return found;
}

}  // namespace

Async<Result<EventPage>> read_log(Session& session, ScopeIndex& index, LogQuery query,
                                  Position after) {
  if (auto there = check_reachable(after, query.log.id, query.log.oldest); !there)
    co_return fail(there.error());
  if (names_scopes(query.filter))
    co_return co_await follow_scopes(session, index, std::move(query), after);
  co_return co_await scan(session, std::move(query), after);
}

Async<Result<std::vector<EventPtr>>> read_latest(Session& session, ScopeIndex& index,
                                                 LogQuery query) {
  auto found = names_scopes(query.filter)
                   ? co_await follow_scopes_back(session, index, std::move(query))
                   : co_await scan_back(session, std::move(query));
  if (found) std::ranges::reverse(*found);
  co_return found;
}

}  // namespace reeve::store::redis
