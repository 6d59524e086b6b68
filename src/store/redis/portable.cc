#include "store/portable.h"

#include <algorithm>
#include <deque>
#include <set>

#include "base/limits.h"
#include "base/overloaded.h"
#include "net/redis_router.h"
#include "store/postings.h"
#include "store/redis/codec.h"
#include "store/redis/place.h"
#include "store/redis/redis_store.h"
#include "store/redis/scripts.h"
#include "store/redis/server.h"
#include "store/tail_index.h"

/// A town on Redis as rows. Its layout: docs/formats/redis.md.
namespace reeve::store::portable {
namespace {

using namespace redis;

/// A copy that was not heard of for so long has been cut off.
constexpr Duration kCopying = std::chrono::seconds(60);
/// Rows of the log that one call looks at.
constexpr std::size_t kLogRows = 1'000;

std::string text(std::uint64_t number) { return std::to_string(number); }

/// Names of keys behind the prefix. KEYS[1]: the prefix; ARGV: cursor, pattern behind the prefix.
/// Answers the next cursor, then what the pattern's star stood for.
constexpr const char* kScan = R"lua(#!lua flags=no-writes
local P, pattern = KEYS[1], ARGV[2]
local found = redis.call('SCAN', ARGV[1], 'MATCH', string.gsub(P, '[%[%]%*%?\\]', '\\%0') .. pattern .. '*', 'COUNT', 1000)
local out = { found[1] }
for _, key in ipairs(found[2]) do out[#out + 1] = string.sub(key, #P + #pattern + 1) end
return out
)lua";

/// Request keys by time. KEYS[1]: the prefix; ARGV: from which one on, how many, bytes. Answers
/// name and what is known of each.
constexpr const char* kKeys = R"lua(#!lua flags=no-writes
local P, from, limit, bytes = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local out, size = {}, 0
for _, name in ipairs(redis.call('ZRANGE', P .. 'keys:t', from, from + limit - 1)) do
  if size > bytes then break end
  local known = redis.call('HGET', P .. 'keys', name) or ''
  out[#out + 1] = name
  out[#out + 1] = known
  size = size + #known
end
return out
)lua";

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

/// One Redis, asked for one town's keys.
class Keys {
 public:
  Keys(Env& env, boost::asio::any_io_executor executor, net::RedisAddress address,
       const std::string& keys)
      : prefix_(redis_prefix(keys)),
        router_(std::move(executor), env, std::move(address), prefix_) {}

  [[nodiscard]] std::string key(std::string_view name) const { return prefix_ + std::string(name); }
  [[nodiscard]] const std::string& prefix() const { return prefix_; }

  Async<Result<RedisReply>> ask(RedisWords words) {
    auto reply = co_await router_.ask(std::move(words));
    if (!reply) co_return fail(reply.error());
    auto judged = judge(std::move(*reply));
    if (!judged) co_return fail(judged.error());
    if (judged->is_error()) co_return fail(net::redis_error(*judged));
    co_return judged;
  }
  Async<Result<RedisReply>> run(std::string script, RedisWords args) {
    RedisWords words{"EVAL", std::move(script), "1", prefix_};
    for (auto& arg : args) words.push_back(std::move(arg));
    co_return co_await ask(std::move(words));
  }
  Async<Status> ask_all(std::vector<RedisWords> commands) {
    auto replies = co_await router_.ask_all(std::move(commands));
    if (!replies) co_return fail(replies.error());
    for (const auto& reply : *replies) {
      if (reply.is_error()) co_return fail(net::redis_error(reply));
    }
    co_return Status();
  }
  /// What stands behind "PREFIX" + `kind` in the names of keys, each once.
  Async<Result<std::vector<std::string>>> names(std::string kind) {
    std::set<std::string> found;
    for (std::string cursor = "0";;) {
      RedisWords args{cursor, kind};
      auto reply = co_await run(kScan, std::move(args));
      if (!reply) co_return fail(reply.error());
      if (reply->elements.empty()) co_return fail(not_understood());
      for (std::size_t i = 1; i < reply->elements.size(); ++i)
        found.insert(reply->elements[i].text);
      cursor = reply->elements[0].text;
      if (cursor == "0") break;
    }
    co_return std::vector<std::string>(found.begin(), found.end());
  }
  Async<> close() { return router_.close(); }

 private:
  std::string prefix_;
  net::RedisRouter router_;
};

void add_number(std::string& out, std::uint64_t number, int bytes = 8) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift & 0xff);
}
std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t count = 8) {
  std::uint64_t number = 0;
  for (const char c : bytes.substr(at, count)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

/// "LOG EPOCH", then head, oldest, bytes, rank, order, snap.
Result<Summary> summary_of(const RedisReply& reply) {
  const auto state = decode_state(reply.text);
  if (!state) return fail(state.error());
  const auto numbers = std::string_view(reply.text).substr(reply.text.size() - 48);
  return Summary{.log = state->log,
                 .head = state->head,
                 .oldest = state->oldest,
                 .last_rank = number_at(numbers, 24),
                 .last_order = number_at(numbers, 32)};
}

/// The marks in a document that decode_doc() has found good: the body, the marks, version, rank and
/// the marks' length.
std::vector<std::string> marks_in(std::string_view packed) {
  constexpr std::size_t kEnd = 20;
  const auto length = number_at(packed, packed.size() - 4, 4);
  std::vector<std::string> marks;
  for (auto rest = packed.substr(packed.size() - kEnd - length, length); !rest.empty();) {
    const auto end = rest.find('\n');
    marks.emplace_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return marks;
}

/// "N:WRITERKEY" and "TIME FIRST LAST N:DIGESTANSWER".
Result<KeyRow> decode_key(std::string_view name, std::string_view packed) {
  const auto take = [](std::string_view& text, char end) {
    const auto at = std::min(text.find(end), text.size());
    const auto part = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return part;
  };
  const auto writer = whole_number<std::size_t>(take(name, ':'));
  const auto ms = whole_number<std::int64_t>(take(packed, ' '));
  const auto first = whole_number<std::uint64_t>(take(packed, ' '));
  const auto last = whole_number<std::uint64_t>(take(packed, ' '));
  const auto digest = whole_number<std::size_t>(take(packed, ':'));
  if (!writer || *writer > name.size() || !ms || !first || !last || !digest ||
      *digest > packed.size())
    return fail(not_understood());
  return KeyRow{.key = {.writer = std::string(name.substr(0, *writer)),
                        .key = std::string(name.substr(*writer)),
                        .digest = std::string(packed.substr(0, *digest))},
                .first = {*first},
                .last = {*last},
                .answer = std::string(packed.substr(*digest)),
                .time = from_ms(*ms)};
}

class RedisSource final : public Source {
 public:
  RedisSource(std::shared_ptr<Keys> keys, bool own, Summary summary)
      : keys_(std::move(keys)), own_(own), summary_(std::move(summary)) {}

  /// `own`: nobody else uses the connection.
  static Async<Result<std::unique_ptr<Source>>> open(std::shared_ptr<Keys> keys, bool own) {
    RedisWords words{"GET", keys->key("state")};
    auto reply = co_await keys->ask(std::move(words));
    if (!reply) co_return fail(reply.error());
    auto summary = summary_of(*reply);
    if (!summary) co_return fail(summary.error());
    co_return std::make_unique<RedisSource>(std::move(keys), own, *summary);
  }

  [[nodiscard]] const Summary& summary() const override { return summary_; }

  Async<Result<std::vector<Row>>> next() override {
    std::vector<Row> rows;
    while (rows.empty() && stage_ < kRowKinds) {
      auto more = co_await step(rows);
      if (!more) co_return fail(more.error());
      if (*more) continue;
      ++stage_;
      begun_ = false;
    }
    co_return rows;
  }

  Async<> close() override {
    if (own_) co_await keys_->close();
  }

 private:
  /// Adds rows of the stage. False: it has no more.
  Async<Result<bool>> step(std::vector<Row>& rows) {
    switch (stage_) {
      case 0: return docs(rows);
      case 1: return queues(rows);
      case 2: return runs(rows);
      case 3: return leases(rows);
      case 4: return request_keys(rows);
      case 5: return snapshot(rows);
      default: return events(rows);
    }
  }

  /// The names that the stage goes through, one after the other.
  Async<Status> begin(std::string kind) {
    if (begun_) co_return Status();
    auto names = co_await keys_->names(std::move(kind));
    if (!names) co_return fail(names.error());
    names_.assign(names->begin(), names->end());
    after_ = "0";
    place_.clear();
    begun_ = true;
    co_return Status();
  }

  Async<Result<bool>> docs(std::vector<Row>& rows) {
    if (auto begun = co_await begin("doc:"); !begun) co_return fail(begun.error());
    if (names_.empty()) co_return false;
    const auto& kind = names_.front();
    RedisWords args{kind, "", after_, "0", text(kChunkRows), text(kChunkBytes)};
    auto reply = co_await keys_->run(text_of(Script::list), std::move(args));
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
      auto doc = decode_doc({kind, parts[i].text}, parts[i + 1].text);
      if (!doc) co_return fail(doc.error());
      after_ = text(doc->rank);
      rows.emplace_back(DocRow{std::move(*doc), marks_in(parts[i + 1].text)});
    }
    if (parts.empty()) {
      names_.pop_front();
      after_ = "0";
    }
    co_return true;
  }

  Async<Result<bool>> queues(std::vector<Row>& rows) {
    if (auto begun = co_await begin("q:"); !begun) co_return fail(begun.error());
    if (names_.empty()) co_return false;
    const auto& queue = names_.front();
    RedisWords args{queue, place_, text(kChunkRows), "", text(kChunkRows)};
    auto reply = co_await keys_->run(text_of(Script::items), std::move(args));
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    if (parts.empty()) co_return fail(not_understood());
    for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
      auto item = decode_item(parts[i].text, parts[i + 1].text);
      if (!item) co_return fail(item.error());
      rows.emplace_back(QueueRow{queue, std::move(*item)});
    }
    place_ = parts[0].text;
    if (place_.empty()) names_.pop_front();
    co_return true;
  }

  /// Open runs: few, and of each a number.
  Async<Result<bool>> runs(std::vector<Row>& rows) {
    if (begun_) co_return false;
    begun_ = true;
    std::set<std::string> seen;  // a scan may tell one twice
    for (std::string cursor = "0";;) {
      RedisWords words{"HSCAN", keys_->key("epochs"), cursor, "COUNT", text(kChunkRows)};
      auto reply = co_await keys_->ask(std::move(words));
      if (!reply) co_return fail(reply.error());
      if (reply->elements.size() != 2) co_return fail(not_understood());
      const auto& parts = reply->elements[1].elements;
      for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
        const auto run = RunId::parse(parts[i].text);
        const auto epoch = whole_number<std::uint64_t>(parts[i + 1].text);
        if (!run || !epoch) co_return fail(not_understood());
        if (seen.insert(parts[i].text).second) rows.emplace_back(RunRow{*run, *epoch});
      }
      cursor = reply->elements[0].text;
      if (cursor == "0") co_return true;
    }
  }

  Async<Result<bool>> leases(std::vector<Row>& rows) {
    if (begun_) co_return false;
    begun_ = true;
    RedisWords words{"HGETALL", keys_->key("leases")};  // a handful
    auto reply = co_await keys_->ask(std::move(words));
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
      const std::string_view packed = parts[i + 1].text;
      const auto epoch = whole_number<std::uint64_t>(packed.substr(0, packed.find(' ')));
      if (!epoch) co_return fail(not_understood());
      rows.emplace_back(LeaseRow{parts[i].text, *epoch});
    }
    co_return true;
  }

  Async<Result<bool>> request_keys(std::vector<Row>& rows) {
    if (!begun_) at_ = 0;
    begun_ = true;
    RedisWords args{text(at_), text(kChunkRows), text(kChunkBytes)};
    auto reply = co_await keys_->run(kKeys, std::move(args));
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
      auto key = decode_key(parts[i].text, parts[i + 1].text);
      if (!key) co_return fail(key.error());
      rows.emplace_back(std::move(*key));
      ++at_;
    }
    co_return !parts.empty();
  }

  Async<Result<bool>> snapshot(std::vector<Row>& rows) {
    if (!begun_) after_ = "0";
    begun_ = true;
    RedisWords args{after_, text(kChunkRows), text(kChunkBytes)};
    auto reply = co_await keys_->run(text_of(Script::snapshot), std::move(args));
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
      auto doc = decode_snapshot(parts[i].text, parts[i + 1].text);
      if (!doc) co_return fail(doc.error());
      after_ = text(doc->rank);
      rows.emplace_back(SnapshotRow{std::move(*doc)});
    }
    co_return parts.size() > 1;
  }

  Async<Result<bool>> events(std::vector<Row>& rows) {
    if (!begun_) at_ = summary_.oldest.value;
    begun_ = true;
    if (at_ > summary_.head.value) co_return false;
    RedisWords args{summary_.log.str(), text(at_), text(summary_.head.value), text(kLogRows),
                    text(kChunkBytes)};
    auto reply = co_await keys_->run(text_of(Script::read), std::move(args));
    if (!reply) co_return fail(reply.error());
    if (reply->elements.size() != 2) co_return fail(not_understood());
    const auto reached = whole_number<std::uint64_t>(reply->elements[0].text);
    if (!reached || *reached < at_) co_return fail(not_understood());
    const auto& parts = reply->elements[1].elements;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
      auto event = decode_event(parts[i].text, parts[i + 1].text);
      if (!event) co_return fail(event.error());
      rows.emplace_back(EventRow{std::move(*event)});
    }
    at_ = *reached + 1;
    co_return true;
  }

  std::shared_ptr<Keys> keys_;
  bool own_;
  Summary summary_;
  std::size_t stage_ = 0;
  bool begun_ = false;
  std::deque<std::string> names_;  // of kinds or queues that are left
  std::string after_;              // a rank
  std::string place_;              // in a queue
  std::uint64_t at_ = 0;
};

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
        keys_(std::make_shared<Keys>(env_, executor_, address_, place_.keys)) {}

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
    co_return co_await RedisSource::open(keys_, false);
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
  std::shared_ptr<Keys> keys_;
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
  auto keys = std::make_shared<Keys>(env, std::move(executor), std::move(address), place->keys);
  auto source = co_await RedisSource::open(keys, true);
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
