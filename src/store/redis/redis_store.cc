#include "store/redis/redis_store.h"

#include <algorithm>
#include <deque>
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
#include "store/redis/group.h"
#include "store/redis/log_reader.h"
#include "store/redis/scope_index.h"
#include "store/redis/session.h"
#include "store/redis/state_reader.h"

namespace reeve::store {
namespace {

using namespace redis;

std::unexpected<Error> closed() { return fail(Errc::unavailable, "the store is closed"); }

std::string text(std::uint64_t number) { return std::to_string(number); }

/// While Redis works on one call of commits, the next is on its way; more of them only when they
/// are full, since what waits shares a call.
constexpr std::size_t kCallsInFlight = 2;
constexpr std::size_t kFullCallsInFlight = 16;
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
        changed_(executor),
        group_(executor) {}

  /// Returns when the town is there.
  Async<Status> begin() {
    session_.on_ahead([this](Position head) { catch_up(head); });
    if (auto begun = co_await session_.begin(); !begun) co_return begun;
    log_ = session_.found();
    if (auto loaded = co_await index_.load(session_.indexed(), log_.oldest, log_.head); !loaded)
      co_return loaded;
    if (options_.reader) {
      follower_.emplace(env_, executor_, options_, session_, log_.head);
      group_.spawn("following the town", follow());
    } else {
      group_.spawn("commits", send_all());
    }
    co_return Status();
  }

  // --- Writing -----------------------------------------------------------------------------------

  Async<Result<Committed>> commit(Commit commit) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    if (auto good = check(commit); !good) co_return fail(good.error());
    auto start = [this, &commit](std::move_only_function<void(Result<Committed>)> resume) {
      queue_.push_back(
          Queued{.commit = std::move(commit), .answer = std::move(resume), .call = {}});
      wake_sender();
    };
    co_return co_await aio::suspend<Result<Committed>>(std::move(start));
  }

  Async<Result<Lease>> acquire(std::string name, std::string holder, Duration ttl) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    if (name.empty() || holder.empty() || name.size() > limits::kStoreName ||
        holder.size() > limits::kStoreName)
      co_return fail(Errc::invalid_argument, "a lease and its holder need a name");
    const Busy busy(*this);
    auto reply = co_await in_turn(Script::acquire, {name, holder, std::to_string(ttl.count())});
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
    auto reply = co_await in_turn(Script::release, {lease.name, lease.holder, text(lease.epoch)});
    if (!reply) co_return fail(reply.error());
    co_return Status();
  }

  Async<Result<Committed>> truncate(Truncation truncation) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    if (auto good = check(truncation, log_.head); !good) co_return fail(good.error());
    const Busy busy(*this);
    while (retention_) co_await changed_.wait_uncancelled();
    const Flag alone(retention_, changed_);
    if (auto fits = check_place(truncation, log_.oldest, log_.head); !fits)
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
    co_await in_turn(Script::truncate, std::move(args), std::move(settle));
    co_return answer;
  }

  Async<Result<Pruned>> prune(std::vector<Position> positions) override {
    if (auto may = may_write(); !may) co_return fail(may.error());
    if (auto good = check(positions); !good) co_return fail(good.error());
    const Busy busy(*this);
    while (retention_) co_await changed_.wait_uncancelled();
    const Flag alone(retention_, changed_);
    std::vector<std::uint64_t> wanted;
    for (const auto position : positions) {
      if (position >= log_.oldest && position <= log_.head) wanted.push_back(position.value);
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
    auto reply = co_await in_turn(Script::prune, std::move(args));
    if (!reply) co_return fail(reply.error());
    if (reply->elements.size() != 2) co_return fail(not_understood());
    const Pruned pruned{.events = static_cast<std::uint64_t>(reply->elements[0].integer),
                        .bytes = static_cast<std::uint64_t>(reply->elements[1].integer)};
    log_.bytes -= std::min(log_.bytes, pruned.bytes - pruned.events * kPrunedPayload.size());
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
    co_return co_await read_log(session_, index_, query(std::move(filter), limit), after);
  }

  Async<Result<std::vector<EventPtr>>> latest(EventFilter filter, std::size_t limit) override {
    if (closing_) co_return closed();
    if (auto good = check(filter); !good) co_return fail(good.error());
    const Busy busy(*this);
    co_return co_await read_latest(session_, index_, query(std::move(filter), limit));
  }

  [[nodiscard]] LogInfo log() const override { return log_; }

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

  void set_feed(Feed feed) override { feed_ = std::move(feed); }

  Async<> close() override {
    closing_ = true;
    changed_.notify();
    while (busy_ > 0 || !queue_.empty() || in_flight_ > 0) co_await changed_.wait_uncancelled();
    group_.cancel();
    co_await group_.join();
    if (follower_) co_await follower_->close();
    co_await session_.end();
  }

 private:
  /// A commit, or a call that must not overtake those before it.
  struct Queued {
    Commit commit;
    std::move_only_function<void(Result<Committed>)> answer;
    std::move_only_function<void()> call;  // instead
  };
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
  using Settle = std::function<Async<>(Result<RedisReply>)>;

  [[nodiscard]] Status may_write() const {
    if (closing_) return closed();
    if (session_.lost()) return fail(*session_.lost());
    if (options_.reader) return fail(Errc::read_only, "the town is followed here, not held");
    return {};
  }
  [[nodiscard]] LogQuery query(EventFilter filter, std::size_t limit) const {
    return {.filter = std::move(filter), .limit = std::min(limit, limits::kPage), .log = log_};
  }
  /// Whether what is queued may go out. In a cluster that moves the town, a second call could
  /// overtake the first.
  [[nodiscard]] bool may_send() const {
    if (queue_.empty()) return false;
    if (options_.address.cluster) return in_flight_ == 0;
    if (in_flight_ < kCallsInFlight) return true;
    return queue_.size() >= options_.group_commits && in_flight_ < kFullCallsInFlight;
  }
  void wake_sender() {
    if (may_send()) changed_.notify();
  }
  /// Sends what is queued, in its order.
  Async<> send_all() {
    for (;;) {
      while (!may_send()) co_await changed_.wait();
      if (queue_.front().call) {
        auto call = std::move(queue_.front().call);
        queue_.pop_front();
        call();
        continue;
      }
      auto batch = std::make_shared<std::vector<Queued>>();
      std::size_t bytes = 0;
      while (!queue_.empty() && !queue_.front().call && batch->size() < options_.group_commits &&
             (batch->empty() || bytes < options_.group_bytes)) {
        bytes += size_of(queue_.front().commit);
        batch->push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
      start("a call of commits", send_commits(std::move(batch), ticket_++));
    }
  }
  void start(std::string name, Async<> work) {
    ++in_flight_;
    group_.spawn(std::move(name), std::move(work));
  }
  /// Answers are dealt with in the order of the calls, one after the other.
  Async<> my_turn(std::uint64_t ticket) {
    while (settled_ != ticket) co_await changed_.wait_uncancelled();
  }
  void turn_is_over() {
    ++settled_;
    --in_flight_;
    changed_.notify();
  }

  Async<> send_commits(std::shared_ptr<std::vector<Queued>> batch, std::uint64_t ticket) {
    const auto time = std::to_string(to_ms(env_.now()));
    auto make = [batch, time] {
      RedisWords args{time, std::to_string(Duration(limits::kIdempotencyTtl).count())};
      for (const auto& one : *batch) encode_commit(one.commit, args);
      return args;
    };
    Server::Replicas replicas{.wanted = options_.replicas, .wait = options_.replica_timeout};
    auto reply = co_await session_.write(Script::commit, std::move(make), &replicas);
    co_await my_turn(ticket);
    const auto answers = co_await settle_commits(*batch, std::move(reply), replicas);
    turn_is_over();
    for (std::size_t i = 0; i < batch->size(); ++i) (*batch)[i].answer(answers[i]);
    write_index();
  }

  Async<std::vector<Result<Committed>>> settle_commits(std::vector<Queued>& batch,
                                                       Result<RedisReply> reply,
                                                       Server::Replicas replicas) {
    std::vector<Result<Committed>> answers;
    if (!reply || reply->elements.size() != batch.size()) {
      const auto error = reply ? not_understood() : reply.error();
      answers.assign(batch.size(), Result<Committed>(fail(error)));
      co_return answers;
    }
    answers.reserve(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i)
      answers.push_back(co_await settle(reply->elements[i], batch[i].commit));
    if (replicas.reached < replicas.wanted) {
      const auto few = text(static_cast<std::uint64_t>(replicas.reached)) + " of " +
                       text(static_cast<std::uint64_t>(replicas.wanted)) + " replicas";
      for (auto& answer : answers) {
        if (!answer) continue;
        answer = fail(Errc::unknown_outcome,
                      "committed at position " + text(answer->last.value) + ", but only " + few +
                          " had it in time: a failover may lose it. Repeat with the same key to "
                          "wait again");
      }
    }
    co_return answers;
  }

  Async<Result<Committed>> settle(RedisReply& answer, Commit& commit) {
    if (answer.is(RedisReply::Kind::integer)) {
      const auto first = static_cast<std::uint64_t>(answer.integer);
      Committed done{.first = {first},
                     .last = {first + commit.events.size() - 1},
                     .repeated = false,
                     .answer = std::move(commit.answer)};
      if (next(log_.head) < done.first) co_await read_up_to({first - 1});
      tell(done, std::move(commit.events));
      co_return done;
    }
    auto& parts = answer.elements;
    if (parts.size() == 2 && parts[0].integer == 2)
      co_return fail(Errc::corrupt, "Redis refused a commit: " + parts[1].text);
    if (parts.size() == 3 && parts[0].integer == 0) {
      const Verdict verdict{.which = parts[1].integer, .instead = std::move(parts[2].text)};
      co_return fail(refusal(commit, verdict));
    }
    if (parts.size() != 4 || parts[0].integer != 1) co_return fail(not_understood());
    Committed done{.first = {static_cast<std::uint64_t>(parts[1].integer)},
                   .last = {static_cast<std::uint64_t>(parts[2].integer)},
                   .repeated = true,
                   .answer = std::move(parts[3].text)};
    // Its first time may have been ours, and its answer lost.
    co_await read_up_to(done.last);
    co_return done;
  }

  /// A call among the commits: it goes out behind those that were asked for before, and its answer
  /// is dealt with behind theirs.
  Async<Result<RedisReply>> in_turn(Script script, RedisWords args, Settle settle = {}) {
    std::uint64_t ticket = 0;
    auto wait = [this, &ticket](std::move_only_function<void(bool)> resume) {
      auto call = [this, &ticket, r = std::move(resume)]() mutable {
        ticket = ticket_++;
        ++in_flight_;
        r(true);
      };
      queue_.push_back(Queued{.commit = {}, .answer = {}, .call = std::move(call)});
      wake_sender();
    };
    co_await aio::suspend<bool>(std::move(wait));
    const auto kept = std::make_shared<const RedisWords>(std::move(args));
    auto reply = co_await session_.write(script, [kept] { return *kept; });
    co_await my_turn(ticket);
    if (settle) co_await settle(reply);
    turn_is_over();
    co_return reply;
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
    log_.oldest = next(truncation.upto);
    log_.bytes -= std::min(log_.bytes, freed);
    Committed done{.first = second, .last = third, .repeated = false, .answer = {}};
    if (next(log_.head) < done.first) co_await read_up_to({done.first.value - 1});
    tell(done, std::move(truncation.events));
    co_return done;
  }

  /// The feed and the index are told of what was committed.
  void tell(const Committed& done, std::vector<NewEvent> events) {
    std::vector<EventPtr> fresh;
    fresh.reserve(events.size());
    auto at = done.first;
    for (auto& event : events) {
      if (at > log_.head) fresh.push_back(std::make_shared<const Event>(at, std::move(event)));
      at = next(at);
    }
    tell(fresh, done.last);
  }
  void tell(const std::vector<EventPtr>& fresh, Position head) {
    for (const auto& event : fresh) {
      log_.bytes += stored_bytes(*event);
      index_.add(*event);
    }
    log_.head = std::max(log_.head, head);
    if (fresh.empty()) return;
    session_.acknowledged(fresh.back()->position, fresh.back()->id);
    if (feed_) feed_(fresh);
  }
  /// Tells of what is in the log and was not told yet: it was not ours, or its answer was lost.
  Async<> read_up_to(Position upto) {
    while (log_.head < upto) {
      auto part = co_await events_between(session_, next(log_.head), upto, kRows);
      if (!part) {
        // It is read with the next commit.
        logging::error("the events up to {} cannot be read: {}", upto.value,
                       part.error().message());
        co_return;
      }
      tell(part->events, part->scanned);
    }
  }

  /// A new connection shows more than we have told of: commits whose answers were lost.
  void catch_up(Position head) {
    if (closing_ || options_.reader || head <= log_.head || catching_up_) return;
    catching_up_ = true;
    start("commits whose answers were lost", catch_up_to(head, ticket_++));
  }
  Async<> catch_up_to(Position head, std::uint64_t ticket) {
    co_await my_turn(ticket);
    co_await read_up_to(head);
    catching_up_ = false;
    turn_is_over();
  }

  void write_index() {
    if (closing_ || writing_index_ || !index_.full()) return;
    writing_index_ = true;
    group_.spawn("the index of scopes", write_segment());
  }
  Async<> write_segment() {
    const auto written = co_await index_.write_segment(log_.oldest);
    writing_index_ = false;
    if (!written) logging::warn("the index of scopes: {}", written.error().message());
  }

  Async<> follow() {
    for (;;) {
      auto part = co_await follower_->next();
      log_.oldest = std::max(log_.oldest, part.oldest);
      tell(part.events, part.head);
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
  std::optional<Follower> follower_;  // of a reader
  LogInfo log_;                       // as acknowledged
  Feed feed_;
  std::deque<Queued> queue_;
  std::uint64_t ticket_ = 0;   // of the next call
  std::uint64_t settled_ = 0;  // calls that are dealt with
  std::size_t in_flight_ = 0;  // calls that have a ticket and are not
  std::size_t busy_ = 0;       // calls of others
  bool retention_ = false;     // truncate() or prune() is under way
  bool catching_up_ = false;
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
