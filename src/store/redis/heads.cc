#include "store/redis/heads.h"

#include <functional>
#include <utility>

namespace reeve::store::redis {
namespace {

/// A few MB. When there are more, all are learned anew.
constexpr std::size_t kMost = 20'000;

}  // namespace

std::size_t Heads::Hash::operator()(const DocKey& key) const {
  const std::hash<std::string> hash;
  return hash(key.id) ^ (hash(key.kind) * 31);
}

void Heads::begin(const DocKey& key) { ++known_[key].under_way; }

void Heads::end(const DocKey& key) {
  const auto at = known_.find(key);
  if (--at->second.under_way == 0 && !at->second.head) known_.erase(at);
}

const Head* Heads::find(const DocKey& key) const {
  const auto at = known_.find(key);
  if (at == known_.end() || at->second.under_way > 1 || !at->second.head) return nullptr;
  return &*at->second.head;
}

void Heads::set(const DocKey& key, Head head) {
  if (known_.size() >= kMost) forget_all();
  known_[key].head = std::move(head);
}

void Heads::written(const DocKey& key) {
  const auto at = known_.find(key);
  if (at != known_.end() && at->second.head) ++at->second.head->version;
}

void Heads::forget(const DocKey& key) {
  const auto at = known_.find(key);
  if (at == known_.end()) return;
  at->second.head.reset();
  if (at->second.under_way == 0) known_.erase(at);
}

void Heads::forget_all() {
  ++epoch_;
  for (auto& [key, known] : known_) known.head.reset();
  std::erase_if(known_, [](const auto& one) { return one.second.under_way == 0; });
}

}  // namespace reeve::store::redis
