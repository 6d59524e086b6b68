#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/overloaded.h"
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

/// Takes keys behind the prefix away. KEYS[1]: the prefix; ARGV: cursor. Answers the next cursor.
constexpr const char* kErase = R"lua(#!lua
local P = KEYS[1]
local found = redis.call('SCAN', ARGV[1], 'MATCH', string.gsub(P, '[%[%]%*%?\\]', '\\%0') .. '*', 'COUNT', 1000)
for _, key in ipairs(found[2]) do
  if key ~= P .. 'now' then redis.call('UNLINK', key) end
end
return found[1]
)lua";

/// Claims the prefix for a copy. KEYS[1]: the prefix; ARGV: who, for how long (ms). Answers "", or
/// who else copies there now, or that there is a town.
constexpr const char* kClaim = R"lua(#!lua
local P, who, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local meta = redis.call('HMGET', P .. 'meta', 'format', 'copying', 'until', 'who')
if meta[1] and not meta[2] then return 'TOWN' end
if meta[2] and meta[4] ~= who and tonumber(meta[3] or '0') > now then return 'BUSY ' .. (meta[4] or '?') end
redis.call('HSET', P .. 'meta', 'format', '1', 'copying', '1', 'who', who, 'until',
           string.format('%.0f', now + ttl))
return ''
)lua";

void add_number(std::string& out, std::uint64_t number, int bytes = 8) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift & 0xff);
}

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
      auto reply = co_await keys_->run(kErase, {cursor});
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
    // The newest positions stay in no segment: whoever opens the town reads them.
    auto state = summary_.log.str() + " 0";
    for (const auto number : {summary_.head.value, summary_.oldest.value, bytes_,
                              std::max(summary_.last_rank, last_rank_),
                              std::max(summary_.last_order, last_order_), last_snapshot_})
      add_number(state, number);
    std::vector<RedisWords> commands;
    commands.push_back({"HSET", keys_->key("meta"), "generation", env_.uuid4().str(), "indexed",
                        text(tail_.after().value), "epoch", "0", "holder", "", "ttl", "0"});
    commands.push_back({"SET", keys_->key("state"), std::move(state)});
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
    auto reply = co_await keys_->run(kClaim, {holder_, std::to_string(kCopying.count())});
    if (!reply) co_return fail(reply.error());
    if (reply->text.empty()) co_return Status();
    if (reply->text == "TOWN")
      co_return fail(Errc::conflict, "there is a town at " + keys_->prefix() + " already");
    co_return fail(Errc::conflict, "a town is being copied to " + keys_->prefix() +
                                       " by somebody else: " + reply->text.substr(5));
  }

  void add(std::vector<RedisWords>& out, const DocRow& row) {
    const auto& [kind, id] = row.doc.key;
    const auto marks = join_marks(row.marks);
    const auto rank = text(row.doc.rank);
    auto packed = row.doc.body + marks;
    add_number(packed, row.doc.version);
    add_number(packed, row.doc.rank);
    add_number(packed, marks.size(), 4);
    out.push_back({"HSET", keys_->key("doc:" + kind), id, std::move(packed)});
    out.push_back({"ZADD", keys_->key(list_name(kind, "")), rank, id});
    for (const auto& mark : row.marks)
      out.push_back({"ZADD", keys_->key(list_name(kind, mark)), rank, id});
    last_rank_ = std::max(last_rank_, row.doc.rank);
  }
  void add(std::vector<RedisWords>& out, const QueueRow& row) {
    const auto& item = row.item;
    out.push_back(
        {"ZADD", keys_->key("q:" + row.queue), "0", encode_place(item.place()) + item.item});
    out.push_back({"HSET", keys_->key("qi:" + row.queue), item.item,
                   std::to_string(item.priority) + " " + text(item.order) + " " +
                       std::to_string(item.attempt) + " " + std::to_string(to_ms(item.not_before)) +
                       " " + item.lease});
    last_order_ = std::max(last_order_, item.order);
  }
  void add(std::vector<RedisWords>& out, const RunRow& row) {
    out.push_back({"HSET", keys_->key("epochs"), row.run.str(), text(row.epoch)});
  }
  void add(std::vector<RedisWords>& out, const LeaseRow& row) {
    out.push_back({"HSET", keys_->key("leases"), row.name, text(row.epoch) + " 0 "});
  }
  void add(std::vector<RedisWords>& out, const KeyRow& row) {
    const auto name = text(row.key.writer.size()) + ":" + row.key.writer + row.key.key;
    out.push_back({"HSET", keys_->key("keys"), name,
                   std::to_string(to_ms(row.time)) + " " + text(row.first.value) + " " +
                       text(row.last.value) + " " + text(row.key.digest.size()) + ":" +
                       row.key.digest + row.answer});
    out.push_back({"ZADD", keys_->key("keys:t"), std::to_string(to_ms(row.time)), name});
  }
  void add(std::vector<RedisWords>& out, const SnapshotRow& row) {
    const auto name = snapshot_name(row.doc.key);
    out.push_back({"HSET", keys_->key("snap"), name, text(row.doc.rank) + "\n" + row.doc.body});
    out.push_back({"ZADD", keys_->key("snap:r"), text(row.doc.rank), name});
    last_snapshot_ = std::max(last_snapshot_, row.doc.rank);
  }
  void add(std::vector<RedisWords>& out, const EventRow& row) {
    const auto& event = *row.event;
    const auto at = text(event.position.value);
    bytes_ += stored_bytes(event);
    tail_.add(event.position, event.scopes);
    tail_.reach(event.position);
    if (event.payload == kPrunedPayload) {
      out.push_back({"ZADD", keys_->key("pruned"), at, at + "\n" + encode_header(event)});
    } else {
      out.push_back({"XADD", keys_->key("log"), at + "-0", "e", encode_event(event)});
    }
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
  std::uint64_t bytes_ = 0;
  std::uint64_t last_rank_ = 0;
  std::uint64_t last_order_ = 0;
  std::uint64_t last_snapshot_ = 0;
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