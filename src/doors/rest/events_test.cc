#include "doors/rest/testing.h"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

namespace reeve::doors {
namespace {

using RoutesTest = DoorTest;

TEST_F(RoutesTest, EventsAreReadPageByPage) {
  for (const std::string name : {"a1", "a2", "a3", "a4", "a5"}) spawn(name);
  std::string after;
  std::vector<std::int64_t> positions;
  for (;;) {
    const auto page = get("/v1/events?limit=2" + after);
    ASSERT_EQ(page.status, 200) << page.text;
    for (const auto& event : page.body.at("events").as_array())
      positions.push_back(event.at("position").as_int64());
    if ("&after=" + cursor(page) == after) break;
    after = "&after=" + cursor(page);
  }
  EXPECT_EQ(positions, (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
}

TEST_F(RoutesTest, APageCanBeginNowAndEndWithTheNewest) {
  for (const std::string name : {"a1", "a2", "a3"}) spawn(name);
  const auto now = get("/v1/events?from=now");
  EXPECT_TRUE(kinds(now).empty());
  EXPECT_EQ(kinds(get("/v1/events?from=beginning")).size(), 3U);
  spawn("a4");
  EXPECT_EQ(kinds(get("/v1/events?after=" + cursor(now))).size(), 1U);
  const auto newest = get("/v1/events?latest=2");
  ASSERT_EQ(kinds(newest).size(), 2U);
  EXPECT_EQ(newest.body.at("events").at(1).at("position").as_int64(), 4);
  EXPECT_EQ(kinds(get("/v1/events?after=" + cursor(newest))).size(), 0U);
}

TEST_F(RoutesTest, EventsAreFilteredByScopeAndKind) {
  spawn("ada");
  spawn("bob");
  supervisor_.hold();
  const auto task = assign("ada", "paint");
  EXPECT_EQ(kinds(get("/v1/events?scope=agent:bob")), std::vector<std::string>{"AgentSpawned"});
  EXPECT_EQ(kinds(get("/v1/events?scope=agent:ADA&kind=TaskAssigned")),
            std::vector<std::string>{"TaskAssigned"});
  EXPECT_EQ(kinds(get("/v1/events?scope=task:" + task.substr(0, 8))).size(), 3U);
  EXPECT_EQ(kinds(get("/v1/events?kind=TaskCreated&kind=MessageSent")).size(), 2U);
  EXPECT_TRUE(kinds(get("/v1/events?kind=Nothing")).empty());
}

TEST_F(RoutesTest, AQueryForEventsThatIsNoneIsSaidSo) {
  spawn("ada");
  const Cursor foreign{LogId(world_.env.uuid4()), Position{1}};
  EXPECT_EQ(get("/v1/events?after=" + foreign.str()).code(), "cursor_foreign");
  const auto beyond = world_.log.cursor(Position{99}).str();
  for (const std::string query :
       {"after=nonsense", "after=", "from=yesterday", "limit=x", "limit=1001", "latest=-1",
        "scope=nonsense", "colour=red", "deltas=maybe"}) {
    const auto reply = get("/v1/events?" + query);
    EXPECT_EQ(reply.status, 400) << query << reply.text;
  }
  EXPECT_EQ(get("/v1/events?after=" + beyond).status, 400);
}

/// A stream of events, followed as long as this lives.
class Followed {
 public:
  Followed(World& world, Rest& rest, std::string target, std::string last_event_id = "")
      : world_(world), group_(world.loop.get_executor()) {
    net::Request request;
    request.target = std::move(target);
    request.headers = {{"accept", "text/event-stream"}};
    if (!last_event_id.empty())
      request.headers.emplace_back("last-event-id", std::move(last_event_id));
    EXPECT_TRUE(net::read_target(request));
    answer_ = world_.await(answer(rest, std::move(request)));
    if (!answer_.stream) throw std::runtime_error("not a stream: " + answer_.response.body);
    group_.spawn("stream", answer_.stream(said_));
    world_.quiet();
  }
  ~Followed() {
    group_.cancel();
    until_its_end();
  }
  Followed(const Followed&) = delete;
  Followed& operator=(const Followed&) = delete;

  /// Returns when the door has ended it.
  void until_its_end() { world_.await(group_.join()); }
  [[nodiscard]] const std::string& text() const { return said_.text; }

 private:
  World& world_;
  net::Answer answer_;
  Collector said_;
  aio::TaskGroup group_;
};

TEST_F(RoutesTest, WhoWaitsOrFollowsIsToldThatTheDaemonStops) {
  spawn("ada");
  const auto task = assign("ada", "paint");
  std::vector<net::Answer> answers;
  const auto wait = [](Rest& rest, std::string target, std::vector<net::Answer>* into) -> Async<> {
    net::Request request;
    request.target = std::move(target);
    EXPECT_TRUE(net::read_target(request));
    into->push_back(co_await answer(rest, std::move(request)));
  };
  Followed followed(world_, rest_, "/v1/events?from=now");
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("agent", wait(rest_, "/v1/agents/ada/wait", &answers));
  group.spawn("task", wait(rest_, "/v1/tasks/" + task + "/wait", &answers));
  world_.quiet();
  ASSERT_TRUE(answers.empty());
  // As the daemon does it.
  world_.await(supervisor_.close());
  world_.log.close(Error(Errc::unavailable, "the daemon is stopping"));
  world_.await(group.join());
  followed.until_its_end();
  ASSERT_EQ(answers.size(), 2U);
  for (const auto& one : answers) {
    EXPECT_EQ(one.response.status, 503);
    EXPECT_TRUE(one.response.body.contains("the daemon is stopping")) << one.response.body;
  }
  EXPECT_TRUE(
      followed.text().contains("event: error\ndata: {\"code\":\"unavailable\",\"detail\":"
                               "\"the daemon is stopping\"}"))
      << followed.text();
}

TEST_F(RoutesTest, AStreamBeginsWhereItsCursorIsAndGoesOnLive) {
  spawn("ada");
  const auto after = cursor(get("/v1/events"));
  spawn("bob");
  const Followed followed(world_, rest_, "/v1/events?after=" + after);
  EXPECT_TRUE(followed.text().contains("event: progress"));
  EXPECT_TRUE(followed.text().contains("\"bob\""));
  EXPECT_FALSE(followed.text().contains("\"ada\""));
  spawn("eve");
  world_.quiet();
  EXPECT_TRUE(followed.text().contains("\"eve\""));
  EXPECT_TRUE(followed.text().contains("id: " + world_.log.cursor(Position{3}).str()));
}

// --- One conversation's and one run's events -----------------------------------------------------

class EventsRoutes : public RoutesTest {
 protected:
  EventsRoutes() {
    thread_.id = ThreadId(world_.env.uuid4());
    EXPECT_TRUE(world_.commit({fact::ThreadStarted{thread_}}));  // 1
    for (auto& run : runs_of_it_) {                              // 2 and 4
      run.id = RunId(world_.env.uuid4());
      run.thread = thread_.id;
      EXPECT_TRUE(world_.commit({fact::RunStarted{run}}));
      spawn("a" + run.id.str().substr(0, 4));  // and between them another's
    }
  }
  [[nodiscard]] std::string of_thread() const { return "scope=thread:" + thread_.id.str(); }
  static std::vector<std::int64_t> positions(const Reply& reply) {
    std::vector<std::int64_t> out;
    for (const auto& event : reply.body.at("events").as_array())
      out.push_back(event.at("position").as_int64());
    return out;
  }

  Thread thread_;
  std::array<reeve::Run, 2> runs_of_it_;
};

TEST_F(EventsRoutes, ListThreadEventsUsesEventStoreCursors) {
  const auto first = get("/v1/events?limit=2&" + of_thread());
  EXPECT_EQ(positions(first), (std::vector<std::int64_t>{1, 2}));
  const auto rest = get("/v1/events?limit=2&" + of_thread() + "&after=" + cursor(first));
  EXPECT_EQ(positions(rest), (std::vector<std::int64_t>{4}));
  EXPECT_EQ(Cursor::parse(cursor(rest)).value().position, world_.log.head());
}

TEST_F(EventsRoutes, ListRunEventsUseScopedEventStoreCursors) {
  const auto first = get("/v1/events?scope=run:" + runs_of_it_[1].id.str());
  EXPECT_EQ(positions(first), (std::vector<std::int64_t>{4}));
  fact::RunCompleted end;
  end.run = runs_of_it_[1].id;
  end.thread = thread_.id;
  ASSERT_TRUE(world_.commit({end}));
  const auto next =
      get("/v1/events?scope=run:" + runs_of_it_[1].id.str() + "&after=" + cursor(first));
  EXPECT_EQ(kinds(next), std::vector<std::string>{"RunCompleted"});
}

TEST_F(EventsRoutes, ListThreadEventsReturnsGoneForExpiredCursor) {
  const auto old = world_.log.cursor({1}).str();
  EXPECT_EQ(get("/v1/events?" + of_thread() + "&after=" + old).status, 200);
  store::Truncation cut;
  cut.upto = {2};
  world_.made_up = true;  // without the snapshot that belongs to it
  ASSERT_TRUE(world_.await(world_.store.truncate(std::move(cut))));
  const auto gone = get("/v1/events?" + of_thread() + "&after=" + old);
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(gone.code(), "cursor_expired");
  EXPECT_TRUE(gone.detail().contains(world_.log.cursor({2}).str())) << gone.detail();
}

TEST_F(EventsRoutes, StreamThreadEventsReplaysAfterLastEventId) {
  const Followed followed(world_, rest_, "/v1/events?" + of_thread(), world_.log.cursor({2}).str());
  EXPECT_FALSE(followed.text().contains(runs_of_it_[0].id.str()));
  EXPECT_TRUE(followed.text().contains(runs_of_it_[1].id.str()));
  EXPECT_TRUE(followed.text().contains("id: " + world_.log.cursor({4}).str()));
}

}  // namespace
}  // namespace reeve::doors
