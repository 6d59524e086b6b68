#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "store/sqlite/write_tables.h"
#include "store/store.h"

namespace reeve::store::sqlite {

/// One thing for the writer to do within a group's transaction. Made and answered on the domain
/// thread; in between the writer's alone.
class Job {
 public:
  virtual ~Job() = default;
  /// May run again after a rollback.
  virtual void run(WriteTables& tables) = 0;
  /// Its outcome is this, whatever run() found.
  virtual void fail_with(const Error& error) = 0;
  /// Moves the events that it added to the end of `out`.
  virtual void take_events(std::vector<EventPtr>& out) = 0;
  virtual void answer() = 0;
};

class CommitJob final : public Job {
 public:
  using Resume = std::move_only_function<void(Result<Committed>)>;
  CommitJob(Commit commit, Time now, Resume resume);
  void run(WriteTables& tables) override;
  void fail_with(const Error& error) override { result_ = fail(error); }
  void take_events(std::vector<EventPtr>& out) override;
  void answer() override { resume_(std::move(result_)); }

 private:
  Commit commit_;
  Time now_;
  Resume resume_;
  std::vector<NewRow> rows_;
  Result<Committed> result_;
};

class TruncateJob final : public Job {
 public:
  using Resume = std::move_only_function<void(Result<Committed>)>;
  TruncateJob(Truncation truncation, Resume resume);
  void run(WriteTables& tables) override { result_ = tables.truncate(truncation_, rows_); }
  void fail_with(const Error& error) override { result_ = fail(error); }
  void take_events(std::vector<EventPtr>& out) override;
  void answer() override { resume_(std::move(result_)); }

 private:
  Truncation truncation_;
  Resume resume_;
  std::vector<NewRow> rows_;
  Result<Committed> result_;
};

/// Anything else that is written in turn.
template <class T>
class CallJob final : public Job {
 public:
  using Work = std::move_only_function<T(WriteTables&)>;
  using Resume = std::move_only_function<void(T)>;
  CallJob(Work work, Resume resume) : work_(std::move(work)), resume_(std::move(resume)) {}
  void run(WriteTables& tables) override { result_ = work_(tables); }
  void fail_with(const Error& error) override { result_ = fail(error); }
  void take_events(std::vector<EventPtr>&) override {}
  void answer() override { resume_(std::move(result_)); }

 private:
  Work work_;
  Resume resume_;
  T result_;
};

}  // namespace reeve::store::sqlite
