#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

/// Not part of the library.
namespace reeve::store {

/// Hands everything to another store: a test overrides what it wants to go differently.
class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  Async<Result<Committed>> commit(Commit commit) override {
    return inner_->commit(std::move(commit));
  }
  Async<Result<std::optional<Doc>>> get(DocKey key) override { return inner_->get(std::move(key)); }
  Async<Result<std::vector<Doc>>> list(DocQuery query) override {
    return inner_->list(std::move(query));
  }
  Async<Result<std::uint64_t>> count(std::string kind, std::string mark) override {
    return inner_->count(std::move(kind), std::move(mark));
  }
  using Store::ready;
  Async<Result<std::vector<QueueItem>>> ready(std::string queue, Time now, std::size_t limit,
                                              QueuePlace after) override {
    return inner_->ready(std::move(queue), now, limit, after);
  }
  using Store::items;
  Async<Result<std::vector<QueueItem>>> items(std::string queue, std::size_t limit,
                                              QueuePlace after) override {
    return inner_->items(std::move(queue), limit, after);
  }
  Async<Result<std::optional<std::uint64_t>>> run_epoch(RunId run) override {
    return inner_->run_epoch(run);
  }
  Async<Result<EventPage>> read(Position after, EventFilter filter, std::size_t limit) override {
    return inner_->read(after, std::move(filter), limit);
  }
  Async<Result<std::vector<EventPtr>>> latest(EventFilter filter, std::size_t limit) override {
    return inner_->latest(std::move(filter), limit);
  }
  [[nodiscard]] LogInfo log() const override { return inner_->log(); }
  Async<Result<Committed>> truncate(Truncation truncation) override {
    return inner_->truncate(std::move(truncation));
  }
  Async<Result<Pruned>> prune(std::vector<Position> positions) override {
    return inner_->prune(std::move(positions));
  }
  Async<Result<SnapshotPage>> snapshot(std::uint64_t after_rank, std::size_t limit) override {
    return inner_->snapshot(after_rank, limit);
  }
  Async<Result<SnapshotPage>> snapshot_of(std::vector<DocKey> keys) override {
    return inner_->snapshot_of(std::move(keys));
  }
  Async<Result<Lease>> acquire(std::string name, std::string holder, Duration ttl) override {
    return inner_->acquire(std::move(name), std::move(holder), ttl);
  }
  Async<Status> release(Lease lease) override { return inner_->release(std::move(lease)); }
  void set_feed(Feed feed) override { inner_->set_feed(std::move(feed)); }
  Async<> close() override { return inner_->close(); }

 protected:
  std::unique_ptr<Store> inner_;
};

}  // namespace reeve::store
