#include "store/sqlite/job.h"

#include <utility>

namespace reeve::store::sqlite {

CommitJob::CommitJob(Commit commit, Time now, Resume resume)
    : commit_(std::move(commit)), now_(now), resume_(std::move(resume)) {
  rows_.reserve(commit_.events.size());
  for (auto& event : commit_.events) rows_.push_back(make_row(std::move(event)));
}

void CommitJob::run(WriteTables& tables) { result_ = tables.apply(commit_, rows_, now_); }

void CommitJob::take_events(std::vector<EventPtr>& out) {
  if (!result_ || result_->repeated) return;
  for (auto& row : rows_) out.push_back(std::move(row.event));
}

TruncateJob::TruncateJob(Truncation truncation, Resume resume)
    : truncation_(std::move(truncation)), resume_(std::move(resume)) {
  for (auto& event : truncation_.events) rows_.push_back(make_row(std::move(event)));
}

void TruncateJob::take_events(std::vector<EventPtr>& out) {
  if (!result_) return;
  for (auto& row : rows_) out.push_back(std::move(row.event));
}

}  // namespace reeve::store::sqlite
