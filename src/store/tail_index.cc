#include "store/tail_index.h"

#include <algorithm>

namespace reeve::store {
namespace {

// Measured: shorter segments cost the writer more per event, longer ones start-up and memory.
constexpr std::uint64_t kSegmentEvents = 30'000;
constexpr std::size_t kSegmentEntries = 120'000;
constexpr std::size_t kSegmentScopes = 30'000;

}  // namespace

void TailIndex::add(Position position, const std::vector<Scope>& scopes) {
  for (const auto& scope : scopes) add(position, std::string_view(scope.str()));
  last_ = position;
}

void TailIndex::add(Position position, std::string_view scope) {
  const Entry entry{.offset = static_cast<std::uint32_t>(position.value - after_.value),
                    .before = kNone};
  const auto index = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back(entry);
  if (const auto found = newest_.find(scope); found != newest_.end()) {
    entries_.back().before = found->second;
    found->second = index;
  } else {
    newest_.emplace(std::string(scope), index);
  }
  last_ = position;
}

bool TailIndex::full() const {
  return last_.value - after_.value >= kSegmentEvents || entries_.size() >= kSegmentEntries ||
         newest_.size() >= kSegmentScopes;
}

std::vector<std::uint64_t> TailIndex::positions(std::string_view scope, Position after,
                                                Position upto) const {
  std::vector<std::uint64_t> found;
  const auto newest = newest_.find(scope);
  if (newest == newest_.end()) return found;
  for (auto at = newest->second; at != kNone; at = entries_[at].before) {
    const auto position = after_.value + entries_[at].offset;
    if (position <= after.value) break;
    if (position <= upto.value) found.push_back(position);
  }
  std::ranges::reverse(found);
  return found;
}

std::vector<std::string_view> TailIndex::sorted_scopes() const {
  std::vector<std::string_view> scopes;
  scopes.reserve(newest_.size());
  for (const auto& [scope, newest] : newest_) scopes.emplace_back(scope);
  std::ranges::sort(scopes);
  return scopes;
}

}  // namespace reeve::store
