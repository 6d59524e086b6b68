#include "store/redis/scope_index.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/limits.h"
#include "store/check.h"
#include "store/postings.h"
#include "store/redis/codec.h"
#include "store/redis/events.h"

namespace reeve::store::redis {
namespace {

/// Rows of one call while the tail is read again.
constexpr std::size_t kLoadRows = 2'000;
/// Scopes of one call of the segment script: Redis does nothing else meanwhile.
constexpr std::size_t kScopesOfACall = 1'000;
/// Segments that one call looks into.
constexpr std::size_t kSegmentsOfACall = 32;
/// Behind every position; a script's numbers are exact up to here.
constexpr Position kEnd{std::uint64_t{1} << 53};

std::string text(std::uint64_t number) { return std::to_string(number); }

void sort_and_merge(std::vector<std::uint64_t>& positions) {
  std::ranges::sort(positions);
  const auto doubled = std::ranges::unique(positions);
  positions.erase(doubled.begin(), doubled.end());
}

/// What the postings script answered of some segments.
struct Segments {
  Position oldest;  ///< of the log
  struct Segment {
    Position after;
    Position last;
    std::vector<std::uint64_t> positions;  // of all scopes asked for, ascending
  };
  std::vector<Segment> segments;
};

Result<Segments> decode_segments(const RedisReply& reply, std::size_t scopes) {
  Segments out;
  const auto& parts = reply.elements;
  const auto number = [&](std::size_t i) { return whole_number<std::uint64_t>(parts[i].text); };
  if (parts.empty() || (parts.size() - 1) % (scopes + 2) != 0) return fail(not_understood());
  const auto oldest = number(0);
  if (!oldest) return fail(oldest.error());
  out.oldest = {*oldest};
  for (std::size_t i = 1; i < parts.size(); i += scopes + 2) {
    const auto after = number(i);
    const auto last = number(i + 1);
    if (!after || !last) return fail(not_understood());
    Segments::Segment segment{.after = {*after}, .last = {*last}, .positions = {}};
    for (std::size_t s = 0; s < scopes; ++s) {
      const auto& bytes = parts[i + 2 + s].text;
      if (bytes.empty()) continue;
      const auto decoded =
          decode_postings({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
      if (!decoded) return fail(Errc::corrupt, "the index of scopes on Redis is damaged");
      segment.positions.insert(segment.positions.end(), decoded->begin(), decoded->end());
    }
    sort_and_merge(segment.positions);
    out.segments.push_back(std::move(segment));
  }
  return out;
}

/// Segments behind a position, or those that begin before it, nearest first.
Async<Result<Segments>> ask_segments(Session& session, const std::vector<Scope>& scopes,
                                     Position position, bool forward) {
  RedisWords args{text(position.value), forward ? "1" : "0", text(kSegmentsOfACall)};
  for (const auto& scope : scopes) args.push_back(scope.str());
  auto reply = co_await session.run(Script::postings, std::move(args));
  if (!reply) co_return fail(reply.error());
  co_return decode_segments(*reply, scopes.size());
}

}  // namespace

Async<Status> ScopeIndex::load(Position indexed, Position oldest, Position head) {
  const Position mark{oldest.value - 1};
  tail_ = TailIndex(indexed);
  for (auto at = next(std::max(indexed, mark)); at <= head;) {
    auto page = co_await events_between(session_, at, head, kLoadRows);
    if (!page) co_return fail(page.error());
    for (const auto& event : page->events) add(*event);
    at = next(page->scanned);
  }
  tail_.reach(head);
  co_return Status();
}

void ScopeIndex::add(const Event& event) {
  if (event.position <= tail_.last() && tail_.last().value > 0) return;
  tail_.add(event.position, event.scopes);
  tail_.reach(event.position);
}

Async<Status> ScopeIndex::write_segment(Position oldest) {
  if (!frozen_) {
    const auto from = tail_.last();
    frozen_ = std::make_shared<const TailIndex>(std::exchange(tail_, TailIndex(from)));
  }
  const auto frozen = frozen_;
  const auto scopes = frozen->sorted_scopes();
  // What retention removed meanwhile is in no segment.
  const Position mark{std::max(oldest.value, std::uint64_t{1}) - 1};
  std::size_t done = 0;
  do {
    RedisWords args{text(frozen->after().value), text(frozen->last().value), "0"};
    const auto end = std::min(scopes.size(), done + kScopesOfACall);
    for (; done < end; ++done) {
      const auto positions =
          frozen->positions(scopes[done], std::max(frozen->after(), mark), frozen->last());
      if (positions.empty()) continue;
      std::vector<std::uint8_t> bytes;
      encode_postings(positions, bytes);
      args.emplace_back(scopes[done]);
      args.emplace_back(bytes.begin(), bytes.end());
    }
    if (done == scopes.size()) args[2] = "1";
    auto written = co_await session_.write(Script::segment, [args] { return args; });
    if (!written) co_return fail(written.error());
  } while (done < scopes.size());
  frozen_.reset();
  co_return Status();
}

Async<Status> ScopeIndex::forget_what_is_written() {
  auto reply = co_await session_.ask({"HGET", session_.key("meta"), "indexed"});
  if (!reply) co_return fail(reply.error());
  const auto indexed = whole_number<std::uint64_t>(reply->text);
  if (indexed && *indexed >= tail_.last().value) tail_ = TailIndex(tail_.last());
  co_return Status();
}

void ScopeIndex::add_tail(const std::vector<Scope>& scopes, Position after, Position upto,
                          std::vector<std::uint64_t>& to) const {
  for (const auto& scope : scopes) {
    for (const auto* index : {frozen_.get(), &tail_}) {
      if (index == nullptr) continue;
      const auto some = index->positions(scope.str(), std::max(after, index->after()), upto);
      to.insert(to.end(), some.begin(), some.end());
    }
  }
}

Async<Result<ScopeIndex::Found>> ScopeIndex::forward(std::vector<Scope> scopes, Position after,
                                                     Position head, std::size_t enough) {
  Found found{.positions = {}, .upto = after};
  while (found.upto < std::min(begin_of_tail(), head) && found.positions.size() < enough) {
    const auto segments = co_await ask_segments(session_, scopes, found.upto, true);
    if (!segments) co_return fail(segments.error());
    // Retention may have been faster, and have taken segments with it.
    if (auto there = check_reachable(after, session_.log(), segments->oldest); !there)
      co_return fail(there.error());
    for (const auto& segment : segments->segments) {
      for (const auto position : segment.positions) {
        if (position > found.upto.value && position <= head.value)
          found.positions.push_back(position);
      }
      found.upto = std::max(found.upto, segment.last);
    }
    // Behind the last segment is what this memory holds.
    if (segments->segments.size() < kSegmentsOfACall) break;
  }
  const bool all = found.positions.size() < enough;
  if (all) {
    add_tail(scopes, found.upto, head, found.positions);
    found.upto = head;
  }
  sort_and_merge(found.positions);
  found.upto = std::max(std::min(found.upto, head), after);
  co_return found;
}

Async<Result<std::vector<std::uint64_t>>> ScopeIndex::backward(std::vector<Scope> scopes,
                                                               Position oldest, Position head,
                                                               std::size_t enough) {
  std::vector<std::uint64_t> found;
  const Position mark{oldest.value - 1};
  add_tail(scopes, std::max(begin_of_tail(), mark), head, found);
  for (auto before = kEnd; before > mark && found.size() < enough;) {
    const auto segments = co_await ask_segments(session_, scopes, before, false);
    if (!segments) co_return fail(segments.error());
    for (const auto& segment : segments->segments) {
      for (const auto position : segment.positions) {
        if (position > mark.value && position <= head.value) found.push_back(position);
      }
      before = segment.after;
    }
    if (segments->segments.size() < kSegmentsOfACall) break;
  }
  sort_and_merge(found);
  std::ranges::reverse(found);
  co_return found;
}

}  // namespace reeve::store::redis
