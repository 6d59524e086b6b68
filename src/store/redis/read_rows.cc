#include <deque>
#include <set>
#include <utility>

#include "store/redis/codec.h"
#include "store/redis/events.h"
#include "store/redis/town_keys.h"

/// A town on Redis, read as rows. Its layout: docs/formats/redis.md.
namespace reeve::store::redis {
namespace {

using namespace portable;

/// Rows of the log that one call looks at.
constexpr std::size_t kLogRows = 1'000;

std::string text(std::uint64_t number) { return std::to_string(number); }

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
  [[nodiscard]] std::string log() const { return summary_.log.str(); }
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
    RedisWords args{log(), "0", kind, "", after_, "0", text(kChunkRows), text(kChunkBytes)};
    auto reply = co_await keys_->run(Script::list, std::move(args));
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
      auto row = decode_doc({kind, parts[i].text}, parts[i + 1].text);
      if (!row) co_return fail(row.error());
      after_ = text(row->doc.rank);
      rows.emplace_back(std::move(*row));
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
    RedisWords args{log(), "0", queue, place_, text(kChunkRows), "", text(kChunkRows)};
    auto reply = co_await keys_->run(Script::items, std::move(args));
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
    std::uint64_t connection = 0;
    for (std::string cursor = "0";;) {
      RedisWords words{"HSCAN", keys_->key("epochs"), cursor, "COUNT", text(kChunkRows)};
      auto reply = co_await keys_->ask(std::move(words));
      if (!reply) co_return fail(reply.error());
      if (reply->elements.size() != 2) co_return fail(not_understood());
      if (cursor == "0") connection = keys_->connection();
      if (connection != keys_->connection()) {
        cursor = "0";
        continue;
      }
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
    auto reply = co_await keys_->run(Script::requests, std::move(args));
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
    RedisWords args{log(), "0", after_, text(kChunkRows), text(kChunkBytes)};
    auto reply = co_await keys_->run(Script::snapshot, std::move(args));
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
    RedisWords args{
        log(), "0", text(at_), text(summary_.head.value), text(kLogRows), text(kChunkBytes)};
    auto reply = co_await keys_->run(Script::read, std::move(args));
    if (!reply) co_return fail(reply.error());
    auto page = decode_page(*reply, {at_});
    if (!page) co_return fail(page.error());
    if (page->scanned.value < at_) co_return fail(not_understood());
    for (auto& event : page->events) rows.emplace_back(EventRow{std::move(event)});
    at_ = page->scanned.value + 1;
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
  const auto state = decode_state(reply->text);
  if (!state) co_return fail(state.error());
  const Summary summary{.log = state->log,
                        .head = state->head,
                        .oldest = state->oldest,
                        .last_rank = state->last_rank,
                        .last_order = state->last_order};
  co_return std::make_unique<RedisSource>(std::move(keys), own, summary);
}

}  // namespace reeve::store::redis
