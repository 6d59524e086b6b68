#include "client/replay.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>

#include "base/limits.h"
#include "client/testing.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;
using testing::ClientTest;
using testing::FakeDaemon;
using ::testing::HasSubstr;

const Time kDawn = from_ms(1'700'000'000'000);

template <class I>
I id(std::uint8_t number) {
  return I(Uuid{{number}});
}

/// A log, and a daemon that shows it; retention may be at work between two requests.
class EventsReplayClient : public ClientTest {
 protected:
  EventsReplayClient() {
    settings_.round_token = "";
    for (std::uint8_t day = 1; day <= 4; ++day) {
      Agent agent;
      agent.id = id<AgentId>(day);
      agent.name = "agent" + std::to_string(day);
      add(fact::AgentSpawned{agent});
      Task task;
      task.id = id<TaskId>(day);
      add(fact::TaskCreated{task});
      add("RawLine", R"({"line":"x"})");
      add(fact::TaskAssigned{task.id, agent.id});
      add(fact::TaskCompleted{task.id, agent.id, {}, "done"});
    }
  }

  void add(const Fact& fact) {
    add(std::string(kind_of(fact)),
        std::visit([](const auto& typed) { return write_json_of(typed); }, fact));
  }
  void add(std::string kind, std::string payload) {
    NewEvent event;
    event.kind = std::move(kind);
    event.origin = "test";
    event.time = kDawn + std::chrono::seconds(log_.size());
    event.payload = std::move(payload);
    log_.emplace_back(Position{log_.size() + 1}, std::move(event));
  }
  [[nodiscard]] Fold fold(std::uint64_t events) const {
    Fold fold;
    for (const auto& event : std::span(log_).first(events)) EXPECT_TRUE(fold.apply(event));
    return fold;
  }
  [[nodiscard]] std::string cursor(std::uint64_t position) const {
    return Cursor{log_id_, {position}}.str();
  }

  net::Answer answer(const net::Request& request) {
    ++requests_;
    if (before_) before_(request);
    if (request.path == "/v1/town") {
      api::TownView town;
      town.name = "oak";
      town.log = log_id_.str();
      town.events = static_cast<std::int64_t>(log_.size());
      town.oldest = static_cast<std::int64_t>(mark_ + 1);
      return net::json_response(200, write_json_of(town));
    }
    if (request.path == "/v1/snapshot") return snapshot(request);
    if (request.path == "/v1/events") return events(request);
    return net::problem_response(Error(Errc::not_found, request.path));
  }
  net::Answer snapshot(const net::Request& request) {
    api::SnapshotView page;
    page.position = {mark_};
    page.cursor = cursor(mark_);
    auto docs = fold(mark_).documents();
    const auto after = std::stoull(std::string(request.param("after").value()));
    for (auto at = after; at < docs.size() && page.documents.size() < 3; ++at) {
      page.documents.push_back(
          {docs[at].name.kind, docs[at].name.id, parse_json(docs[at].body).value()});
      page.next = at + 1;
    }
    return net::json_response(200, write_json_of(page));
  }
  net::Answer events(const net::Request& request) {
    const auto after = Cursor::parse(request.param("after").value()).value();
    if (after.log != log_id_) return net::problem_response(Error(Errc::cursor_foreign, "another"));
    const auto from = after.position.value;
    if (from > log_.size()) return net::problem_response(Error(Errc::invalid_argument, "beyond"));
    if (from < mark_)
      return net::problem_response(Error(Errc::cursor_expired, "left: " + cursor(mark_)));
    std::set<std::string> kinds;
    for (const auto& [name, value] : request.query) {
      if (name == "kind") kinds.insert(value);
    }
    const auto limit = std::stoull(std::string(request.param("limit").value()));
    std::string body = "{\"events\":[";
    auto at = from;
    // Pages are small, as they are where events are large.
    for (std::size_t number = 0; at < log_.size() && number < std::min<std::size_t>(limit, 4);
         ++at) {
      if (!kinds.empty() && !kinds.contains(log_[at].kind)) continue;
      body += (body.ends_with('[') ? "" : ",") + event_json(log_[at]);
      ++number;
    }
    return net::json_response(200, body + "],\"cursor\":\"" + cursor(at) + "\"}");
  }

  Result<Replayed> replay(const std::optional<Moment>& until, const OnEvent& on_event = {}) {
    auto asks = client();
    return client::replay(asks, until, on_event);
  }

  LogId log_id_ = id<LogId>(9);
  std::vector<Event> log_;
  std::atomic<std::uint64_t> mark_ = 0;
  std::atomic<int> requests_ = 0;
  std::function<void(const net::Request& request)> before_;  // on the daemon's thread
  FakeDaemon daemon_{folder(), [this](auto, const auto& request) { return answer(request); }};
};

TEST_F(EventsReplayClient, G11EveryMomentThatIsLeftIsTheFoldOfAllThatLedToIt) {
  for (const std::uint64_t mark : {0U, 1U, 7U, 20U}) {
    mark_ = mark;
    for (std::uint64_t at = 0; at <= log_.size(); ++at) {
      SCOPED_TRACE(std::to_string(at) + " of a log from " + std::to_string(mark));
      const auto town = replay(Moment(Position{at}));
      if (at < mark) {
        ASSERT_FALSE(town);
        EXPECT_EQ(town.error(), Error(Errc::cursor_expired, "left: " + cursor(mark)));
        continue;
      }
      ASSERT_TRUE(town) << town.error().message();
      EXPECT_TRUE(town->fold.differences(fold(at).documents()).empty());
      EXPECT_EQ(town->fold.position().value, at);
      EXPECT_EQ(town->cursor, cursor(at));
      EXPECT_EQ(town->name, "oak");
      if (at > mark) {
        EXPECT_EQ(town->time, log_[at - 1].time);
      } else {
        EXPECT_FALSE(town->time);
      }
    }
  }
}

TEST_F(EventsReplayClient, AMomentIsACursorOrATimeToo) {
  EXPECT_EQ(replay(std::nullopt)->fold.position().value, log_.size());
  EXPECT_EQ(replay(Moment(Cursor{log_id_, {7}}))->fold.position().value, 7U);
  EXPECT_EQ(replay(Moment(kDawn + 6s))->fold.position().value, 7U);
  EXPECT_EQ(replay(Moment(kDawn + 6900ms))->fold.position().value, 7U);
  EXPECT_EQ(replay(Moment(kDawn - 1s))->fold.position().value, 0U);
  EXPECT_EQ(replay(Moment(kDawn + 1h))->fold.position().value, log_.size());
}

TEST_F(EventsReplayClient, G11ATimeOfWhatIsGoneIsRefusedWithWhatIsLeft) {
  mark_ = 5;
  EXPECT_EQ(replay(Moment(kDawn + 5s))->fold.position().value, 6U);
  const auto gone = replay(Moment(kDawn + 4s));  // it is the last that went, but who knows that?
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().is(Errc::cursor_expired));
  EXPECT_THAT(gone.error().message(), HasSubstr(to_rfc3339(log_[5].time)));
  EXPECT_THAT(gone.error().message(), HasSubstr(cursor(5)));
}

TEST_F(EventsReplayClient, WhatIsNoMomentOfThisLogIsToldAtOnce) {
  EXPECT_TRUE(replay(Moment(Cursor{id<LogId>(1), {7}})).error().is(Errc::cursor_foreign));
  EXPECT_TRUE(replay(Moment(Position{21})).error().is(Errc::invalid_argument));
  EXPECT_LE(requests_, 4);
}

TEST_F(EventsReplayClient, EachEventIsToldInItsOrder) {
  mark_ = 2;
  std::vector<std::uint64_t> told;
  const auto town = replay(Moment(Position{9}), [&](const Event& event) {
    told.push_back(event.position.value);
    return true;
  });
  EXPECT_THAT(told, ::testing::ElementsAre(3, 4, 5, 6, 7, 8, 9));
  EXPECT_TRUE(town->fold.differences(fold(9).documents()).empty());
  told.clear();
  const auto half = replay(std::nullopt, [&](const Event& event) {
    told.push_back(event.position.value);
    return told.size() < 3;
  });
  EXPECT_THAT(told, ::testing::ElementsAre(3, 4, 5));
  EXPECT_EQ(half->fold.position().value, 4U);
}

TEST_F(EventsReplayClient, WhereNobodyIsToldOnlyFactsAreRead) {
  std::set<std::string> kinds;
  before_ = [&](const net::Request& request) {
    if (request.param("limit") != std::to_string(limits::kPage)) return;
    for (const auto& [name, value] : request.query) {
      if (name == "kind") kinds.insert(value);
    }
  };
  ASSERT_TRUE(replay(std::nullopt));
  const auto facts = fact_kinds();
  EXPECT_EQ(kinds, std::set(facts.begin(), facts.end()));
  kinds.clear();
  ASSERT_TRUE(replay(std::nullopt, [](const Event&) { return true; }));
  EXPECT_TRUE(kinds.empty());
}

TEST_F(EventsReplayClient, G11RetentionThatOvertakesItChangesNothing) {
  const auto expected = fold(20).documents();
  // Before every request in turn, retention moves on by some.
  for (int when = 1; when < 12; ++when) {
    SCOPED_TRACE(when);
    mark_ = 1;
    requests_ = 0;
    before_ = [&](const net::Request&) {
      if (requests_ == when) mark_ = 14;
    };
    const auto town = replay(Moment(Position{20}));
    ASSERT_TRUE(town) << town.error().message();
    EXPECT_TRUE(town->fold.differences(expected).empty());
  }
  for (int when = 1; when < 12; ++when) {
    SCOPED_TRACE(when);
    mark_ = 1;
    requests_ = 0;
    before_ = [&](const net::Request&) {
      if (requests_ == when) mark_ = 14;
    };
    const auto town = replay(Moment(kDawn + 9s));
    if (town) {
      EXPECT_TRUE(town->fold.differences(fold(10).documents()).empty());
    } else {
      EXPECT_TRUE(town.error().is(Errc::cursor_expired)) << town.error().message();
    }
  }
}

TEST_F(EventsReplayClient, G11WhatWasToldIsNotToldAgain) {
  std::vector<std::uint64_t> told;
  const auto town = replay(std::nullopt, [&](const Event& event) {
    told.push_back(event.position.value);
    mark_ = 15;
    return true;
  });
  ASSERT_FALSE(town);
  EXPECT_TRUE(town.error().is(Errc::cursor_expired));
  EXPECT_THAT(told, ::testing::ElementsAre(1, 2, 3, 4));  // a page of them
}

TEST_F(EventsReplayClient, ARetentionThatIsAlwaysFasterIsToldAfterAWhile) {
  before_ = [&](const net::Request& request) {
    if (request.path == "/v1/events") ++mark_;
  };
  EXPECT_FALSE(replay(std::nullopt));
  EXPECT_LT(requests_, 30);
}

// --- Moments and pauses --------------------------------------------------------------------------

TEST(EventsReplayMoments, AreWrittenAsPeopleKnowThem) {
  const auto now = kDawn;
  const Cursor cursor{id<LogId>(9), {7}};
  EXPECT_EQ(parse_moment(cursor.str(), now), Moment(cursor));
  EXPECT_EQ(parse_moment("0", now), Moment(Position{0}));
  EXPECT_EQ(parse_moment("1234", now), Moment(Position{1234}));
  EXPECT_EQ(parse_moment("90s", now), Moment(now - 90s));
  EXPECT_EQ(parse_moment("2h", now), Moment(now - 2h));
  EXPECT_EQ(parse_moment(to_rfc3339(now - 5s), now), Moment(now - 5s));
  EXPECT_EQ(parse_moment(to_rfc3339(now), now), Moment(now));
  for (const auto* wrong :
       {"", "yesterday", "-1", "1.5", "c1.x.7", "99999999999999999999", "2026-11-21", "12x"}) {
    EXPECT_TRUE(parse_moment(wrong, now).error().is(Errc::invalid_argument)) << wrong;
  }
  const auto future = parse_moment(to_rfc3339(now + 1s), now);
  ASSERT_FALSE(future);
  EXPECT_THAT(future.error().message(), HasSubstr("still to come"));
}

TEST(EventsReplayMoments, PausesAreAsLongAsTheyWereUpToALimit) {
  EXPECT_EQ(pause_between(kDawn, kDawn + 500ms, 1), 500ms);
  EXPECT_EQ(pause_between(kDawn, kDawn + 500ms, 10), 50ms);
  EXPECT_EQ(pause_between(kDawn, kDawn + 500ms, 0.5), 1s);
  EXPECT_EQ(pause_between(kDawn, kDawn + 72h, 1), kLongestPause);
  EXPECT_EQ(pause_between(kDawn, kDawn + 72h, 1e-300), kLongestPause);
  EXPECT_EQ(pause_between(kDawn, kDawn, 1), 0s);
  EXPECT_EQ(pause_between(kDawn, kDawn - 1h, 1), 0s);
}

}  // namespace
}  // namespace reeve::client
