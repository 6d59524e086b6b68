#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/sqlite/job.h"
#include "store/sqlite/lock_file.h"
#include "store/store.h"
#include "store/tail_index.h"

namespace reeve::store::sqlite {

/// What the writer has to tell the domain, in order.
struct Outcome {
  std::vector<std::unique_ptr<Job>> jobs;    ///< done, to be answered
  std::vector<EventPtr> events;              ///< newly committed
  std::optional<LogExtent> left;             ///< of the log, after them
  std::shared_ptr<const TailIndex> segment;  ///< was to be written ...
  bool segment_written = false;              ///< ... and is
  bool closed = false;
};

/// The one thread that writes: it takes all that is queued at a moment into one transaction (group
/// commit).
class Writer {
 public:
  struct Options {
    Connection::Options file;
    Durability durability = Durability::disk;
    std::size_t group_cap = 1024;  ///< jobs in one transaction
    int checkpoint_pages = 4'000;
  };
  using Deliver = std::function<void(Outcome)>;

  /// The connection is configured and migrated. `deliver` is called on the writer's thread.
  Writer(Options options, std::unique_ptr<Connection> db, LockFile* lock, Deliver deliver);
  /// Drops what is queued and ends the thread; close() first for an orderly end.
  ~Writer();

  // The domain's side.
  void push(std::unique_ptr<Job> job);
  void push_segment(std::shared_ptr<const TailIndex> index);
  /// An Outcome has been dealt with, in `took` for that many answers.
  void delivered(std::chrono::nanoseconds took, std::size_t answers);
  /// After the last job, what the store should leave behind for a clean start; then the thread
  /// ends.
  void close();
  void join();

 private:
  using Jobs = std::vector<std::unique_ptr<Job>>;
  using Clock = std::chrono::steady_clock;  // how long the disk takes: nothing of the domain's time

  struct Work {
    Jobs jobs;
    std::shared_ptr<const TailIndex> segment;
    bool close = false;
  };

  void loop();
  std::optional<Work> wait();
  [[nodiscard]] bool more_is_coming(std::size_t so_far) const;
  void take_queued(Jobs& jobs);
  bool take_more(Jobs& jobs, Clock::time_point until);
  void write_group(Jobs jobs, bool whole = true);
  bool try_group(Jobs& jobs, bool whole);
  bool run_jobs(Jobs& jobs, bool whole);
  void write_segment(std::shared_ptr<const TailIndex> index);
  void tidy();
  void finish();
  void lose_outcome(Jobs& jobs, const Error& why);
  void let_go(const Error& why);
  bool reopen();
  bool find_lost_events(Position head);
  void deliver(Jobs jobs, std::vector<EventPtr> events = {});

  Options options_;
  LockFile* lock_;
  Deliver deliver_;
  std::unique_ptr<Connection> db_;
  std::unique_ptr<WriteTables> tables_;  // dies before db_
  Position told_;                        // the head that the domain knows of, or is about to
  std::optional<Error> away_;            // why there is no connection
  std::optional<Error> broken_;          // the file lost what was acknowledged: never write again
  std::chrono::nanoseconds commit_cost_{0};  // of a COMMIT
  std::chrono::nanoseconds run_cost_{0};     // of a job before that

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  Jobs queue_;
  std::shared_ptr<const TailIndex> segment_;
  bool closing_ = false;
  bool abandon_ = false;
  bool sleeping_ = false;
  bool lingering_ = false;
  std::size_t undelivered_ = 0;
  std::size_t last_answers_ = 0;
  std::chrono::nanoseconds answer_cost_{0};

  std::thread thread_;
};

/// Rows of the events table after a position, oldest first. Used at start-up and after a reopening.
std::vector<EventPtr> load_events(Connection& db, Position after);

}  // namespace reeve::store::sqlite
