#include "store/redis/events.h"

#include <algorithm>
#include <memory>

#include "base/limits.h"
#include "store/check.h"
#include "store/redis/codec.h"

namespace reeve::store::redis {
namespace {

/// Positions and events.
Result<std::vector<EventPtr>> decode_events(const std::vector<RedisReply>& parts) {
  std::vector<EventPtr> events;
  events.reserve(parts.size() / 2);
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    const auto position = whole_number<std::uint64_t>(parts[i].text);
    if (!position) return fail(position.error());
    auto event = decode_event({*position}, parts[i + 1].text);
    if (!event) return fail(event.error());
    events.push_back(std::move(*event));
  }
  return events;
}

/// Of a script's "the oldest that is left is N", what every store says of it.
Error expiry_told(const Session& session, Position from, const Error& error) {
  if (!error.is(Errc::cursor_expired)) return error;
  const auto oldest = whole_number<std::uint64_t>(error.message());
  if (!oldest) return not_understood();
  const auto there = check_reachable({from.value - 1}, session.log(), {*oldest});
  return there ? not_understood() : there.error();
}

}  // namespace

Result<EventPage> decode_page(const RedisReply& reply, Position from) {
  if (reply.elements.size() != 2) return fail(not_understood());
  const auto reached = whole_number<std::uint64_t>(reply.elements[0].text);
  if (!reached || *reached + 1 < from.value) return fail(not_understood());
  EventPage page{.events = {}, .scanned = {*reached}};
  const auto& parts = reply.elements[1].elements;
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    auto read = decode_entry(parts[i].text, parts[i + 1].text, from, page.scanned, page.events);
    if (!read) return fail(read.error());
  }
  return page;
}

Async<Result<EventPage>> events_between(Session& session, Position from, Position to,
                                        std::size_t rows) {
  RedisWords args{std::to_string(from.value), std::to_string(to.value), std::to_string(rows),
                  std::to_string(limits::kPageBytes)};
  auto reply = co_await session.run(Script::read, std::move(args));
  if (!reply) co_return fail(expiry_told(session, from, reply.error()));
  co_return decode_page(*reply, from);
}

Async<Result<EventsAt>> events_at(Session& session, std::vector<std::uint64_t> positions,
                                  bool all) {
  RedisWords args{std::to_string(limits::kPageBytes), all ? "1" : "0"};
  for (const auto position : positions) args.push_back(std::to_string(position));
  auto reply = co_await session.run(Script::events_at, std::move(args));
  if (!reply) {
    const auto first = positions.empty() ? Position{1} : Position{positions.front()};
    co_return fail(expiry_told(session, first, reply.error()));
  }
  if (reply->elements.size() != 2) co_return fail(not_understood());
  auto events = decode_events(reply->elements[1].elements);
  if (!events) co_return fail(events.error());
  co_return EventsAt{static_cast<std::size_t>(reply->elements[0].integer), std::move(*events)};
}

}  // namespace reeve::store::redis
