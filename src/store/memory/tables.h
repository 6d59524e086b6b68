#pragma once

#include <boost/container_hash/hash.hpp>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/check.h"
#include "store/portable.h"
#include "store/store.h"

namespace reeve::store {

/// Everything a town's store holds, as plain containers: the simplest thing that keeps the
/// promises.
class Tables final : public Facts {
 public:
  /// Applies a commit or refuses it whole. Its events are in events() then.
  Result<Committed> apply(Commit commit, Time now);
  Result<Committed> truncate(Truncation truncation);
  Result<Pruned> prune(const std::vector<Position>& positions);
  Result<Lease> acquire(std::string name, std::string holder, Time now, Duration ttl);
  void release(const Lease& lease);

  [[nodiscard]] std::optional<Doc> get(const DocKey& key) const;
  [[nodiscard]] std::vector<Doc> list(const DocQuery& query) const;
  [[nodiscard]] std::uint64_t count(const std::string& kind, const std::string& mark) const;
  [[nodiscard]] std::vector<QueueItem> items(const std::string& queue, std::size_t limit,
                                             std::optional<Time> ready_at,
                                             QueuePlace after = {}) const;
  [[nodiscard]] std::vector<SnapshotDoc> snapshot(std::uint64_t after_rank,
                                                  std::size_t limit) const;
  [[nodiscard]] std::vector<SnapshotDoc> snapshot_of(const std::vector<DocKey>& keys) const;
  /// Those that are left, by position: the first is at oldest().
  [[nodiscard]] const std::deque<EventPtr>& events() const { return events_; }
  [[nodiscard]] const EventPtr& at(Position position) const {
    return events_[position.value - oldest_.value];
  }
  [[nodiscard]] Position head() const { return {oldest_.value - 1 + events_.size()}; }
  [[nodiscard]] Position oldest() const { return oldest_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  /// All of it (store/portable.h), and one row of it.
  [[nodiscard]] portable::Summary summary(const LogId& log) const;
  [[nodiscard]] std::vector<portable::Row> rows() const;
  void begin(const portable::Summary& summary);
  void take(portable::Row row);

  std::optional<std::uint64_t> doc_version(const DocKey& key) override;
  std::optional<std::uint64_t> run_epoch(const RunId& run) override;
  std::optional<std::string> held_by(std::string_view queue, std::string_view item) override;
  std::optional<Lease> lease(std::string_view name) override;

 private:
  struct Stored {
    Doc doc;
    std::vector<std::string> marks;
  };
  struct Remembered {
    std::string digest;
    Committed answer;
    Time time{};
  };
  using Queue = std::map<std::string, QueueItem, std::less<>>;
  struct KeyHash {
    std::size_t operator()(const DocKey& key) const { return of(key.kind, key.id); }
    std::size_t operator()(const std::pair<std::string, std::string>& key) const {
      return of(key.first, key.second);
    }
    static std::size_t of(std::string_view a, std::string_view b) {
      std::size_t seed = std::hash<std::string_view>()(a);
      boost::hash_combine(seed, std::hash<std::string_view>()(b));
      return seed;
    }
  };
  /// The documents of one kind and mark, by rank.
  using Ranked = std::map<std::uint64_t, const Stored*>;

  void append(std::vector<NewEvent> events);
  void take_row(portable::DocRow&& row);
  void take_row(portable::QueueRow&& row);
  void take_row(portable::RunRow&& row);
  void take_row(portable::LeaseRow&& row);
  void take_row(portable::KeyRow&& row);
  void take_row(portable::SnapshotRow&& row);
  void take_row(portable::EventRow&& row);
  void write(PutDoc&& put);
  void write(const RemoveDoc& remove);
  void write(const QueuePush& push);
  void write(const QueueTake& take);
  void write(const QueueAck& ack);
  void write(const QueueReturn& back);
  void write(const SetRunEpoch& set);
  void mark(const Stored& stored, const std::string& mark);
  void unmark(const Stored& stored, const std::string& mark);
  void forget_keys(Time now);

  std::unordered_map<DocKey, Stored, KeyHash> docs_;
  /// By (kind, mark), with the empty mark for every document; it refers to docs_.
  std::unordered_map<std::pair<std::string, std::string>, Ranked, KeyHash> marked_;
  std::map<std::string, Queue, std::less<>> queues_;
  std::map<RunId, std::uint64_t> runs_;
  std::map<std::string, Lease, std::less<>> leases_;
  std::map<std::pair<std::string, std::string>, Remembered> keys_;
  std::set<std::tuple<Time, std::string, std::string>> keys_by_time_;
  std::deque<EventPtr> events_;
  Position oldest_{1};
  std::uint64_t bytes_ = 0;  // of events_
  std::map<DocKey, SnapshotDoc> snapshot_;
  std::map<std::uint64_t, DocKey> snapshot_ranks_;
  std::uint64_t last_rank_ = 0;
  std::uint64_t last_order_ = 0;
};

}  // namespace reeve::store
