#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/sqlite/connection.h"
#include "store/store.h"

namespace reeve::store::sqlite {

/// What the domain knows of a filter's scopes beyond the written segments: ascending positions for
/// each scope, in the filter's order.
using TailPositions = std::vector<std::vector<std::uint64_t>>;

/// What one reading of the log is about. Events beyond `head` are not looked at.
struct LogQuery {
  LogId log;
  Position after;
  Position head;
  EventFilter filter;
  std::size_t limit = 0;
  TailPositions tail;
};

/// Every question to the tables, on a connection of its own, each in one short transaction. One
/// thread at a time.
class Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(Connection::Options options, Durability durability);

  Result<std::optional<Doc>> get(const DocKey& key);
  Result<std::vector<Doc>> list(const DocQuery& query);
  Result<std::uint64_t> count(const std::string& kind, const std::string& mark);
  /// Of what nobody holds and whose time has come, with `ready_at`; of all without.
  Result<std::vector<QueueItem>> items(const std::string& queue, std::optional<Time> ready_at,
                                       std::size_t limit, QueuePlace after);
  Result<std::optional<std::uint64_t>> run_epoch(const RunId& run);
  /// cursor_expired: retention removed what follows `after`.
  Result<EventPage> read(const LogQuery& query);
  Result<std::vector<EventPtr>> latest(const LogQuery& query);
  Result<SnapshotPage> snapshot(std::uint64_t after_rank, std::size_t limit);
  Result<SnapshotPage> snapshot_of(const std::vector<DocKey>& keys);

 private:
  class Forward;
  class Backward;
  explicit Reader(std::unique_ptr<Connection> db);
  Status finished();
  EventPage scan(const LogQuery& query);
  EventPage follow_scopes(const LogQuery& query);
  std::vector<EventPtr> scan_back(const LogQuery& query);
  std::vector<EventPtr> follow_scopes_back(const LogQuery& query, Position oldest);
  /// As this transaction sees it: retention may be at work.
  Position oldest();
  /// The row under the statement; nothing and a failure noted if it is damaged.
  EventPtr event(const Statement& row);
  EventPtr wanted_at(std::uint64_t position, const EventFilter& filter);

  std::unique_ptr<Connection> db_;
  bool damaged_ = false;
  Statement get_, list_up_, list_down_, count_, ready_, items_, run_;
  Statement scan_up_, scan_down_, at_, segment_up_, segment_down_;
  Statement oldest_, snapshot_, snapshot_of_;
};

}  // namespace reeve::store::sqlite
