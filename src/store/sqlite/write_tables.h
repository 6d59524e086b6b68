#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "store/check.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/extent.h"
#include "store/sqlite/rows.h"
#include "store/tail_index.h"

namespace reeve::store::sqlite {

/// The tables as the writer uses them, within its transactions: one prepared statement for each
/// thing that a commit may do.
///
/// A result is to be believed only when the connection is ok() afterwards. Writer thread only.
class WriteTables final : public Facts {
 public:
  explicit WriteTables(Connection& db);

  /// The log's head, not yet committed changes included.
  [[nodiscard]] Position head() const { return state_.head; }
  /// What is left of the log.
  [[nodiscard]] LogExtent extent() const { return state_.left; }

  bool begin();
  /// Writes what was gathered over the transaction, and commits.
  bool commit();
  /// Back to what was before begin().
  void rollback();

  /// Applies a commit or refuses it whole; gives its events their positions.
  Result<Committed> apply(Commit& commit, std::span<NewRow> events, Time now);
  Result<Lease> acquire(std::string name, std::string holder, Time now, Duration ttl);
  void release(const Lease& lease);
  /// Removes events with their part of the index, and moves the snapshot; gives its own events
  /// their positions.
  Result<Committed> truncate(const Truncation& truncation, std::span<NewRow> events);
  Result<Pruned> prune(const std::vector<Position>& positions);
  /// Notes how large the log is, so that it need not be measured at the next start.
  void write_size();
  /// Writes the index's postings as one segment, and the mark up to which the segments go.
  void write_segment(const TailIndex& index);
  /// Removes some of the keys that are too old to be remembered.
  void purge_keys(Time now);

  std::optional<std::uint64_t> doc_version(const DocKey& key) override;
  std::optional<std::uint64_t> run_epoch(const RunId& run) override;
  std::optional<std::string> held_by(std::string_view queue, std::string_view item) override;
  std::optional<Lease> lease(std::string_view name) override;

 private:
  struct State {
    Position head;
    LogExtent left;
    std::uint64_t last_rank = 0;
    std::uint64_t last_seq = 0;
    bool rank_removed = false;  // the highest rank may be gone from docs, so it is kept in meta
  };
  struct FoundDoc {
    std::uint64_t rank = 0;
    std::uint64_t version = 0;
    std::string marks;
  };

  std::optional<FoundDoc> find(const DocKey& key);
  void remove_events(Position from, Position upto);
  void put_snapshot(const SnapshotDoc& doc);
  std::optional<Result<Committed>> known(const IdempotencyKey& key, Time now);
  void insert(std::span<NewRow> events);
  void remember(const IdempotencyKey& key, const Committed& done, Time now);
  void mark(const std::string& kind, std::string_view mark, std::uint64_t rank);
  void unmark(const std::string& kind, std::string_view mark, std::uint64_t rank);
  void write(const PutDoc& put);
  void write(const RemoveDoc& remove);
  void write(const QueuePush& push);
  void write(const QueueTake& take);
  void write(const QueueAck& ack);
  void write(const QueueReturn& back);
  void write(const SetRunEpoch& set);

  Connection& db_;
  State state_;
  State before_;
  /// What the group changes in `counts`, by kind + '\0' + mark.
  std::unordered_map<std::string, std::int64_t> counts_;

  Statement begin_, commit_, rollback_;
  Statement insert_event_;
  Statement find_doc_, insert_doc_, update_doc_, remove_doc_, insert_mark_, remove_mark_, count_;
  Statement set_last_rank_;
  Statement find_item_, push_item_, hold_item_, remove_item_, return_item_;
  Statement find_run_, set_run_, remove_run_;
  Statement find_lease_, set_lease_, release_lease_;
  Statement find_key_, set_key_, purge_keys_;
  Statement insert_segment_, set_indexed_;
  Statement find_events_, remove_events_, remove_segments_, set_oldest_;
  Statement put_snapshot_, find_payload_, set_payload_, set_bytes_, set_sized_;
};

}  // namespace reeve::store::sqlite
