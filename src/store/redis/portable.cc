#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "store/marks.h"
#include "store/portable.h"
#include "store/postings.h"
#include "store/redis/codec.h"
#include "store/redis/place.h"
#include "store/redis/town_keys.h"
#include "store/tail_index.h"

/// A town that comes to Redis. The layout: docs/formats/redis.md.
namespace reeve::store::portable {
namespace {

using namespace redis;

/// A copy that was not heard of for so long has been cut off.
constexpr Duration kCopying = std::chrono::seconds(60);

std::string text(std::uint64_t number) { return std::to_string(number); }

class RedisTarget final : public Target {
 public:
  RedisTarget(Env& env, boost::asio::any_io_executor executor, net::RedisAddress address,
              std::string town, std::string holder, RedisPlace place)
      : env_(env),
        executor_(std::move(executor)),
        address_(std::move(address)),
        town_(std::move(town)),
        holder_(std::move(holder)),
        place_(std::move(place)),
        keys_(std::make_shared<TownKeys>(env_, executor_, address_, place_.keys)) {}

  Async<Status> begin(Summary summary) override {
    summary_ = std::move(summary);
    tail_ = TailIndex(Position{summary_.oldest.value - 1});
    if (auto claimed = co_await claim(); !claimed) co_return claimed;
    for (std::string cursor = "0";;) {
      auto reply = co_await keys_->run(Script::erase, {cursor});
      if (!reply) co_return fail(reply.error());
      cursor = reply->text;
      if (cursor == "0") break;
    }
    co_return co_await claim();  // it went with the rest
  }

  Async<Status> put(std::vector<Row> rows) override {
    if (auto claimed = co_await claim(); !claimed) co_return claimed;
    std::vector<RedisWords> commands;
    for (auto& row : rows) {
      std::visit([&](auto& one) { add(commands, one); }, row);
      // What goes in one go is limited.
      if (commands.size() < limits::kRedisPipeline / 2) continue;
      if (auto done = co_await keys_->ask_all(std::exchange(commands, {})); !done) co_return done;
    }
    if (tail_.full()) add_segment(commands);
    if (commands.empty()) co_return Status();
    co_return co_await keys_->ask_all(std::move(commands));
  }

  Async<Result<std::unique_ptr<Source>>> written() override {
    std::vector<RedisWords> rest;
    close_entry(rest);
    if (auto done = co_await keys_->ask_all(std::move(rest)); !done) co_return fail(done.error());
    state_.log = summary_.log;
    state_.head = summary_.head;
    state_.oldest = summary_.oldest;
    state_.last_rank = std::max(summary_.last_rank, state_.last_rank);
    state_.last_order = std::max(summary_.last_order, state_.last_order);
    // The newest positions stay in no segment: whoever opens the town reads them.
    std::vector<RedisWords> commands;
    commands.push_back({"HSET", keys_->key("meta"), "generation", env_.uuid4().str(), "indexed",
                        text(tail_.after().value), "epoch", "0", "holder", "", "ttl", "0"});
    commands.push_back({"SET", keys_->key("state"), encode_state(state_)});
    if (auto done = co_await keys_->ask_all(std::move(commands)); !done)
      co_return fail(done.error());
    co_return co_await read_rows(keys_, false);
  }

  Async<Status> finish() override {
    if (place_.generation > 1) {
      // Made the town before it is said to be whole: cut off in between, it is told as half copied.
      auto set = co_await set_redis_generation(env_, executor_, address_, town_, place_.generation);
      if (!set) co_return set;
    }
    std::vector<RedisWords> commands;
    commands.push_back({"HSET", keys_->key("meta"), "who", "", "until", "0"});
    commands.push_back({"HDEL", keys_->key("meta"), "copying"});
    co_return co_await keys_->ask_all(std::move(commands));
  }

  Async<> close() override { return keys_->close(); }

 private:
  Async<Status> claim() {
    auto reply = co_await keys_->run(Script::claim, {holder_, std::to_string(kCopying.count())});
    if (!reply) co_return fail(reply.error());
    if (reply->text.empty()) co_return Status();
    if (reply->text == "TOWN")
      co_return fail(Errc::conflict, "there is a town at " + keys_->prefix() + " already");
    co_return fail(Errc::conflict, "a town is being copied to " + keys_->prefix() +
                                       " by somebody else: " + reply->text.substr(5));
  }

  void add(std::vector<RedisWords>& out, const DocRow& row) {
    const auto& [kind, id] = row.doc.key;
    const auto rank = text(row.doc.rank);
    out.push_back({"HSET", keys_->key("doc:" + kind), id,
                   encode_doc(row.doc.body, join_marks(row.marks), row.doc.version, row.doc.rank)});
    out.push_back({"ZADD", keys_->key(list_name(kind, "")), rank, id});
    for (const auto& mark : row.marks)
      out.push_back({"ZADD", keys_->key(list_name(kind, mark)), rank, id});
    state_.last_rank = std::max(state_.last_rank, row.doc.rank);
  }
  void add(std::vector<RedisWords>& out, const QueueRow& row) {
    const auto& item = row.item;
    out.push_back(
        {"ZADD", keys_->key("q:" + row.queue), "0", encode_place(item.place()) + item.item});
    out.push_back({"HSET", keys_->key("qi:" + row.queue), item.item, encode_item(item)});
    state_.last_order = std::max(state_.last_order, item.order);
  }
  void add(std::vector<RedisWords>& out, const RunRow& row) {
    out.push_back({"HSET", keys_->key("epochs"), row.run.str(), text(row.epoch)});
  }
  void add(std::vector<RedisWords>& out, const LeaseRow& row) {
    out.push_back({"HSET", keys_->key("leases"), row.name, text(row.epoch) + " 0 "});
  }
  void add(std::vector<RedisWords>& out, const KeyRow& row) {
    const auto name = key_name(row.key);
    out.push_back({"HSET", keys_->key("keys"), name, encode_key(row)});
    out.push_back({"ZADD", keys_->key("keys:t"), std::to_string(to_ms(row.time)), name});
  }
  void add(std::vector<RedisWords>& out, const SnapshotRow& row) {
    const auto name = snapshot_name(row.doc.key);
    out.push_back({"HSET", keys_->key("snap"), name, encode_snapshot(row.doc)});
    out.push_back({"ZADD", keys_->key("snap:r"), text(row.doc.rank), name});
    state_.last_snapshot = std::max(state_.last_snapshot, row.doc.rank);
  }
  void add(std::vector<RedisWords>& out, const EventRow& row) {
    const auto& event = *row.event;
    if (entry_.size() >= kEntryBytes) close_entry(out);
    state_.bytes += stored_bytes(event);
    tail_.add(event.position, event.scopes);
    tail_.reach(event.position);
    append_event(entry_, event);
    ++in_entry_;
    last_ = event.position;
    if (event.payload == kPrunedPayload) pruned_ = true;
  }
  /// Whatever something was pruned of is not in the stream.
  void close_entry(std::vector<RedisWords>& out) {
    if (in_entry_ == 0) return;
    auto id = entry_id(last_, in_entry_);
    if (pruned_) {
      out.push_back({"ZADD", keys_->key("pruned"), text(last_.value), id + "\n" + entry_});
      ++state_.pruned;
    } else {
      out.push_back({"XADD", keys_->key("log"), std::move(id), "e", entry_});
      ++state_.entries;
    }
    entry_.clear();
    in_entry_ = 0;
    pruned_ = false;
  }

  /// The scope index of what the tail holds.
  void add_segment(std::vector<RedisWords>& out) {
    const auto after = text(tail_.after().value);
    std::vector<std::uint8_t> encoded;
    for (const auto scope : tail_.sorted_scopes()) {
      encode_postings(tail_.positions(scope, tail_.after(), tail_.last()), encoded);
      out.push_back({"HSET", keys_->key("ix:" + after), std::string(scope),
                     std::string(encoded.begin(), encoded.end())});
    }
    out.push_back({"ZADD", keys_->key("ix"), text(tail_.last().value), after});
    tail_ = TailIndex(tail_.last());
  }

  Env& env_;
  boost::asio::any_io_executor executor_;
  net::RedisAddress address_;
  std::string town_;
  std::string holder_;
  RedisPlace place_;
  std::shared_ptr<TownKeys> keys_;
  Summary summary_;
  TailIndex tail_{Position()};
  State state_;
  std::string entry_;  // events that are not written yet, the last of them, and how many they are
  Position last_;
  std::size_t in_entry_ = 0;
  bool pruned_ = false;  // one of them is
};

}  // namespace

Async<Result<std::unique_ptr<Source>>> from_redis(Env& env, boost::asio::any_io_executor executor,
                                                  net::RedisAddress address, std::string town) {
  auto place = co_await look_at_redis(env, executor, address, town);
  if (!place) co_return fail(place.error());
  if (!place->exists)
    co_return fail(Errc::not_found, "there is no town " + town + " on " + address.display());
  auto keys = std::make_shared<TownKeys>(env, std::move(executor), std::move(address), place->keys);
  auto source = co_await read_rows(keys, true);
  if (!source) co_await keys->close();
  co_return source;
}

Async<Result<std::unique_ptr<Target>>> to_redis(Env& env, boost::asio::any_io_executor executor,
                                                net::RedisAddress address, std::string town,
                                                std::string holder) {
  auto place = co_await look_at_redis(env, executor, address, town);
  if (!place) co_return fail(place.error());
  if (place->exists) {
    auto generation = co_await free_redis_generation(env, executor, address, town);
    if (!generation) co_return fail(generation.error());
    place->generation = *generation;
    place->keys = redis_keys(town, *generation);
  }
  co_return std::make_unique<RedisTarget>(env, std::move(executor), std::move(address),
                                          std::move(town), std::move(holder), std::move(*place));
}

}  // namespace reeve::store::portable