#include "log/log.h"

#include <algorithm>
#include <cstdlib>

#include "base/logging.h"
#include "store/check.h"

namespace reeve::log {

Log::Log(Env& env, aio::asio::any_io_executor executor, store::Store& store)
    : Log(env, std::move(executor), store, Options()) {}

Log::Log(Env& env, aio::asio::any_io_executor executor, store::Store& store, Options options)
    : env_(env),
      executor_(std::move(executor)),
      store_(store),
      options_(options),
      head_(store.log().head),
      room_(executor_) {
  store_.set_feed([this](const std::vector<EventPtr>& events) { receive(events); });
}

Log::~Log() {
  store_.set_feed(nullptr);
  if (subscriptions_.empty()) return;
  // Each would reach for this log when it goes.
  logging::error("a log ends before {} of its subscriptions", subscriptions_.size());
  std::abort();
}

Result<Position> Log::position_of(const Cursor& cursor) const {
  if (cursor.log != store_.log().id) {
    return fail(Errc::cursor_foreign,
                "this cursor is of another log (the town was reset, restored or moved): start "
                "again from the beginning");
  }
  if (cursor.position > head_) {
    return fail(Errc::invalid_argument, "this cursor lies beyond the end of the log");
  }
  const auto log = store_.log();
  if (auto there = store::check_reachable(cursor.position, log.id, log.oldest); !there)
    return fail(there.error());
  return cursor.position;
}

Result<Position> Log::position_of(std::string_view cursor) const {
  const auto parsed = Cursor::parse(cursor);
  if (!parsed) return fail(parsed.error());
  return position_of(*parsed);
}

std::unique_ptr<Subscription> Log::subscribe(SubscribeOptions options) {
  return std::unique_ptr<Subscription>(new Subscription(*this, std::move(options)));
}

std::optional<Held> Holds::lowest() const {
  const auto found = std::ranges::min_element(*list_, {}, &Held::position);
  return found == list_->end() ? std::nullopt : std::optional(*found);
}

void Log::forget(Position upto) {
  while (!tail_.empty() && tail_.front()->position <= upto) {
    tail_bytes_ -= tail_.front()->payload.size();
    tail_.pop_front();
  }
}

void Log::publish(Delta delta) {
  ++counters_.deltas;
  if (live_.empty()) return;
  delta.after = head_;
  const auto shared = std::make_shared<const Delta>(std::move(delta));
  for (auto* subscription : live_) subscription->take_delta(shared);
}

bool Log::crowded(const RunId& run) const {
  return std::ranges::any_of(blocking_, [&](const auto* one) { return one->is_crowded_by(run); });
}

Async<> Log::room(RunId run) {
  const auto since = env_.uptime();
  while (crowded(run)) {
    auto patience = std::chrono::nanoseconds::max();
    for (auto* one : blocking_) {
      if (!one->is_crowded_by(run)) continue;
      const auto left = one->options_.patience - (env_.uptime() - since);
      if (left <= std::chrono::nanoseconds::zero()) {
        one->lose_patience(run);
      } else {
        patience = std::min(patience, left);
      }
    }
    if (!crowded(run)) co_return;
    const auto timer = env_.after(patience, [this] { room_.notify(); });
    co_await room_.wait();
  }
}

void Log::close(Error why) {
  closed_ = std::move(why);
  for (auto* subscription : subscriptions_) subscription->changed_.notify();
}

void Log::receive(const std::vector<EventPtr>& events) {
  for (const auto& event : events) {
    REEVE_CHECK(event->position == next(head_));
    head_ = event->position;
    tail_bytes_ += event->payload.size();
    tail_.push_back(event);
  }
  while (!tail_.empty() &&
         (tail_.size() > options_.tail_events || tail_bytes_ > options_.tail_bytes)) {
    tail_bytes_ -= tail_.front()->payload.size();
    tail_.pop_front();
  }
  for (auto* subscription : subscriptions_) subscription->changed_.notify();
}

}  // namespace reeve::log
