#include "store/sqlite/writer.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "store/sqlite/schema.h"

namespace reeve::store::sqlite {
namespace {

using namespace std::chrono_literals;

/// So many jobs are more work than waking the writer is.
constexpr std::size_t kWorthWaking = 8;

/// Follows a cost that changes, mostly by its last eight measurements.
void follow(std::chrono::nanoseconds& average, std::chrono::nanoseconds seen) {
  average = average == 0ns ? seen : average + (seen - average) / 8;
}

}  // namespace

std::vector<EventPtr> load_events(Connection& db, Position after) {
  std::vector<EventPtr> events;
  auto rows = db.prepare("SELECT " + std::string(kEventColumns) +
                         " FROM events WHERE position>? ORDER BY position");
  rows.with(after.value);
  while (rows.next()) {
    if (auto event = event_from(rows)) events.push_back(std::move(event));
  }
  return events;
}

Writer::Writer(Options options, std::unique_ptr<Connection> db, LockFile* lock, Deliver deliver)
    : options_(std::move(options)),
      lock_(lock),
      deliver_(std::move(deliver)),
      db_(std::move(db)),
      tables_(std::make_unique<WriteTables>(*db_)),
      told_(tables_->head()),
      thread_([this] { loop(); }) {}

Writer::~Writer() {
  {
    const std::scoped_lock guard(mutex_);
    abandon_ = true;
    wake_.notify_one();
  }
  join();
}

// --- The domain's side ---------------------------------------------------------------------------

// Woken outside of the mutex, or the writer would wake up only to wait for that.

void Writer::push(std::unique_ptr<Job> job) {
  bool wake = false;
  {
    const std::scoped_lock guard(mutex_);
    queue_.push_back(std::move(job));
    // A lingering writer looks again when it has something to do meanwhile.
    wake = std::exchange(sleeping_, false) || (lingering_ && queue_.size() == kWorthWaking);
  }
  if (wake) wake_.notify_one();
}

void Writer::push_segment(std::shared_ptr<const TailIndex> index) {
  {
    const std::scoped_lock guard(mutex_);
    segment_ = std::move(index);
  }
  wake_.notify_one();
}

void Writer::delivered(std::chrono::nanoseconds took, std::size_t answers) {
  bool wake = false;
  {
    const std::scoped_lock guard(mutex_);
    --undelivered_;
    if (answers > 0) follow(answer_cost_, took / static_cast<std::int64_t>(answers));
    wake = lingering_;
  }
  if (wake) wake_.notify_one();
}

void Writer::close() {
  const std::scoped_lock guard(mutex_);
  closing_ = true;
  wake_.notify_one();
}

void Writer::join() {
  if (thread_.joinable()) thread_.join();
}

// --- The thread ----------------------------------------------------------------------------------

void Writer::loop() {
  ::pthread_setname_np(::pthread_self(), "store-writer");
  while (auto work = wait()) {
    if (work->segment) write_segment(std::move(work->segment));
    if (!work->jobs.empty()) write_group(std::move(work->jobs));
    tidy();
    if (!work->close) continue;
    finish();
    deliver_(Outcome{.closed = true});
    return;
  }
}

std::optional<Writer::Work> Writer::wait() {
  std::unique_lock lock(mutex_);
  sleeping_ = true;
  wake_.wait(lock, [&] { return abandon_ || !queue_.empty() || segment_ || closing_; });
  sleeping_ = false;
  if (abandon_) return std::nullopt;
  Work work;
  work.segment = std::exchange(segment_, nullptr);
  take_queued(work.jobs);
  work.close = closing_ && queue_.empty();
  return work;
}

/// As much of the queue as the group has room for. The mutex is held.
void Writer::take_queued(Jobs& jobs) {
  const auto n = std::min(queue_.size(), options_.group_cap - jobs.size());
  if (jobs.empty() && n == queue_.size()) {
    jobs.swap(queue_);
    return;
  }
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(n);
  jobs.insert(jobs.end(), std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
}

/// While the domain answers one group it queues the next. When that is done sooner than another
/// sync of the disk would be, one larger group is faster than two small ones. The mutex is held.
bool Writer::more_is_coming(std::size_t so_far) const {
  const auto answers = static_cast<std::int64_t>(last_answers_);
  return undelivered_ > 0 && so_far < last_answers_ && !closing_ && !abandon_ &&
         answer_cost_ * answers < commit_cost_ + run_cost_ * answers;
}

/// Adds to an open group what has been queued since, or soon will be. False: it is to be committed.
bool Writer::take_more(Jobs& jobs, Clock::time_point until) {
  std::unique_lock lock(mutex_);
  if (queue_.empty() && more_is_coming(jobs.size())) {
    lingering_ = true;
    wake_.wait_until(lock, until, [&] {
      return queue_.size() >= kWorthWaking || !more_is_coming(jobs.size() + queue_.size());
    });
    lingering_ = false;
  }
  const auto before = jobs.size();
  take_queued(jobs);
  return jobs.size() > before;
}

void Writer::deliver(Jobs jobs, std::vector<EventPtr> events) {
  {
    const std::scoped_lock guard(mutex_);
    ++undelivered_;
    last_answers_ = jobs.size();
  }
  Outcome outcome{.jobs = std::move(jobs), .events = std::move(events)};
  if (tables_) outcome.left = tables_->extent();
  deliver_(std::move(outcome));
}

void Writer::write_group(Jobs jobs, bool whole) {
  if (!broken_ && !tables_) reopen();
  if (broken_ || !tables_) {
    for (auto& job : jobs) job->fail_with(broken_ ? *broken_ : *away_);
    return deliver(std::move(jobs));
  }
  if (try_group(jobs, whole)) return;
  if (jobs.size() == 1) {
    jobs.front()->fail_with(db_->take_failure()->error);
    return deliver(std::move(jobs));
  }
  // One of them is not to be written, or all together are too much: each alone tells.
  db_->take_failure();
  for (auto& job : jobs) {
    Jobs alone;
    alone.push_back(std::move(job));
    write_group(std::move(alone), false);
  }
}

/// Runs the jobs, and those that are queued meanwhile. False: the connection failed.
bool Writer::run_jobs(Jobs& jobs, bool whole) {
  const auto start = Clock::now();
  auto idle = 0ns;
  for (std::size_t i = 0; i < jobs.size();) {
    for (; i < jobs.size(); ++i) {
      jobs[i]->run(*tables_);
      if (!db_->ok()) return false;
    }
    if (!whole || jobs.size() >= options_.group_cap) break;
    const auto before = Clock::now();
    if (!take_more(jobs, start + commit_cost_ + run_cost_ * static_cast<int>(jobs.size()))) break;
    idle += Clock::now() - before;
  }
  follow(run_cost_, (Clock::now() - start - idle) / static_cast<std::int64_t>(jobs.size()));
  return true;
}

/// False: rolled back, and nothing of it happened. The connection says why.
bool Writer::try_group(Jobs& jobs, bool whole) {
  if (!tables_->begin()) {  // busy, read-only: it is none of the commits' fault
    const auto why = db_->take_failure()->error;
    for (auto& job : jobs) job->fail_with(why);
    deliver(std::move(jobs));
    return true;
  }
  run_jobs(jobs, whole);
  if (!db_->ok()) {
    const auto why = db_->take_failure();
    tables_->rollback();
    db_->take_failure();
    db_->fail_again(*why);
    return false;
  }
  const auto start = Clock::now();
  if (!tables_->commit()) {
    const auto why = *db_->take_failure();
    // The frames may or may not be on the disk, and may come back after a power cut.
    if (why.is_io()) {
      lose_outcome(jobs, why.error);
      return true;
    }
    tables_->rollback();
    db_->take_failure();
    db_->fail_again(why);
    return false;
  }
  follow(commit_cost_, Clock::now() - start);
  told_ = tables_->head();
  if (lock_ != nullptr) lock_->note_head(told_);
  std::vector<EventPtr> events;
  for (auto& job : jobs) job->take_events(events);
  deliver(std::move(jobs), std::move(events));
  return true;
}

void Writer::write_segment(std::shared_ptr<const TailIndex> index) {
  Outcome outcome{.segment = index};
  if (!broken_ && !tables_) reopen();
  if (!broken_ && tables_) {
    tables_->begin();
    if (db_->ok()) tables_->write_segment(*index);
    outcome.segment_written = db_->ok() && tables_->commit();
    if (const auto why = db_->take_failure()) {
      logging::warn("the scope index could not be written, and is tried again: {}",
                    why->error.message());
      tables_->rollback();
      db_->take_failure();
      if (why->is_io()) let_go(why->error);
    }
  }
  {
    const std::scoped_lock guard(mutex_);
    ++undelivered_;
  }
  deliver_(std::move(outcome));
}

/// What may be done after the answers are on their way.
void Writer::tidy() {
  if (!tables_) return;
  if (db_->wal_pages() > options_.checkpoint_pages && !db_->checkpoint()) {
    if (const auto why = db_->take_failure())
      logging::warn("the write-ahead log stays as it is: {}", why->error.message());
  }
}

/// After a clean end the log keeps its id at every durability, so everything must be on the disk
/// before the mark that says so.
void Writer::finish() {
  if (!tables_ || broken_) return;
  db_->run("PRAGMA synchronous=FULL");
  tables_->write_size();
  db_->checkpoint();
  db_->run("UPDATE meta SET value='closed' WHERE name='session'");
  if (const auto why = db_->take_failure())
    logging::warn("the store could not be closed cleanly: {}", why->error.message());
  tables_.reset();
  db_.reset();
}

// --- After a failed sync -------------------------------------------------------------------------

void Writer::lose_outcome(Jobs& jobs, const Error& why) {
  logging::error("the outcome of {} commits is unknown: {}", jobs.size(), why.message());
  const Error unknown(
      Errc::unknown_outcome,
      "it may or may not have been written; repeat it with the same key: " + why.message());
  for (auto& job : jobs) job->fail_with(unknown);
  let_go(why);
  reopen();
  deliver(std::move(jobs));
}

/// A connection whose sync failed is not written through again.
void Writer::let_go(const Error& why) {
  tables_.reset();
  db_.reset();
  away_ = why;
}

bool Writer::reopen() {
  auto opened = Connection::open(options_.file);
  Status ready;
  if (opened) {
    ready = configure(**opened, options_.durability, false);
  } else {
    ready = fail(opened.error());
  }
  if (ready) {
    db_ = std::move(*opened);
    tables_ = std::make_unique<WriteTables>(*db_);
    const bool found = db_->ok() && find_lost_events(tables_->head());
    if (const auto why = db_->take_failure()) ready = fail(why->error);
    if (ready && found) {
      away_.reset();
      return true;
    }
  }
  tables_.reset();
  db_.reset();
  if (!ready) away_ = Error(Errc::unavailable, "the store is away: " + ready.error().message());
  return false;
}

/// What the file holds beyond what was told did happen after all: its readers learn of it now.
bool Writer::find_lost_events(Position head) {
  if (head < told_) {
    broken_ = Error(Errc::corrupt, "the store lost events that were acknowledged: it had " +
                                       std::to_string(told_.value) + ", and has " +
                                       std::to_string(head.value) + "; restore a backup");
    logging::error("{}", broken_->message());
    return false;
  }
  auto events = load_events(*db_, told_);
  if (!db_->ok()) return false;
  told_ = head;
  if (!events.empty()) deliver({}, std::move(events));
  return true;
}

}  // namespace reeve::store::sqlite
