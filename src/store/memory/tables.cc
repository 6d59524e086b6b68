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

  for (auto& one : commit.writes) std::visit([&](auto& w) { write(std::move(w)); }, one);
  Committed done{.first = next(head()), .last = {}, .answer = std::move(commit.answer)};
  append(std::move(commit.events));
  done.last = head();
  if (commit.key) {
    keys_by_time_.emplace(now, commit.key->writer, commit.key->key);
    Remembered remembered{.digest = commit.key->digest, .answer = done, .time = now};
    keys_[{commit.key->writer, commit.key->key}] = std::move(remembered);
  }
  return done;
}

void Tables::append(std::vector<NewEvent> events) {
  for (auto& event : events) {
    bytes_ += stored_bytes(event);
    events_.push_back(std::make_shared<const Event>(next(head()), std::move(event)));
  }
}

Result<Committed> Tables::truncate(Truncation truncation) {
  if (auto fits = check_place(truncation, oldest_, head()); !fits) return fail(fits.error());
  while (oldest_ <= truncation.upto) {
    bytes_ -= stored_bytes(*events_.front());
    events_.pop_front();
    oldest_ = next(oldest_);
  }
  for (auto& doc : truncation.changed) {
    auto& kept = snapshot_[doc.key];
    if (kept.rank == 0) {
      kept.rank = snapshot_ranks_.size() + 1;
      snapshot_ranks_[kept.rank] = doc.key;
    }
    kept.key = std::move(doc.key);
    kept.body = std::move(doc.body);
  }
  Committed done{.first = next(head()), .last = {}, .answer = {}};
  append(std::move(truncation.events));
  done.last = head();
  return done;
}

Result<Pruned> Tables::prune(const std::vector<Position>& positions) {
  const auto there = [&](Position p) { return p >= oldest_ && p <= head(); };
  for (const auto position : positions) {
    if (!there(position)) continue;
    if (auto may = check_prunable(at(position)->kind, position); !may) return fail(may.error());
  }
  Pruned pruned;
  for (const auto position : positions) {
    if (!there(position) || at(position)->payload == kPrunedPayload) continue;
    auto copy = std::make_shared<Event>(*at(position));
    pruned.bytes += copy->payload.size();
    ++pruned.events;
    copy->payload = kPrunedPayload;
    events_[position.value - oldest_.value] = std::move(copy);
  }
  bytes_ += pruned.events * kPrunedPayload.size();
  bytes_ -= pruned.bytes;
  return pruned;
}

std::vector<SnapshotDoc> Tables::snapshot(std::uint64_t after_rank, std::size_t limit) const {
  std::vector<SnapshotDoc> docs;
  std::size_t bytes = 0;
  for (auto at = snapshot_ranks_.upper_bound(after_rank);
       at != snapshot_ranks_.end() && docs.size() < limit && bytes < limits::kPageBytes; ++at) {
    docs.push_back(snapshot_.at(at->second));
    bytes += docs.back().body.size();
  }
  return docs;
}

std::vector<SnapshotDoc> Tables::snapshot_of(const std::vector<DocKey>& keys) const {
  std::vector<SnapshotDoc> docs;
  for (const auto& key : keys) {
    const auto found = snapshot_.find(key);
    if (found != snapshot_.end()) docs.push_back(found->second);
  }
  return docs;
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

void Tables::mark(const Stored& stored, const std::string& mark) {
  auto& ranked = marked_[{stored.doc.key.kind, mark}];
  ranked.emplace_hint(ranked.end(), stored.doc.rank, &stored);
}

void Tables::unmark(const Stored& stored, const std::string& mark) {
  const auto found = marked_.find({stored.doc.key.kind, mark});
  if (found == marked_.end()) return;
  found->second.erase(stored.doc.rank);
  if (found->second.empty()) marked_.erase(found);
}

void Tables::write(PutDoc&& put) {
  auto& stored = docs_[put.key];
  if (stored.doc.version == 0) {
    stored.doc.key = std::move(put.key);
    stored.doc.rank = ++last_rank_;
    mark(stored, "");
  }
  ++stored.doc.version;
  stored.doc.body = std::move(put.body);
  if (stored.marks == put.marks) return;
  for (const auto& old : stored.marks) unmark(stored, old);
  stored.marks = std::move(put.marks);
  for (const auto& now : stored.marks) mark(stored, now);
}

void Tables::write(const RemoveDoc& remove) {
  const auto found = docs_.find(remove.key);
  if (found == docs_.end()) return;
  for (const auto& mark : found->second.marks) unmark(found->second, mark);
  unmark(found->second, "");
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
      docs.push_back(at->second->doc);
    return docs;
  }
  auto at = query.after_rank == 0 ? ranks.end() : ranks.lower_bound(query.after_rank);
  while (at != ranks.begin() && docs.size() < limit) docs.push_back((--at)->second->doc);
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
