#include <deque>
#include <set>
#include <utility>

#include "store/marks.h"
#include "store/redis/codec.h"
#include "store/redis/scripts.h"
#include "store/redis/town_keys.h"

/// A town on Redis, read as rows. Its layout: docs/formats/redis.md.
namespace reeve::store::redis {
namespace {

using namespace portable;

/// Rows of the log that one call looks at.
constexpr std::size_t kLogRows = 1'000;

std::string text(std::uint64_t number) { return std::to_string(number); }

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
  const auto marks = split_marks(packed.substr(packed.size() - kEnd - length, length));
  return {marks.begin(), marks.end()};
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
  RedisSource(std::shared_ptr<TownKeys> keys, bool own, Summary summary)
      : keys_(std::move(keys)), own_(own), summary_(std::move(summary)) {}

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

  std::shared_ptr<TownKeys> keys_;
  bool own_;
  Summary summary_;
  std::size_t stage_ = 0;
  bool begun_ = false;
  std::deque<std::string> names_;  // of kinds or queues that are left
  std::string after_;              // a rank
  std::string place_;              // in a queue
  std::uint64_t at_ = 0;
};

}  // namespace

Async<Result<std::unique_ptr<Source>>> read_rows(std::shared_ptr<TownKeys> keys, bool own) {
  RedisWords words{"GET", keys->key("state")};
  auto reply = co_await keys->ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  auto summary = summary_of(*reply);
  if (!summary) co_return fail(summary.error());
  co_return std::make_unique<RedisSource>(std::move(keys), own, *summary);
}

}  // namespace reeve::store::redis
