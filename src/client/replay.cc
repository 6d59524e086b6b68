#include "client/replay.h"

#include <algorithm>
#include <charconv>

#include "base/limits.h"
#include "base/quantity.h"

namespace reeve::client {
namespace {

/// How often a replay begins anew that retention may have overtaken.
constexpr int kAttempts = 3;

Error moved() { return {Errc::conflict, "retention was at work meanwhile: try again"}; }

/// How far to go.
struct End {
  Position upto;
  std::optional<Time> time;  ///< ... and no further than what happened by then
};

class Replay {
 public:
  Replay(Client& client, const std::optional<Moment>& until, const OnEvent& on_event)
      : client_(client), until_(until), on_event_(on_event) {}

  /// cursor_expired, conflict: perhaps retention has moved on meanwhile.
  Result<Replayed> once();
  /// Whether somebody was told of an event: then there is no beginning anew.
  [[nodiscard]] bool told() const { return told_; }

 private:
  Result<End> end(const api::TownView& town);
  Status known_at(Time time, Position mark);
  Result<Fold> snapshot();
  Status fold_events(Fold& fold, const End& end);
  Result<std::optional<Event>> event_behind(const Cursor& place);

  Client& client_;
  std::optional<Moment> until_;
  const OnEvent& on_event_;
  LogId log_;
  bool told_ = false;
};

Result<Replayed> Replay::once() {
  auto town = client_.town();
  if (!town) return fail(town.error());
  const auto log = LogId::parse(town->log);
  if (!log) return fail(log.error().during("the town's log"));
  log_ = *log;
  const auto upto = end(*town);
  if (!upto) return fail(upto.error());
  auto fold = snapshot();
  if (!fold) return fail(fold.error());
  const auto mark = fold->position();
  if (next(mark) != Position{static_cast<std::uint64_t>(town->oldest)} && upto->time)
    return fail(moved());
  if (auto folded = fold_events(*fold, *upto); !folded) return fail(folded.error());
  Replayed done{.fold = std::move(*fold), .name = town->name, .cursor = {}, .time = {}};
  const auto at = done.fold.position();
  done.cursor = Cursor{log_, at}.str();
  if (at > mark) {
    const auto last = event_behind(Cursor{log_, {at.value - 1}});
    if (last && *last) done.time = (*last)->time;
  }
  return done;
}

/// The daemon says what is wrong with a place.
Result<End> Replay::end(const api::TownView& town) {
  const Position head{static_cast<std::uint64_t>(town.events)};
  if (!until_) return End{.upto = head, .time = {}};
  if (const auto* time = std::get_if<Time>(&*until_)) {
    const Position mark{static_cast<std::uint64_t>(town.oldest - 1)};
    if (auto known = known_at(*time, mark); !known) return fail(known.error());
    return End{.upto = head, .time = *time};
  }
  auto place = Cursor{log_, {}};
  if (const auto* position = std::get_if<Position>(&*until_)) place.position = *position;
  if (const auto* given = std::get_if<Cursor>(&*until_)) place = *given;
  const auto reached = event_behind(place);
  if (!reached) return fail(reached.error());
  return End{.upto = place.position, .time = {}};
}

Status Replay::known_at(Time time, Position mark) {
  if (mark == Position()) return {};
  const auto first = event_behind(Cursor{log_, mark});
  if (!first) return fail(first.error());
  if (!*first || (*first)->time <= time) return {};
  return fail(Errc::cursor_expired,
              "retention has removed what happened up to " + to_rfc3339(time) +
                  ": the oldest event that is left, at position " +
                  std::to_string((*first)->position.value) + ", is of " +
                  to_rfc3339((*first)->time) + ", and the town is known from cursor " +
                  Cursor{log_, mark}.str() + " on");
}

Result<Fold> Replay::snapshot() {
  std::optional<Fold> fold;
  for (std::optional<std::uint64_t> after = 0; after;) {
    const auto page = client_.snapshot(*after, limits::kPage);
    if (!page) return fail(page.error());
    if (!fold) fold.emplace(page->position);
    if (fold->position() != page->position) return fail(moved());
    for (const auto& doc : page->documents) {
      if (auto put = fold->put({doc.kind, doc.id}, write_json(doc.body)); !put)
        return fail(put.error().during("the town's snapshot"));
    }
    after = page->next;
  }
  return std::move(*fold);
}

Result<std::optional<Event>> Replay::event_behind(const Cursor& place) {
  Client::EventQuery query;
  query.after = place.str();
  query.limit = 1;
  auto page = client_.read_events(query);
  if (!page) return fail(page.error());
  if (page->events.empty()) return std::nullopt;
  return std::move(page->events.front());
}

Status Replay::fold_events(Fold& fold, const End& end) {
  if (fold.position() > end.upto) return fail(moved());
  Client::EventQuery query;
  query.after = Cursor{log_, fold.position()}.str();
  query.limit = limits::kPage;
  if (!on_event_ && !end.time) query.kinds = fact_kinds();
  while (fold.position() < end.upto) {
    const auto page = client_.read_events(query);
    if (!page) return fail(page.error());
    for (const auto& event : page->events) {
      if (event.position > end.upto) break;
      if (end.time && event.time > *end.time) return {};
      if (on_event_) {
        told_ = true;
        if (!on_event_(event)) return {};
      }
      if (auto applied = fold.apply(event); !applied)
        return fail(applied.error().during("event " + std::to_string(event.position.value)));
    }
    const auto reached = Cursor::parse(page->cursor);
    if (!reached) return fail(reached.error());
    if (page->cursor == query.after)
      return fail(Errc::corrupt, "the log ends before position " + std::to_string(end.upto.value));
    fold.reach(std::min(reached->position, end.upto));
    query.after = page->cursor;
  }
  return {};
}

}  // namespace

Result<Moment> parse_moment(std::string_view text, Time now) {
  if (text.starts_with("c1.")) {
    auto cursor = Cursor::parse(text);
    if (!cursor) return fail(cursor.error());
    return *cursor;
  }
  Position position;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position.value);
  if (error == std::errc() && end == text.data() + text.size()) return position;
  if (const auto ago = parse_duration(text)) return now - *ago;
  const auto time = parse_rfc3339(text);
  if (!time) {
    return fail(Errc::invalid_argument,
                "not a moment: \"" + std::string(text.substr(0, 80)) +
                    "\" (a cursor, a position, a time such as 2026-11-21T14:17:38Z, or how long "
                    "ago: 90s, 2h)");
  }
  if (*time > now)
    return fail(Errc::invalid_argument, to_rfc3339(*time) + " is still to come: nobody knows it");
  return *time;
}

Result<Replayed> replay(Client& client, const std::optional<Moment>& until,
                        const OnEvent& on_event) {
  Replay work(client, until, on_event);
  for (int attempt = 1;; ++attempt) {
    auto done = work.once();
    if (done || work.told() || attempt == kAttempts) return done;
    if (!done.error().is(Errc::cursor_expired) && !done.error().is(Errc::conflict)) return done;
  }
}

std::chrono::nanoseconds pause_between(Time last, Time next, double speed) {
  if (next <= last) return {};
  const std::chrono::duration<double> longest = kLongestPause;
  const auto pause = std::chrono::duration<double>(next - last) / speed;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::min(pause, longest));
}

}  // namespace reeve::client
