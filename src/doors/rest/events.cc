#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "doors/rest/call.h"
#include "town/directory.h"
#include "wire/sse.h"

namespace reeve::doors {
namespace {

/// Often enough that a reader who hears nothing for a minute knows that the daemon is gone.
constexpr auto kHeartbeat = std::chrono::seconds(15);

/// What the query of a request for events asks for.
struct Wanted {
  log::SubscribeOptions options;
  bool from_now = false;  ///< said so: a page begins at the beginning otherwise, a stream now
  std::size_t limit = limits::kPage;
  bool latest = false;  ///< the newest ones, instead of those behind a place
};

/// Behind a cursor.
Result<log::From> place_of(const Rest& rest, std::string_view text) {
  const auto position = rest.ground.log.position_of(text);
  if (!position) return fail(position.error());
  return log::From::after(*position);
}

Async<Result<Wanted>> read_query(Rest& rest, const net::Request& request) {
  Wanted wanted;
  for (const auto& [name, value] : request.query) {
    if (name == "after") {
      const auto place = place_of(rest, value);
      if (!place) co_return fail(place.error());
      wanted.options.from = *place;
    } else if (name == "from") {
      if (value != "now" && value != "beginning") {
        co_return fail(Errc::invalid_argument, "from: now or beginning");
      }
      wanted.from_now = value == "now";
      wanted.options.from = wanted.from_now ? log::From::now() : log::From::beginning();
    } else if (name == "scope") {
      auto scope = co_await town::find_scope(rest.ground.log.store(), value);
      if (!scope) co_return fail(scope.error());
      wanted.options.filter.scopes.push_back(std::move(*scope));
    } else if (name == "kind") {
      wanted.options.filter.kinds.push_back(value);
    } else if (name == "deltas") {
      wanted.options.deltas = value == "1" || value == "true";
      if (!wanted.options.deltas && value != "0" && value != "false")
        co_return fail(Errc::invalid_argument, "deltas: 1 or 0");
    } else if (name == "slow") {
      if (value != "gap" && value != "block")
        co_return fail(Errc::invalid_argument, "slow: gap or block");
      wanted.options.block = value == "block";
    } else if (name == "latest" || name == "limit") {
      wanted.latest = wanted.latest || name == "latest";
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), wanted.limit);
      if (error != std::errc() || end != value.data() + value.size() ||
          wanted.limit > limits::kPage) {
        co_return fail(Errc::invalid_argument,
                       name + ": expected a number up to " + std::to_string(limits::kPage));
      }
    } else {
      co_return fail(
          Errc::invalid_argument,
          "unknown parameter " + name + " (after, from, scope, kind, deltas, slow, limit, latest)");
    }
  }
  co_return wanted;
}

Async<> stream_events(Rest& rest, log::SubscribeOptions options, net::Writer& writer) {
  options.heartbeat = kHeartbeat;
  const auto subscription = rest.ground.log.subscribe(std::move(options));
  // A first frame says where the stream begins, so that a client can resume even if nothing comes.
  std::string chunk = encode_frame(rest.ground.log, Progress{subscription->position()});
  for (;;) {
    if (!co_await writer.write(chunk)) co_return;
    auto frames = co_await subscription->next();
    chunk.clear();
    if (!frames) {
      static_cast<void>(co_await writer.write(encode_error(frames.error())));
      co_return;
    }
    for (const auto& frame : *frames) chunk += encode_frame(rest.ground.log, frame);
  }
}

/// The beginning is the oldest event that is left, wherever retention has got to by then.
Async<Result<store::EventPage>> read_page(Rest& rest, const Wanted& wanted) {
  auto& store = rest.ground.log.store();
  const auto& from = wanted.options.from;
  for (int attempt = 1;; ++attempt) {
    auto after = store.log().mark();
    if (wanted.from_now) after = rest.ground.log.head();
    if (from.where == log::From::Where::after) after = from.position;
    auto page = co_await store.read(after, wanted.options.filter, wanted.limit);
    const bool overtaken = !page && page.error().is(Errc::cursor_expired) && !wanted.from_now &&
                           from.where != log::From::Where::after;
    if (!overtaken || attempt == run::kAttempts) co_return page;
  }
}

}  // namespace

std::string encode_frame(const log::Log& log, const Frame& frame) {
  wire::SseMessage message;
  message.event = frame_name(frame);
  message.data = frame_json(frame);
  if (const auto position = frame_position(frame)) message.id = log.cursor(*position).str();
  return wire::encode_sse(message);
}

std::string encode_error(const Error& error) {
  wire::SseMessage message;
  message.event = "error";
  message.data = write_json({{"code", describe(error.code()).name}, {"detail", error.message()}});
  return wire::encode_sse(message);
}

Async<net::Answer> answer_events(Rest& rest, const net::Request& request) {
  auto wanted = co_await read_query(rest, request);
  if (!wanted) co_return net::problem_response(wanted.error());
  if (net::header(request.headers, "accept").contains("text/event-stream")) {
    // A client that connects again by itself repeats its address, and says here how far it came.
    if (const auto last = net::header(request.headers, "last-event-id"); !last.empty()) {
      const auto place = place_of(rest, last);
      if (!place) co_return net::problem_response(place.error());
      wanted->options.from = *place;
    }
    auto body = [&rest, options = wanted->options](net::Writer& writer) {
      return stream_events(rest, options, writer);
    };
    co_return net::event_stream(std::move(body));
  }

  auto& store = rest.ground.log.store();
  const auto& log = rest.ground.log;
  std::vector<EventPtr> events;
  Position reached = log.head();
  if (wanted->latest) {
    auto newest = co_await store.latest(wanted->options.filter, wanted->limit);
    if (!newest) co_return net::problem_response(newest.error());
    events = std::move(*newest);
    if (!events.empty()) reached = std::max(reached, events.back()->position);
  } else {
    auto page = co_await read_page(rest, *wanted);
    if (!page) co_return net::problem_response(page.error());
    events = std::move(page->events);
    reached = page->scanned;
  }
  // A store can be read a moment before its log knows: such events are left for the next page, so
  // that the cursor is one that the log takes.
  while (!events.empty() && events.back()->position > log.head()) events.pop_back();
  reached = std::min(reached, log.head());
  std::string body = "{\"events\":[";
  for (const auto& event : events) {
    if (body.back() != '[') body += ',';
    body += event_json(*event);
  }
  body += "],\"cursor\":\"" + rest.ground.log.cursor(reached).str() + "\"}";
  co_return net::json_response(200, std::move(body));
}

}  // namespace reeve::doors
