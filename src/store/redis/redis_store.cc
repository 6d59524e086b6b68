#include "store/redis/redis_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "base/limits.h"
#include "base/logging.h"
#include "store/check.h"
#include "store/redis/codec.h"
#include "store/redis/events.h"
#include "store/redis/follower.h"
#include "store/redis/log_reader.h"
#include "store/redis/publisher.h"
#include "store/redis/scope_index.h"
#include "store/redis/sender.h"
#include "store/redis/session.h"
#include "store/redis/state_reader.h"

namespace reeve::store {
namespace {

using namespace redis;

std::unexpected<Error> closed() { return fail(Errc::unavailable, "the store is closed"); }

std::string text(std::uint64_t number) { return std::to_string(number); }

/// Rows that one call reads.
constexpr std::size_t kRows = 1'000;

class RedisStore final : public Store {
 public:
  RedisStore(Env& env, const boost::asio::any_io_executor& executor, RedisOptions options)
      : env_(env),
        executor_(executor),
        options_(std::move(options)),
        session_(env, executor, options_),
        index_(session_),
        publisher_(session_, index_),
        sender_(env, executor, options_, session_, publisher_),
        changed_(executor),
        group_(executor) {}

  /// Returns when the town is there.
  Async<Status> begin() {
    session_.on_found([this](const LogInfo& log) {
      publisher_.found(log);
      catch_up(log.head);
    });
    if (auto begun = co_await session_.begin(); !begun) co_return begun;
    const auto& found = session_.found();
    publisher_.begin(found);
    if (auto loaded = co_await index_.load(session_.indexed(), found.oldest, found.head); !loaded)
      co_return loaded;
    if (options_.reader) {
      follower_.emplace(env_, executor_, options_, session_, found.head);
      group_.spawn("following the town", follow());
    } else {
      sender_.on_committed([this] { write_index(); });
      sender_.begin();
    }
    co_return Status();
  }

  // --- Writing -----------------------------------------------------------------------------------

  Async<Result<Committed>> commit(Commit commit) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    if (auto good = check(commit); !good) co_return fail(good.error());
    co_return co_await sender_.commit(std::move(commit));
  }

  Async<Result<Lease>> acquire(std::string name, std::string holder, Duration ttl) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    if (name.empty() || holder.empty() || name.size() > limits::kStoreName ||
        holder.size() > limits::kStoreName)
      co_return fail(Errc::invalid_argument, "a lease and its holder need a name");
    const Busy busy(*this);
    auto reply =
        co_await sender_.in_turn(Script::acquire, {name, holder, std::to_string(ttl.count())});
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    if (parts.size() != 4) co_return fail(not_understood());
    const Lease held{.name = name,
                     .holder = parts[3].text,
                     .epoch = static_cast<std::uint64_t>(parts[1].integer),
                     .until = from_ms(parts[2].integer)};
    if (parts[0].integer == 1) co_return held;
    // By Redis' clock the other one's lease has not run out.
    co_return acquired(held, std::move(name), std::move(holder), held.until - Duration(1), ttl);
  }

  Async<Status> release(Lease lease) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    const Busy busy(*this);
    auto reply =
        co_await sender_.in_turn(Script::release, {lease.name, lease.holder, text(lease.epoch)});
    if (!reply) co_return fail(reply.error());
    co_return Status();
  }

  Async<Result<Committed>> truncate(Truncation truncation) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    if (auto good = check(truncation, log().head); !good) co_return fail(good.error());
    const Busy busy(*this);
    while (retention_) co_await changed_.wait_uncancelled();
    const Flag alone(retention_, changed_);
    if (auto fits = check_place(truncation, log().oldest, log().head); !fits)
      co_return fail(fits.error());
    // What goes is weighed first: nothing but retention changes what stands there.
    std::uint64_t freed = 0;
    for (auto at = next(truncation.from); at <= truncation.upto;) {
      auto part = co_await events_between(session_, at, truncation.upto, kRows);
      if (!part) co_return fail(part.error());
      for (const auto& event : part->events) freed += stored_bytes(*event);
      at = next(part->scanned);
    }
    RedisWords args{text(truncation.from.value), text(truncation.upto.value), text(freed),
                    text(truncation.changed.size())};
    for (auto& doc : truncation.changed) {
      args.push_back(std::move(doc.key.kind));
      args.push_back(std::move(doc.key.id));
      args.push_back(std::move(doc.body));
    }
    args.push_back(text(truncation.events.size()));
    for (const auto& event : truncation.events) {
      args.push_back(encode_event(event));
      args.push_back(text(stored_bytes(event)));
    }
    Result<Committed> answer;
    auto settle = [this, &truncation, &answer, freed](Result<RedisReply> reply) -> Async<> {
      answer = co_await truncated(std::move(reply), truncation, freed);
    };
    co_await sender_.in_turn(Script::truncate, std::move(args), std::move(settle));
    co_return answer;
  }

  Async<Result<Pruned>> prune(std::vector<Position> positions) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    const auto once = each_once(std::move(positions));
    if (!once) co_return fail(once.error());
    const Busy busy(*this);
    while (retention_) co_await changed_.wait_uncancelled();
    const Flag alone(retention_, changed_);
    std::vector<std::uint64_t> wanted;
    for (const auto position : *once) {
      if (position >= log().oldest && position <= log().head) wanted.push_back(position.value);
    }
    RedisWords args{text(kPrunedPayload.size())};
    for (std::size_t done = 0; done < wanted.size();) {
      const auto begin = wanted.begin() + static_cast<std::ptrdiff_t>(done);
      const auto end = begin + static_cast<std::ptrdiff_t>(std::min(wanted.size() - done, kRows));
      auto part = co_await events_at(session_, {begin, end}, false);
      if (!part) co_return fail(part.error());
      for (const auto& event : part->events) {
        if (auto may = check_prunable(event->kind, event->position); !may)
          co_return fail(may.error());
        if (event->payload == kPrunedPayload) continue;
        args.push_back(text(event->position.value));
        args.push_back(encode_header(*event));
        args.push_back(text(event->payload.size()));
      }
      done += std::max<std::size_t>(part->looked_at, 1);
    }
    if (args.size() == 1) co_return Pruned();
    auto reply = co_await sender_.in_turn(Script::prune, std::move(args));
    if (!reply) co_return fail(reply.error());
    if (reply->elements.size() != 2) co_return fail(not_understood());
    const Pruned pruned{.events = static_cast<std::uint64_t>(reply->elements[0].integer),
                        .bytes = static_cast<std::uint64_t>(reply->elements[1].integer)};
    publisher_.pruned(pruned.bytes - pruned.events * kPrunedPayload.size());
    co_return pruned;
  }

  // --- Reading -----------------------------------------------------------------------------------

  Async<Result<std::optional<Doc>>> get(DocKey key) override {
    if (closing_) co_return closed();
    const Busy busy(*this);
    co_return co_await get_doc(session_, std::move(key));
  }
  Async<Result<std::vector<Doc>>> list(DocQuery query) override {
    if (closing_) co_return closed();
    const Busy busy(*this);
    co_return co_await list_docs(session_, std::move(query));
  }
  Async<Result<std::uint64_t>> count(std::string kind, std::string mark) override {
    if (closing_) co_return closed();
    const Busy busy(*this);
    co_return co_await count_docs(session_, std::move(kind), std::move(mark));
  }
  Async<Result<std::vector<QueueItem>>> ready(std::string queue, Time now, std::size_t limit,
                                              QueuePlace after) override {
    if (closing_) co_return closed();
    const Busy busy(*this);
    co_return co_await find_items(session_, std::move(queue), now, limit, after);
  }
  Async<Result<std::vector<QueueItem>>> items(std::string queue, std::size_t limit,
                                              QueuePlace after) override {
    if (closing_) co_return closed();
    const Busy busy(*this);
    co_return co_await find_items(session_, std::move(queue), std::nullopt, limit, after);
  }
  Async<Result<std::optional<std::uint64_t>>> run_epoch(RunId run) override {
    if (closing_) co_return closed();
    const Busy busy(*this);
    co_return co_await epoch_of_run(session_, run);
  }

  Async<Result<EventPage>> read(Position after, EventFilter filter, std::size_t limit) override {
    if (closing_) co_return closed();
    if (auto good = check(filter); !good) co_return fail(good.error());
    const Busy busy(*this);
    if (auto there = co_await session_.look_again(); !there) co_return fail(there.error());
    co_return co_await read_log(session_, index_, query(std::move(filter), limit), after);
  }

  Async<Result<std::vector<EventPtr>>> latest(EventFilter filter, std::size_t limit) override {
    if (closing_) co_return closed();
    if (auto good = check(filter); !good) co_return fail(good.error());
    const Busy busy(*this);
    if (auto there = co_await session_.look_again(); !there) co_return fail(there.error());
    co_return co_await read_latest(session_, index_, query(std::move(filter), limit));
  }

  [[nodiscard]] LogInfo log() const override { return publisher_.log(); }

  Async<Result<SnapshotPage>> snapshot(std::uint64_t after_rank, std::size_t limit) override {
    if (closing_) co_return closed();
    const Busy busy(*this);
    co_return co_await snapshot_page(session_, after_rank, limit);
  }
  Async<Result<SnapshotPage>> snapshot_of(std::vector<DocKey> keys) override {
    if (closing_) co_return closed();
    const Busy busy(*this);
    co_return co_await snapshot_docs(session_, std::move(keys));
  }

  void set_feed(Feed feed) override { publisher_.set_feed(std::move(feed)); }

  Async<> close() override {
    closing_ = true;
    changed_.notify();
    while (busy_ > 0) co_await changed_.wait_uncancelled();
    co_await sender_.end();
    group_.cancel();
    co_await group_.join();
    if (follower_) co_await follower_->close();
    co_await session_.end();
  }

 private:
  /// A call that close() waits for.
  class Busy {
   public:
    explicit Busy(RedisStore& of) : store_(of) { ++store_.busy_; }
    ~Busy() {
      --store_.busy_;
      store_.changed_.notify();
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    RedisStore& store_;
  };
  /// True while it lives.
  class Flag {
   public:
    Flag(bool& flag, aio::Signal& changed) : flag_(flag), changed_(changed) { flag_ = true; }
    ~Flag() {
      flag_ = false;
      changed_.notify();
    }
    Flag(const Flag&) = delete;
    Flag& operator=(const Flag&) = delete;

   private:
    bool& flag_;
    aio::Signal& changed_;
  };

  [[nodiscard]] Status may_write() const {
    if (closing_) return closed();
    if (session_.lost()) return fail(*session_.lost());
    if (options_.reader) return fail(Errc::read_only, "the town is followed here, not held");
    return {};
  }
  [[nodiscard]] LogQuery query(EventFilter filter, std::size_t limit) const {
    return {.filter = std::move(filter), .limit = std::min(limit, limits::kPage), .log = log()};
  }
  Async<Result<Committed>> truncated(Result<RedisReply> reply, Truncation& truncation,
                                     std::uint64_t freed) {
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    if (parts.size() != 3) co_return fail(not_understood());
    const Position second{static_cast<std::uint64_t>(parts[1].integer)};
    const Position third{static_cast<std::uint64_t>(parts[2].integer)};
    if (parts[0].integer != 1) {
      auto fits = check_place(truncation, second, third);
      co_return fail(fits ? Error(Errc::conflict, "the log has changed: look again")
                          : fits.error());
    }
    publisher_.removed(next(truncation.upto), freed);
    Committed done{.first = second, .last = third, .repeated = false, .answer = {}};
    co_await publisher_.tell(done, std::move(truncation.events));
    co_return done;
  }

  /// A new connection shows more than we have told of: commits whose answers were lost.
  void catch_up(Position head) {
    if (closing_ || options_.reader || head <= log().head) return;
    sender_.catch_up(head);
  }

  void write_index() {
    if (closing_ || writing_index_ || !index_.full()) return;
    writing_index_ = true;
    group_.spawn("the index of scopes", write_segment());
  }
  Async<> write_segment() {
    const auto written = co_await index_.write_segment(log().oldest);
    writing_index_ = false;
    if (!written) logging::warn("the index of scopes: {}", written.error().message());
  }

  Async<> follow() {
    for (;;) {
      auto part = co_await follower_->next();
      publisher_.removed(part.oldest, 0);
      publisher_.tell(part.events, part.head);
      if (index_.full()) {
        const auto forgotten = co_await index_.forget_what_is_written();
        if (!forgotten) logging::warn("the index of scopes: {}", forgotten.error().message());
      }
    }
  }

  Env& env_;
  boost::asio::any_io_executor executor_;
  RedisOptions options_;
  Session session_;
  ScopeIndex index_;
  Publisher publisher_;
  Sender sender_;
  std::optional<Follower> follower_;  // of a reader
  std::size_t busy_ = 0;              // calls of others
  bool retention_ = false;            // truncate() or prune() is under way
  bool writing_index_ = false;
  bool closing_ = false;
  aio::Signal changed_;
  aio::TaskGroup group_;
};

Status check_options(const RedisOptions& options) {
  const auto bad = [](char c) {
    return c == '{' || c == '}' || static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  };
  if (options.town.empty() || options.town.size() > limits::kStoreName ||
      std::ranges::any_of(options.town, bad)) {
    return fail(Errc::invalid_argument,
                "\"" + options.town +
                    "\" cannot be a town's name on Redis: it needs one without "
                    "braces, blanks and control characters");
  }
  if (options.lease < std::chrono::seconds(1))
    return fail(Errc::invalid_argument, "a hold on a town lasts a second at least");
  if (options.replicas < 0 || options.replica_timeout < Duration::zero())
    return fail(Errc::invalid_argument, "replicas and the time to wait for them are not negative");
  return {};
}

}  // namespace

std::string redis_prefix(std::string_view town) { return "reeve:{" + std::string(town) + "}:"; }

Async<Result<std::unique_ptr<Store>>> open_redis(Env& env, boost::asio::any_io_executor executor,
                                                 RedisOptions options) {
  if (auto good = check_options(options); !good) co_return fail(good.error());
  auto store = std::make_unique<RedisStore>(env, executor, std::move(options));
  if (auto begun = co_await store->begin(); !begun) {
    co_await store->close();
    co_return fail(begun.error());
  }
  co_return store;
}

}  // namespace reeve::store
