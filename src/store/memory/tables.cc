#include "store/memory/tables.h"

#include <algorithm>

#include "base/limits.h"

namespace reeve::store {

Result<Committed> Tables::apply(Commit commit, Time now) {
  forget_keys(now);
  if (commit.key) {
    const auto known = keys_.find({commit.key->writer, commit.key->key});
    if (known != keys_.end()) {
      if (auto same = check_digest(*commit.key, known->second.digest); !same)
        return fail(same.error());
      auto answer = known->second.answer;
      answer.repeated = true;
      return answer;
    }
  }
  if (auto holds = check_preconditions(commit, *this, now); !holds) return fail(holds.error());

  for (const auto& one : commit.writes) std::visit([&](const auto& w) { write(w); }, one);
  Committed done{.first = {events_.size() + 1}, .last = {}, .answer = std::move(commit.answer)};
  for (auto& event : commit.events)
    events_.push_back(
        std::make_shared<const Event>(Position{events_.size() + 1}, std::move(event)));
  done.last = {events_.size()};
  if (commit.key) {
    keys_by_time_.emplace(now, commit.key->writer, commit.key->key);
    Remembered remembered{.digest = commit.key->digest, .answer = done, .time = now};
    keys_[{commit.key->writer, commit.key->key}] = std::move(remembered);
  }
  return done;
}

void Tables::forget_keys(Time now) {
  while (!keys_by_time_.empty()) {
    const auto& [time, writer, key] = *keys_by_time_.begin();
    if (time + limits::kIdempotencyTtl > now) break;
    keys_.erase({writer, key});
    keys_by_time_.erase(keys_by_time_.begin());
  }
}

Result<Lease> Tables::acquire(std::string name, std::string holder, Time now, Duration ttl) {
  auto got = acquired(lease(name), std::move(name), std::move(holder), now, ttl);
  if (got) leases_[got->name] = *got;
  return got;
}

void Tables::release(const Lease& lease) {
  const auto held = leases_.find(lease.name);
  if (held == leases_.end() || held->second.holder != lease.holder ||
      held->second.epoch != lease.epoch)
    return;
  held->second.holder.clear();  // the epoch stays: the next holder's must be another
}

void Tables::unmark(const Stored& stored) {
  for (const auto& mark : stored.marks) marked_[{stored.doc.key.kind, mark}].erase(stored.doc.rank);
}

void Tables::write(const PutDoc& put) {
  auto& stored = docs_[put.key];
  if (stored.doc.version == 0) {
    stored.doc.key = put.key;
    stored.doc.rank = ++last_rank_;
    marked_[{put.key.kind, ""}][stored.doc.rank] = put.key;
  }
  unmark(stored);
  ++stored.doc.version;
  stored.doc.body = put.body;
  stored.marks = put.marks;
  for (const auto& mark : put.marks) marked_[{put.key.kind, mark}][stored.doc.rank] = put.key;
}

void Tables::write(const RemoveDoc& remove) {
  const auto found = docs_.find(remove.key);
  if (found == docs_.end()) return;
  unmark(found->second);
  marked_[{remove.key.kind, ""}].erase(found->second.doc.rank);
  docs_.erase(found);
}

void Tables::write(const QueuePush& push) {
  auto& queue = queues_[push.queue];
  if (queue.contains(push.item)) return;
  queue[push.item] = {.item = push.item,
                      .priority = push.priority,
                      .attempt = push.attempt,
                      .not_before = push.not_before,
                      .lease = {},
                      .order = ++last_order_};
}

void Tables::write(const QueueTake& take) {
  queues_.at(take.queue).at(take.item).lease = take.lease;
}

void Tables::write(const QueueAck& ack) {
  if (const auto queue = queues_.find(ack.queue); queue != queues_.end())
    queue->second.erase(ack.item);
}

void Tables::write(const QueueReturn& back) {
  auto& item = queues_.at(back.queue).at(back.item);
  item.lease.clear();
  item.attempt = back.attempt;
  item.not_before = back.not_before;
}

void Tables::write(const SetRunEpoch& set) {
  if (set.epoch) {
    runs_[set.run] = *set.epoch;
  } else {
    runs_.erase(set.run);
  }
}

std::optional<std::uint64_t> Tables::doc_version(const DocKey& key) {
  const auto found = docs_.find(key);
  return found == docs_.end() ? std::nullopt : std::optional(found->second.doc.version);
}

std::optional<std::uint64_t> Tables::run_epoch(const RunId& run) {
  const auto found = runs_.find(run);
  return found == runs_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> Tables::held_by(std::string_view queue, std::string_view item) {
  const auto in = queues_.find(queue);
  if (in == queues_.end()) return std::nullopt;
  const auto found = in->second.find(item);
  return found == in->second.end() ? std::nullopt : std::optional(found->second.lease);
}

std::optional<Lease> Tables::lease(std::string_view name) {
  const auto found = leases_.find(name);
  return found == leases_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Doc> Tables::get(const DocKey& key) const {
  const auto found = docs_.find(key);
  return found == docs_.end() ? std::nullopt : std::optional(found->second.doc);
}

std::vector<Doc> Tables::list(const DocQuery& query) const {
  std::vector<Doc> docs;
  const auto found = marked_.find({query.kind, query.mark});
  if (found == marked_.end()) return docs;
  const auto& ranks = found->second;
  const auto limit = std::min(query.limit, limits::kPage);
  if (!query.descending) {
    for (auto at = ranks.upper_bound(query.after_rank); at != ranks.end() && docs.size() < limit;
         ++at)
      docs.push_back(docs_.at(at->second).doc);
    return docs;
  }
  auto at = query.after_rank == 0 ? ranks.end() : ranks.lower_bound(query.after_rank);
  while (at != ranks.begin() && docs.size() < limit) docs.push_back(docs_.at((--at)->second).doc);
  return docs;
}

std::uint64_t Tables::count(const std::string& kind, const std::string& mark) const {
  const auto found = marked_.find({kind, mark});
  return found == marked_.end() ? 0 : found->second.size();
}

std::vector<QueueItem> Tables::items(const std::string& queue, std::size_t limit,
                                     std::optional<Time> ready_at, QueuePlace after) const {
  const auto served = [](const QueuePlace& place) {
    return std::tuple(-place.priority, place.order);
  };
  std::vector<QueueItem> found;
  if (const auto in = queues_.find(queue); in != queues_.end()) {
    for (const auto& [name, item] : in->second) {
      const bool ready = item.lease.empty() && item.not_before <= ready_at;
      if ((!ready_at || ready) && served(item.place()) > served(after)) found.push_back(item);
    }
  }
  std::ranges::sort(found, {}, [&](const QueueItem& item) { return served(item.place()); });
  if (found.size() > std::min(limit, limits::kPage)) found.resize(std::min(limit, limits::kPage));
  return found;
}

}  // namespace reeve::store
