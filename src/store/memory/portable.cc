#include "store/portable.h"

#include <algorithm>

#include "store/memory/memory_store.h"
#include "store/memory/tables.h"

namespace reeve::store {

portable::Summary Tables::summary(const LogId& log) const {
  return {.log = log,
          .head = head(),
          .oldest = oldest_,
          .last_rank = last_rank_,
          .last_order = last_order_};
}

std::vector<portable::Row> Tables::rows() const {
  std::vector<portable::Row> rows;
  for (const auto& [key, stored] : docs_)
    rows.emplace_back(portable::DocRow{stored.doc, stored.marks});
  for (const auto& [name, queue] : queues_) {
    for (const auto& [id, item] : queue) rows.emplace_back(portable::QueueRow{name, item});
  }
  for (const auto& [run, epoch] : runs_) rows.emplace_back(portable::RunRow{run, epoch});
  for (const auto& [name, lease] : leases_)
    rows.emplace_back(portable::LeaseRow{name, lease.epoch});
  for (const auto& [name, known] : keys_) {
    rows.emplace_back(portable::KeyRow{.key = {name.first, name.second, known.digest},
                                       .first = known.answer.first,
                                       .last = known.answer.last,
                                       .answer = known.answer.answer,
                                       .time = known.time});
  }
  for (const auto& [key, doc] : snapshot_) rows.emplace_back(portable::SnapshotRow{doc});
  for (const auto& event : events_) rows.emplace_back(portable::EventRow{event});
  return rows;
}

void Tables::begin(const portable::Summary& summary) {
  oldest_ = summary.oldest;
  last_rank_ = summary.last_rank;
  last_order_ = summary.last_order;
}

void Tables::take(portable::Row row) {
  std::visit([this](auto&& one) { take_row(std::forward<decltype(one)>(one)); }, std::move(row));
}

void Tables::take_row(portable::DocRow&& row) {
  auto& stored = docs_[row.doc.key];
  stored = {std::move(row.doc), std::move(row.marks)};
  mark(stored, "");
  for (const auto& one : stored.marks) mark(stored, one);
}

void Tables::take_row(portable::QueueRow&& row) {
  auto& item = queues_[row.queue][row.item.item];
  item = std::move(row.item);
}

void Tables::take_row(portable::RunRow&& row) { runs_[row.run] = row.epoch; }

void Tables::take_row(portable::LeaseRow&& row) {
  leases_[row.name] = {.name = row.name, .holder = {}, .epoch = row.epoch, .until = {}};
}

void Tables::take_row(portable::KeyRow&& row) {
  keys_by_time_.emplace(row.time, row.key.writer, row.key.key);
  Committed answer{.first = row.first, .last = row.last, .answer = std::move(row.answer)};
  keys_[{row.key.writer, row.key.key}] = {
      .digest = std::move(row.key.digest), .answer = std::move(answer), .time = row.time};
}

void Tables::take_row(portable::SnapshotRow&& row) {
  snapshot_ranks_[row.doc.rank] = row.doc.key;
  auto key = row.doc.key;
  snapshot_[std::move(key)] = std::move(row.doc);
}

void Tables::take_row(portable::EventRow&& row) {
  bytes_ += stored_bytes(*row.event);
  events_.push_back(std::move(row.event));
}

namespace portable {
namespace {

class MemorySource final : public Source {
 public:
  MemorySource(const Tables& tables, const LogId& log)
      : summary_(tables.summary(log)), rows_(tables.rows()) {}
  [[nodiscard]] const Summary& summary() const override { return summary_; }
  Async<Result<std::vector<Row>>> next() override {
    const auto n = std::min(kChunkRows, rows_.size() - at_);
    std::vector<Row> chunk;
    for (std::size_t i = 0; i < n; ++i) chunk.push_back(std::move(rows_[at_++]));
    co_return chunk;
  }

 private:
  Summary summary_;
  std::vector<Row> rows_;
  std::size_t at_ = 0;
};

class MemoryTarget final : public Target {
 public:
  MemoryTarget(Env& env, boost::asio::any_io_executor executor,
               std::function<void(std::unique_ptr<Store>)> made)
      : env_(env), executor_(std::move(executor)), made_(std::move(made)) {}
  Async<Status> begin(Summary summary) override {
    log_ = summary.log;
    tables_ = Tables();
    tables_.begin(summary);
    co_return Status();
  }
  Async<Status> put(std::vector<Row> rows) override {
    for (auto& row : rows) tables_.take(std::move(row));
    co_return Status();
  }
  Async<Result<std::unique_ptr<Source>>> written() override {
    co_return std::make_unique<MemorySource>(tables_, log_);
  }
  Async<Status> finish() override {
    made_(make_memory(env_, executor_, log_, std::move(tables_)));
    co_return Status();
  }

 private:
  Env& env_;
  boost::asio::any_io_executor executor_;
  std::function<void(std::unique_ptr<Store>)> made_;
  LogId log_;
  Tables tables_;
};

}  // namespace

std::unique_ptr<Source> from_memory(Store& memory) {
  const auto* tables = tables_of(memory);
  REEVE_CHECK(tables != nullptr);
  return std::make_unique<MemorySource>(*tables, memory.log().id);
}

std::unique_ptr<Target> to_memory(Env& env, boost::asio::any_io_executor executor,
                                  std::function<void(std::unique_ptr<Store>)> made) {
  return std::make_unique<MemoryTarget>(env, std::move(executor), std::move(made));
}

}  // namespace portable
}  // namespace reeve::store
