#include "log/follower.h"

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/logging.h"

namespace reeve::log {

Follower::Follower(Env& env, Log& log, EventFilter filter, std::string topic)
    : env_(env),
      subscription_(log.subscribe({.filter = std::move(filter), .hold_as = topic})),
      topic_(std::move(topic)) {}

Async<std::vector<EventPtr>> Follower::next() {
  std::vector<EventPtr> events;
  for (Backoff backoff; events.empty();) {
    const auto frames = co_await subscription_->next();
    if (!frames) {
      logging::error("{} cannot be followed now: {}", topic_, frames.error().message());
      co_await aio::sleep(env_, backoff.next());
      continue;
    }
    backoff.reset();
    for (const auto& frame : *frames) {
      if (const auto* event = std::get_if<EventPtr>(&frame)) events.push_back(*event);
    }
  }
  co_return events;
}

}  // namespace reeve::log
