#include "store/sqlite/sqlite_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "aio/signal.h"
#include "base/limits.h"
#include "store/check.h"
#include "store/sqlite/lock_file.h"
#include "store/sqlite/open.h"
#include "store/sqlite/readers.h"
#include "store/sqlite/writer.h"

namespace reeve::store {
namespace {

using namespace sqlite;

std::unexpected<Error> closed() { return fail(Errc::unavailable, "the store is closed"); }
std::unexpected<Error> only_read() {
  return fail(Errc::read_only, "the store was opened for reading only");
}

class SqliteStore final : public Store {
 public:
  SqliteStore(Env& env, const boost::asio::any_io_executor& executor, const SqliteOptions& options,
              Opened opened)
      : env_(env),
        lock_(std::move(opened.lock)),
        shared_(std::make_shared<Shared>(executor, std::move(opened.tail))) {
    shared_->log = opened.log;
    shared_->head = opened.log.head;
    const Connection::Options file{
        .path = options.path, .read_only = options.read_only, .vfs = options.vfs};
    if (!options.read_only) {
      Writer::Options how{.file = file,
                          .durability = options.durability,
                          .group_cap = options.group_cap,
                          .checkpoint_pages = options.checkpoint_pages};
      auto deliver = [&env, shared = shared_](Outcome outcome) {
        env.defer([shared, &env, o = std::move(outcome)]() mutable {
          dispense(*shared, env, std::move(o));
        });
      };
      writer_ = std::make_unique<Writer>(std::move(how), std::move(opened.db),
                                         lock_ ? &*lock_ : nullptr, std::move(deliver));
      shared_->writer = writer_.get();
    }
    readers_ = std::make_unique<Readers>(file, options.durability, options.readers);
  }

  ~SqliteStore() override {
    shared_->writer = nullptr;
    readers_.reset();
    writer_.reset();
  }

  Async<Result<Committed>> commit(Commit commit) override {
    if (auto open = writable(); !open) co_return fail(open.error());
    if (auto good = check(commit); !good) co_return fail(good.error());
    if (commit.key) purge_keys_sometimes();
    auto start = [this, &commit](CommitJob::Resume resume) {
      push(std::make_unique<CommitJob>(std::move(commit), env_.now(), std::move(resume)));
    };
    co_return co_await aio::suspend<Result<Committed>>(std::move(start));
  }

  Async<Result<Lease>> acquire(std::string name, std::string holder, Duration ttl) override {
    if (auto open = writable(); !open) co_return fail(open.error());
    if (name.empty() || holder.empty() || name.size() > limits::kStoreName ||
        holder.size() > limits::kStoreName)
      co_return fail(Errc::invalid_argument, "a lease and its holder need a name");
    auto work = [n = std::move(name), h = std::move(holder), now = env_.now(),
                 ttl](WriteTables& tables) { return tables.acquire(n, h, now, ttl); };
    co_return co_await call<Result<Lease>>(std::move(work));
  }

  Async<Status> release(Lease lease) override {
    if (auto open = writable(); !open) co_return fail(open.error());
    auto work = [held = std::move(lease)](WriteTables& tables) {
      tables.release(held);
      return Status();
    };
    co_return co_await call<Status>(std::move(work));
  }

  Async<Result<std::optional<Doc>>> get(DocKey key) override {
    auto work = [k = std::move(key)](Reader& reader) { return reader.get(k); };
    co_return co_await ask<std::optional<Doc>>(std::move(work));
  }

  Async<Result<std::vector<Doc>>> list(DocQuery query) override {
    auto work = [q = std::move(query)](Reader& reader) { return reader.list(q); };
    co_return co_await ask<std::vector<Doc>>(std::move(work));
  }

  Async<Result<std::uint64_t>> count(std::string kind, std::string mark) override {
    auto work = [k = std::move(kind), m = std::move(mark)](Reader& reader) {
      return reader.count(k, m);
    };
    co_return co_await ask<std::uint64_t>(std::move(work));
  }

  Async<Result<std::vector<QueueItem>>> ready(std::string queue, Time now, std::size_t limit,
                                              QueuePlace after) override {
    auto work = [q = std::move(queue), now, limit, after](Reader& reader) {
      return reader.items(q, now, limit, after);
    };
    co_return co_await ask<std::vector<QueueItem>>(std::move(work));
  }

  Async<Result<std::vector<QueueItem>>> items(std::string queue, std::size_t limit,
                                              QueuePlace after) override {
    auto work = [q = std::move(queue), limit, after](Reader& reader) {
      return reader.items(q, std::nullopt, limit, after);
    };
    co_return co_await ask<std::vector<QueueItem>>(std::move(work));
  }

  Async<Result<std::optional<std::uint64_t>>> run_epoch(RunId run) override {
    auto work = [run](Reader& reader) { return reader.run_epoch(run); };
    co_return co_await ask<std::optional<std::uint64_t>>(std::move(work));
  }

  Async<Result<Committed>> truncate(Truncation truncation) override {
    if (auto open = writable(); !open) co_return fail(open.error());
    if (auto good = check(truncation, shared_->head); !good) co_return fail(good.error());
    auto start = [this, &truncation](TruncateJob::Resume resume) {
      push(std::make_unique<TruncateJob>(std::move(truncation), std::move(resume)));
    };
    co_return co_await aio::suspend<Result<Committed>>(std::move(start));
  }

  Async<Result<Pruned>> prune(std::vector<Position> positions) override {
    if (auto open = writable(); !open) co_return fail(open.error());
    auto wanted = each_once(std::move(positions));
    if (!wanted) co_return fail(wanted.error());
    auto work = [p = std::move(*wanted)](WriteTables& tables) { return tables.prune(p); };
    co_return co_await call<Result<Pruned>>(std::move(work));
  }

  Async<Result<SnapshotPage>> snapshot(std::uint64_t after_rank, std::size_t limit) override {
    auto work = [after_rank, limit](Reader& reader) { return reader.snapshot(after_rank, limit); };
    co_return co_await ask<SnapshotPage>(std::move(work));
  }

  Async<Result<SnapshotPage>> snapshot_of(std::vector<DocKey> keys) override {
    auto work = [k = std::move(keys)](Reader& reader) { return reader.snapshot_of(k); };
    co_return co_await ask<SnapshotPage>(std::move(work));
  }

  Async<Result<EventPage>> read(Position after, EventFilter filter, std::size_t limit) override {
    if (auto good = check(filter); !good) co_return fail(good.error());
    auto work = [q = query(after, std::move(filter), limit)](Reader& reader) {
      return reader.read(q);
    };
    co_return co_await ask<EventPage>(std::move(work));
  }

  Async<Result<std::vector<EventPtr>>> latest(EventFilter filter, std::size_t limit) override {
    if (auto good = check(filter); !good) co_return fail(good.error());
    auto work = [q = query({}, std::move(filter), limit)](Reader& reader) {
      return reader.latest(q);
    };
    co_return co_await ask<std::vector<EventPtr>>(std::move(work));
  }

  [[nodiscard]] LogInfo log() const override {
    auto info = shared_->log;
    info.head = shared_->head;
    return info;
  }

  void set_feed(Feed feed) override { shared_->feed = std::move(feed); }

  Async<> close() override {
    const bool first = !std::exchange(shared_->closing, true);
    while (shared_->reads > 0) co_await shared_->changed.wait_uncancelled();
    // The writer's connection is the last: closing it leaves no write-ahead log behind.
    readers_.reset();
    if (first && writer_) {
      writer_->close();
    } else if (!writer_) {
      shared_->writer_ended = true;
    }
    while (!shared_->writer_ended) co_await shared_->changed.wait_uncancelled();
    shared_->writer = nullptr;
    writer_.reset();
    lock_.reset();
  }

 private:
  /// What deferred answers need; it outlives the store while one is on its way. Domain thread only.
  struct Shared {
    Shared(const boost::asio::any_io_executor& executor, TailIndex index)
        : tail(std::move(index)), changed(executor) {}
    LogInfo log;
    Position head;  // acknowledged
    TailIndex tail;
    std::shared_ptr<const TailIndex> frozen;  // full, and being written as a segment
    Position retry_frozen;                    // its writing failed: again when the head is there
    Feed feed;
    Writer* writer = nullptr;
    std::size_t reads = 0;  // in flight
    bool closing = false;
    bool writer_ended = false;
    aio::Signal changed;
  };

  [[nodiscard]] Status writable() const {
    if (shared_->closing) return closed();
    if (!writer_) return only_read();
    return {};
  }

  /// Old keys are removed a few at a time, by those who bring new ones.
  void purge_keys_sometimes() {
    constexpr int kEvery = 500;
    if (keyed_++ % kEvery != 0) return;
    auto work = [now = env_.now()](WriteTables& tables) {
      tables.purge_keys(now);
      return Status();
    };
    push(std::make_unique<CallJob<Status>>(std::move(work), [](Status) {}));
  }

  void push(std::unique_ptr<Job> job) { writer_->push(std::move(job)); }

  template <class T, class Work>
  Async<T> call(Work work) {
    auto start = [this, w = std::move(work)](std::move_only_function<void(T)> resume) mutable {
      push(std::make_unique<CallJob<T>>(std::move(w), std::move(resume)));
    };
    co_return co_await aio::suspend<T>(std::move(start));
  }

  template <class T, class Work>
  Async<Result<T>> ask(Work work) {
    if (shared_->closing) co_return closed();
    auto start = [this,
                  w = std::move(work)](std::move_only_function<void(Result<T>)> resume) mutable {
      ++shared_->reads;
      auto job = [env = &env_, shared = shared_, w = std::move(w),
                  r = std::move(resume)](Result<Reader*> reader) mutable {
        Result<T> answer;
        if (reader) {
          answer = w(**reader);
        } else {
          answer = fail(reader.error());
        }
        env->defer([s = std::move(shared), a = std::move(answer), r = std::move(r)]() mutable {
          if (--s->reads == 0) s->changed.notify();
          r(std::move(a));
        });
      };
      readers_->push(std::move(job));
    };
    co_return co_await aio::suspend<Result<T>>(std::move(start));
  }

  [[nodiscard]] LogQuery query(Position after, EventFilter filter, std::size_t limit) const {
    LogQuery query{.log = shared_->log.id,
                   .after = after,
                   .head = shared_->head,
                   .filter = std::move(filter),
                   .limit = std::min(limit, limits::kPage),
                   .tail = {}};
    for (const auto& scope : query.filter.scopes) {
      std::vector<std::uint64_t> positions;
      if (shared_->frozen) positions = shared_->frozen->positions(scope.str(), after, query.head);
      const auto newest = shared_->tail.positions(scope.str(), after, query.head);
      positions.insert(positions.end(), newest.begin(), newest.end());
      query.tail.push_back(std::move(positions));
    }
    return query;
  }

  /// Domain thread: the index and the feed learn of the events, then everybody gets their answer.
  static void dispense(Shared& shared, Env& env, Outcome outcome) {
    const auto start = env.uptime();
    if (outcome.segment) segment_done(shared, outcome.segment_written);
    if (outcome.left) {
      shared.log.oldest = outcome.left->oldest;
      shared.log.bytes = outcome.left->bytes;
    }
    if (!outcome.events.empty()) {
      for (const auto& event : outcome.events) shared.tail.add(event->position, event->scopes);
      shared.head = outcome.events.back()->position;
      if (shared.feed) shared.feed(outcome.events);
      freeze_if_full(shared);
    }
    for (auto& job : outcome.jobs) job->answer();
    // An answer may have closed and destroyed the store.
    if (shared.writer != nullptr && !outcome.closed)
      shared.writer->delivered(env.uptime() - start, outcome.jobs.size());
    if (outcome.closed) {
      shared.writer_ended = true;
      shared.changed.notify();
    }
  }

  static void freeze_if_full(Shared& shared) {
    if (shared.writer == nullptr) return;
    if (shared.frozen) {
      if (shared.retry_frozen == Position() || shared.head < shared.retry_frozen) return;
      shared.retry_frozen = {};
    } else {
      if (!shared.tail.full()) return;
      shared.frozen =
          std::make_shared<const TailIndex>(std::exchange(shared.tail, TailIndex(shared.head)));
    }
    shared.writer->push_segment(shared.frozen);
  }

  static void segment_done(Shared& shared, bool written) {
    constexpr std::uint64_t kRetryAfterEvents = 1'000;
    if (written) {
      shared.frozen.reset();
    } else {
      shared.retry_frozen = {shared.head.value + kRetryAfterEvents};
    }
  }

  Env& env_;
  std::optional<LockFile> lock_;
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Readers> readers_;
  std::uint64_t keyed_ = 0;  // commits with a key
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(Env& env, boost::asio::any_io_executor executor,
                                           SqliteOptions options) {
  auto opened = open_file(env, options);
  if (!opened) return fail(opened.error());
  return std::make_unique<SqliteStore>(env, executor, options, std::move(*opened));
}

}  // namespace reeve::store
