#include <algorithm>
#include <optional>
#include <string>

#include "base/limits.h"
#include "log/log.h"
#include "store/check.h"

namespace reeve::log {
namespace {

/// How often a reader for whom nothing happens is told how far the log has been looked at.
constexpr std::chrono::seconds kProgressEvery{1};
/// A heartbeat that is always due would never let its reader wait.
constexpr std::chrono::milliseconds kLeastHeartbeat{100};
constexpr std::chrono::hours kLongestHeartbeat{24};
/// Runs whose dropped deltas are told apart: more than there are at a time, but a reader that has
/// stalled for days must not cost memory for each run that went by.
constexpr std::size_t kNamedGaps = 256;
/// Of one batch: what the tail holds by default. A page of the store is smaller.
constexpr std::size_t kMostFrames = 8192;

Position first_of(const From& from, Position head, Position mark) {
  switch (from.where) {
    case From::Where::now: return head;
    case From::Where::beginning: return mark;
    case From::Where::after: return from.position;
  }
  return head;
}

bool shares_scope(const std::vector<Scope>& wanted, const std::vector<Scope>& present) {
  return wanted.empty() || std::ranges::any_of(wanted, [&](const Scope& scope) {
           return scope.is_town() || std::ranges::find(present, scope) != present.end();
         });
}

SubscribeOptions within_limits(SubscribeOptions options) {
  options.batch = std::clamp<std::size_t>(options.batch, 1, kMostFrames);
  if (options.heartbeat) {
    options.heartbeat = std::clamp<std::chrono::nanoseconds>(*options.heartbeat, kLeastHeartbeat,
                                                             kLongestHeartbeat);
  }
  return options;
}

Status check(const SubscribeOptions& options, Position head) {
  if (options.from.where == From::Where::after && options.from.position > head) {
    return fail(Errc::invalid_argument, "there is nothing beyond the end of the log yet");
  }
  return store::check(options.filter);
}

}  // namespace

Subscription::Subscription(Log& log, SubscribeOptions options)
    : log_(log),
      options_(within_limits(std::move(options))),
      sound_(check(options_, log.head_)),
      position_(first_of(options_.from, log.head_, log.store_.log().mark())),
      told_(position_),
      told_at_(log.env_.uptime()),
      changed_(log.executor_) {
  if (!options_.hold_as.empty()) hold_ = log_.holds_.add(options_.hold_as, position_);
  log_.subscriptions_.push_back(this);
  if (options_.deltas) log_.live_.push_back(this);
  if (options_.deltas && options_.block) log_.blocking_.push_back(this);
}

Subscription::~Subscription() {
  std::erase(log_.subscriptions_, this);
  std::erase(log_.live_, this);
  if (std::erase(log_.blocking_, this) > 0) log_.room_.notify();
}

Async<Result<std::vector<Frame>>> Subscription::next() {
  if (!sound_) co_return fail(sound_.error());
  std::vector<Frame> out;
  for (;;) {
    if (hold_) hold_->advance(position_);  // what was delivered is dealt with
    if (auto there = reachable(); !there) co_return fail(there.error());
    deliver_deltas(out);
    if (tail_reaches()) {
      read_tail(out);
    } else if (position_ < log_.head_ && out.empty() && !log_.closed_) {
      // With empty hands only: a read that fails or is cancelled would lose what they hold.
      const auto read = co_await read_store(out);
      if (!read) co_return fail(read.error());
    }
    deliver_deltas(out);
    mark_progress(out);
    if (!out.empty()) co_return out;
    if (hold_) hold_->advance(position_);
    if (log_.closed_) co_return fail(*log_.closed_);
    if (position_ == log_.head_) co_await wait();
  }
}

Status Subscription::reachable() const {
  const auto log = log_.store_.log();
  return store::check_reachable(position_, log.id, log.oldest);
}

bool Subscription::tail_reaches() const {
  return !log_.tail_.empty() && log_.tail_.front()->position <= reeve::next(position_);
}

void Subscription::skip() {
  if (!sound_ || !reachable() || !tail_reaches() || !deltas_.empty()) return;
  const auto first = log_.tail_.front()->position.value;
  for (auto at = static_cast<std::size_t>(position_.value + 1 - first); at < log_.tail_.size();
       ++at) {
    const auto& event = log_.tail_[at];
    if (options_.filter.matches(*event)) return;
    position_ = event->position;
  }
}

void Subscription::read_tail(std::vector<Frame>& out) {
  const auto first = log_.tail_.front()->position.value;
  for (auto at = static_cast<std::size_t>(position_.value + 1 - first); at < log_.tail_.size();
       ++at) {
    const auto& event = log_.tail_[at];
    if (!options_.filter.matches(*event)) {
      position_ = event->position;
    } else if (!deliver_event(event, out)) {
      return;
    }
  }
}

Async<Status> Subscription::read_store(std::vector<Frame>& out) {
  auto page = co_await log_.store_.read(position_, options_.filter,
                                        std::min(options_.batch, limits::kPage));
  if (!page) co_return fail(page.error());
  if (page->scanned <= position_) {  // asking again and again would not help
    co_return fail(Errc::corrupt, "the store has no events behind position " +
                                      std::to_string(position_.value) +
                                      " although its log goes on: restore a backup");
  }
  for (const auto& event : page->events) {
    // What the store shows before the feed has told of it is left for the feed: a delta that is
    // published until then belongs before it.
    if (event->position > log_.head_) break;
    if (!deliver_event(event, out)) co_return Status();
  }
  position_ = std::max(position_, std::min(page->scanned, log_.head_));
  co_return Status();
}

/// Behind the deltas that were published before its commit. False: they left no room for it.
bool Subscription::deliver_event(const EventPtr& event, std::vector<Frame>& out) {
  position_ = {event->position.value - 1};
  deliver_deltas(out);
  if (out.size() >= options_.batch) return false;
  position_ = event->position;
  out.emplace_back(event);
  return true;
}

/// Those whose place in the log this reader has reached, as far as there is room; what was dropped
/// before them is told first.
void Subscription::deliver_deltas(std::vector<Frame>& out) {
  while (!gaps_.empty() && out.size() < options_.batch) {
    out.emplace_back(gaps_.front());
    gaps_.pop_front();
  }
  while (!deltas_.empty() && deltas_.front()->after <= position_ && out.size() < options_.batch) {
    let_go(*deltas_.front());
    out.emplace_back(std::move(deltas_.front()));
    deltas_.pop_front();
  }
}

void Subscription::take_delta(const DeltaPtr& delta) {
  if (!shares_scope(options_.filter.scopes, *delta->scopes)) return;
  deltas_.push_back(delta);
  delta_bytes_ += delta->payload.size();
  if (options_.block && ++waiting_[delta->run] > options_.delta_capacity) {
    // It has been waited for long enough, or its driver does not ask: the oldest of the same run.
    drop_delta(std::ranges::find_if(deltas_,
                                    [&](const DeltaPtr& held) { return held->run == delta->run; }));
  }
  while ((deltas_.size() > options_.delta_capacity && !options_.block) ||
         delta_bytes_ > options_.delta_bytes) {
    drop_delta(deltas_.begin());
  }
  changed_.notify();
}

void Subscription::drop_delta(std::deque<DeltaPtr>::iterator which) {
  const auto delta = *which;
  note_dropped(*delta);
  deltas_.erase(which);
  let_go(*delta);
}

/// It waits no longer: its run may go on.
void Subscription::let_go(const Delta& delta) {
  delta_bytes_ -= delta.payload.size();
  if (!options_.block) return;
  const auto waiting = waiting_.find(delta.run);
  if (--waiting->second == 0) {
    waiting_.erase(waiting);
    impatient_.erase(delta.run);
  }
  log_.room_.notify();
}

bool Subscription::is_crowded_by(const RunId& run) const {
  if (impatient_.contains(run)) return false;
  const auto waiting = waiting_.find(run);
  return waiting != waiting_.end() && waiting->second >= options_.delta_capacity;
}

void Subscription::note_dropped(const Delta& delta) {
  ++log_.counters_.deltas_dropped;
  const auto of = [this](const RunId& run, std::uint64_t epoch) {
    return std::ranges::find_if(
        gaps_, [&](const Gap& gap) { return gap.run == run && gap.epoch == epoch; });
  };
  auto gap = of(delta.run, delta.epoch);
  if (gap == gaps_.end() && gaps_.size() >= kNamedGaps) {
    gap = of(RunId(), 0);
    if (gap == gaps_.end()) gap = gaps_.insert(gap, Gap());
  } else if (gap == gaps_.end()) {
    gap = gaps_.insert(gap, Gap{delta.run, delta.epoch, delta.number, delta.number, 0});
  }
  ++gap->dropped;
  if (gap->run.is_nil()) return;
  gap->from = std::min(gap->from, delta.number);
  gap->to = std::max(gap->to, delta.number);
}

/// When the reader is to be told how far the log has been looked at, if no event tells before.
std::chrono::nanoseconds Subscription::progress_due() const {
  auto due = std::chrono::nanoseconds::max();
  if (told_ < position_) due = told_at_ + kProgressEvery;
  if (options_.heartbeat) due = std::min(due, told_at_ + *options_.heartbeat);
  return due;
}

void Subscription::mark_progress(std::vector<Frame>& out) {
  const auto now = log_.env_.uptime();
  std::optional<Position> told;
  for (const auto& frame : out) {
    if (const auto position = frame_position(frame)) told = position;
  }
  if (!told && now >= progress_due()) {
    out.emplace_back(Progress{position_});
    told = position_;
  }
  if (!told) return;
  told_ = *told;
  told_at_ = now;
}

Async<> Subscription::wait() {
  std::unique_ptr<Env::Timer> timer;
  if (const auto due = progress_due(); due != std::chrono::nanoseconds::max()) {
    const auto delay = due - log_.env_.uptime();
    timer = log_.env_.after(delay, [this] { changed_.notify(); });
  }
  co_await changed_.wait();
}

}  // namespace reeve::log
