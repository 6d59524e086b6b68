#include <algorithm>

#include "log/log.h"

namespace reeve::log {
namespace {

/// How often a reader for whom nothing happens is told how far the log has been looked at.
constexpr std::chrono::seconds kProgressEvery{1};

Position first_of(const From& from, Position head) {
  switch (from.where) {
    case From::Where::now: return head;
    case From::Where::beginning: return {};
    case From::Where::after: return from.position;
  }
  return head;
}

bool shares_scope(const std::vector<Scope>& wanted, const std::vector<Scope>& present) {
  return wanted.empty() || std::ranges::any_of(wanted, [&](const Scope& scope) {
           return scope.is_town() || std::ranges::find(present, scope) != present.end();
         });
}

}  // namespace

Subscription::Subscription(Log& log, SubscribeOptions options)
    : log_(log),
      options_(std::move(options)),
      position_(first_of(options_.from, log.head_)),
      told_(position_),
      told_at_(log.env_.uptime()) {
  if (options_.deltas) log_.live_.push_back(this);
}

Subscription::~Subscription() { std::erase(log_.live_, this); }

Task<Result<std::vector<Frame>>> Subscription::next() {
  std::vector<Frame> out;
  for (;;) {
    deliver_deltas(out);
    if (position_ < log_.head_ && out.size() < options_.batch) {
      if (tail_reaches()) {
        read_tail(out);
      } else {
        const auto read = co_await read_store(out);
        if (!read) co_return fail(read.error());
      }
      deliver_deltas(out);
    }
    if (!out.empty()) break;
    if (position_ < log_.head_) continue;  // nothing for this reader on that page

    // Caught up. A reader that sees nothing is told of the progress, at most once in a while.
    auto due = std::chrono::nanoseconds::max();
    if (told_ < position_) due = told_at_ + kProgressEvery;
    if (options_.heartbeat) due = std::min(due, told_at_ + *options_.heartbeat);
    const auto now = log_.env_.uptime();
    if (now >= due) {
      out.emplace_back(Progress{position_});
      break;
    }
    std::unique_ptr<Env::Timer> timer;
    if (due != std::chrono::nanoseconds::max()) {
      timer = log_.env_.after(due - now, [this] { log_.changed_.notify(); });
    }
    co_await log_.changed_.wait();
  }
  for (const auto& frame : out) {
    if (const auto position = frame_position(frame)) {
      told_ = *position;
      told_at_ = log_.env_.uptime();
    }
  }
  co_return out;
}

bool Subscription::tail_reaches() const {
  return !log_.tail_.empty() && log_.tail_.front()->position <= reeve::next(position_);
}

void Subscription::read_tail(std::vector<Frame>& out) {
  const auto first = log_.tail_.front()->position.value;
  for (auto at = static_cast<std::size_t>(position_.value + 1 - first);
       at < log_.tail_.size() && out.size() < options_.batch; ++at) {
    const auto& event = log_.tail_[at];
    if (!deltas_.empty() && deltas_.front()->after < event->position) deliver_deltas(out);
    position_ = event->position;
    if (options_.filter.matches(*event)) out.emplace_back(event);
  }
}

Task<Status> Subscription::read_store(std::vector<Frame>& out) {
  auto page = co_await log_.store_.read(position_, options_.filter, options_.batch);
  if (!page) co_return fail(page.error());
  // What the store has committed and the feed has not told yet is left for the feed: deltas keep
  // their place so.
  for (auto& event : page->events) {
    if (event->position > log_.head_) break;
    out.emplace_back(std::move(event));
  }
  position_ = std::max(position_, std::min(page->scanned, log_.head_));
  co_return Status();
}

void Subscription::take_delta(const DeltaPtr& delta) {
  if (!shares_scope(options_.filter.scopes, delta->scopes)) return;
  if (deltas_.size() >= options_.delta_capacity) {
    note_dropped(*deltas_.front());
    deltas_.pop_front();
  }
  deltas_.push_back(delta);
}

void Subscription::note_dropped(const Delta& delta) {
  const auto same = [&](const Gap& gap) {
    return gap.run == delta.run && gap.epoch == delta.epoch;
  };
  auto gap = std::ranges::find_if(gaps_, same);
  if (gap == gaps_.end()) {
    gaps_.push_back({delta.run, delta.epoch, delta.number, delta.number, 0});
    gap = std::prev(gaps_.end());
  }
  gap->from = std::min(gap->from, delta.number);
  gap->to = std::max(gap->to, delta.number);
  ++gap->dropped;
}

/// Those whose place in the log this reader has reached; what was dropped before them is told
/// first.
void Subscription::deliver_deltas(std::vector<Frame>& out) {
  for (auto& gap : gaps_) out.emplace_back(gap);
  gaps_.clear();
  while (!deltas_.empty() && deltas_.front()->after <= position_ && out.size() < options_.batch) {
    out.emplace_back(std::move(deltas_.front()));
    deltas_.pop_front();
  }
}

}  // namespace reeve::log
