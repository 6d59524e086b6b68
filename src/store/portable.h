#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/env.h"
#include "net/redis_url.h"
#include "store/store.h"

/// Everything that a store holds, as rows that any other store takes: how a town is moved from one
/// to another, with its log's id and positions, so that cursors stay valid.
///
/// Both sides are used by nobody else meanwhile. A source is read from its beginning to its end; a
/// target is empty, and holds a town only once finish() has answered: what was cut off before is
/// no town, and is begun anew. Calls may block.
namespace reeve::store::portable {

/// What there is once.
struct Summary {
  LogId log;
  Position head;
  Position oldest{1};
  std::uint64_t last_rank = 0;   ///< of documents: also of such as are gone
  std::uint64_t last_order = 0;  ///< of queue items: as far as it is known
  friend bool operator==(const Summary&, const Summary&) = default;
};

struct DocRow {
  Doc doc;
  std::vector<std::string> marks;
};
struct QueueRow {
  std::string queue;
  QueueItem item;
};
struct RunRow {
  RunId run;
  std::uint64_t epoch = 0;
};
/// Nobody holds a lease any more once its store has moved; the next holder's epoch is a later one.
struct LeaseRow {
  std::string name;
  std::uint64_t epoch = 0;
};
struct KeyRow {
  IdempotencyKey key;
  Position first;
  Position last;
  std::string answer;
  Time time{};
};
struct SnapshotRow {
  SnapshotDoc doc;
};
/// A pruned one has kPrunedPayload.
struct EventRow {
  EventPtr event;
};
using Row = std::variant<DocRow, QueueRow, RunRow, LeaseRow, KeyRow, SnapshotRow, EventRow>;
inline constexpr std::size_t kRowKinds = std::variant_size_v<Row>;

/// Bytes of a chunk, about: a chunk has at least one row.
inline constexpr std::size_t kChunkBytes = 4 << 20;
inline constexpr std::size_t kChunkRows = 1'000;

class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual const Summary& summary() const = 0;
  /// The next rows, each once: events in the order of their positions, the others in any. Empty:
  /// there are no more. Errors: the store's.
  virtual Async<Result<std::vector<Row>>> next() = 0;
  /// Before it goes.
  virtual Async<> close() { co_return; }
};

class Target {
 public:
  virtual ~Target() = default;
  /// Takes away what an earlier attempt has left.
  virtual Async<Status> begin(Summary summary) = 0;
  virtual Async<Status> put(std::vector<Row> rows) = 0;
  /// What has been put, as it can be read back: to be compared before finish(), which comes next.
  virtual Async<Result<std::unique_ptr<Source>>> written() = 0;
  /// The last step: from now on it is the town.
  virtual Async<Status> finish() = 0;
  /// Before it goes.
  virtual Async<> close() { co_return; }
};

/// What was read or written, so that two sides can be compared: for each kind of row how many, and
/// a sum that does not depend on their order.
class Tally {
 public:
  void add(const Row& row);
  [[nodiscard]] std::uint64_t rows(std::size_t kind) const { return kinds_[kind].rows; }
  [[nodiscard]] std::uint64_t rows() const;
  /// Of all rows and the summary, as hexadecimal digits.
  [[nodiscard]] std::string digest(const Summary& summary) const;
  friend bool operator==(const Tally&, const Tally&) = default;

 private:
  struct Kind {
    std::uint64_t rows = 0;
    std::array<std::uint64_t, 4> sum{};  // of their SHA-256, as one number without what runs over
    friend bool operator==(const Kind&, const Kind&) = default;
  };
  std::array<Kind, kRowKinds> kinds_{};
};
/// "documents", "queue items", ...: what people call a kind of row.
std::string_view name_of_kind(std::size_t kind);

using Progress = std::function<void(const Tally& so_far)>;

/// Copies all, up to and without finish(). Answers what was copied. corrupt: the source changed
/// meanwhile, or ends before its head.
Async<Result<Tally>> copy(Source& from, Target& to, Progress progress = {});
/// Reads all of it.
Async<Result<Tally>> count(Source& from, Progress progress = {});

// --- The backends -------------------------------------------------------------------------------

/// Of a file that nobody has open; it was closed cleanly. Errors: open_sqlite()'s.
Result<std::unique_ptr<Source>> from_sqlite(const std::string& path);
/// Writes `path`.moving and, in finish(), puts it in the place of `path`, which must not be there:
/// conflict. Errors: open_sqlite()'s.
Result<std::unique_ptr<Target>> to_sqlite(const std::string& path);

/// `memory` is one of make_memory().
std::unique_ptr<Source> from_memory(Store& memory);
/// finish() hands over the store.
std::unique_ptr<Target> to_memory(Env& env, boost::asio::any_io_executor executor,
                                  std::function<void(std::unique_ptr<Store>)> made);

/// Of the town of that name on a Redis (its current generation; store/redis/place.h). Errors: those
/// of the connection; not_found: there is none.
Async<Result<std::unique_ptr<Source>>> from_redis(Env& env, boost::asio::any_io_executor executor,
                                                  net::RedisAddress address, std::string town);
/// Writes a new generation, which finish() makes the town. conflict: somebody else does the same.
Async<Result<std::unique_ptr<Target>>> to_redis(Env& env, boost::asio::any_io_executor executor,
                                                net::RedisAddress address, std::string town,
                                                std::string holder);

}  // namespace reeve::store::portable
