#include "store/redis/publisher.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/logging.h"
#include "store/redis/events.h"

namespace reeve::store::redis {
namespace {

/// Rows that one call reads.
constexpr std::size_t kRows = 1'000;

}  // namespace

Async<> Publisher::tell(Committed done, std::vector<NewEvent> events) {
  if (!has_come_to(done.first)) co_await read_up_to({done.first.value - 1});
  tell_next(done, std::move(events));
}

void Publisher::tell_next(const Committed& done, std::vector<NewEvent> events) {
  std::vector<EventPtr> fresh;
  fresh.reserve(events.size());
  auto at = done.first;
  for (auto& event : events) {
    if (at > log_.head) fresh.push_back(std::make_shared<const Event>(at, std::move(event)));
    at = next(at);
  }
  tell(fresh, done.last);
}

void Publisher::tell(const std::vector<EventPtr>& events, Position head) {
  for (const auto& event : events) {
    log_.bytes += stored_bytes(*event);
    index_.add(*event);
    come_to(event->position);
  }
  log_.head = std::max(log_.head, head);
  come_to(log_.head);
  if (events.empty()) return;
  session_.acknowledged(events.back()->position, events.back()->id);
  if (feed_) feed_(events);
}

Async<> Publisher::read_up_to(Position upto) {
  while (log_.head < upto) {
    auto part = co_await events_between(session_, next(log_.head), upto, kRows);
    if (!part) {
      // It is read with the next commit.
      logging::error("the events up to {} cannot be read: {}", upto.value, part.error().message());
      co_return;
    }
    tell(part->events, part->scanned);
  }
}

void Publisher::found(const LogInfo& log) {
  log_.oldest = std::max(log_.oldest, log.oldest);
  found_ = log;
  come_to(log_.head);
}

void Publisher::come_to(Position told) {
  if (!found_ || told < found_->head) return;
  if (told == found_->head) log_.bytes = found_->bytes;
  found_.reset();
}

void Publisher::removed(Position oldest, std::uint64_t bytes) {
  log_.oldest = std::max(log_.oldest, oldest);
  pruned(bytes);
}
void Publisher::pruned(std::uint64_t bytes) {
  log_.bytes -= std::min(log_.bytes, bytes);
  // Its call was answered, so it was made behind that look.
  if (found_) found_->bytes -= std::min(found_->bytes, bytes);
}

}  // namespace reeve::store::redis
