// emit through the daemon's door.

#include <gtest/gtest.h>

#include "doors/rest/testing.h"
#include "wire/sse.h"

namespace reeve::doors {
namespace {

using namespace std::chrono_literals;

class EventsRunRoutes : public DoorTest {
 protected:
  EventsRunRoutes() {
    provide("model", R"({"turns":[["good ","day"]]})");
    provide("slow", R"({"turns":[[{"hang":true}]]})");
  }
  /// What a stream says until it ends.
  std::vector<wire::SseMessage> stream(std::string method, std::string target,
                                       const json::value& body = json::object()) {
    const auto text = read_stream(std::move(method), std::move(target), write_json(body),
                                  {{"accept", "text/event-stream"}});
    return wire::SseDecoder().feed(text).value();
  }
  static std::string id_of(const Reply& reply) {
    return std::string(reply.body.at("id").as_string());
  }
};

TEST_F(EventsRunRoutes, AskedAndAnswered) {
  const auto asked = post("/v1/runs", {{"provider", "model"}, {"text", "hello"}});
  ASSERT_EQ(asked.status, 201) << asked.text;
  EXPECT_EQ(asked.body.at("run"), asked.body.at("id"));
  const auto done = get("/v1/runs/" + id_of(asked) + "/result");
  ASSERT_EQ(done.status, 200) << done.text;
  EXPECT_EQ(done.body.at("text").as_string(), "good day");
  EXPECT_EQ(done.body.at("state").as_string(), "completed");
  EXPECT_EQ(done.body.at("messages").as_array().size(), 2U);
  const auto view = get("/v1/runs/" + id_of(asked));
  EXPECT_EQ(view.body.at("document").at("provider").as_string(), "model");
  EXPECT_TRUE(view.body.at("finished").as_bool());
}

TEST_F(EventsRunRoutes, AStreamTellsTheRunItsEventsAndItsResult) {
  const auto messages = stream("POST", "/v1/runs", {{"provider", "model"}, {"text", "hello"}});
  ASSERT_GE(messages.size(), 5U);
  EXPECT_EQ(messages.front().event, "run");
  EXPECT_EQ(messages.back().event, "result");
  EXPECT_EQ(parse_json(messages.back().data)->at("text").as_string(), "good day");
  std::vector<std::string> kinds;
  for (const auto& message : messages) {
    if (message.event == "delta" || message.event == "event")
      kinds.emplace_back(parse_json(message.data)->at("kind").as_string());
    EXPECT_EQ(message.event == "event", message.event != "progress" && message.id.has_value());
  }
  EXPECT_EQ(kinds.front(), "RunStarted");
  EXPECT_EQ(kinds.back(), "RunCompleted");
  EXPECT_EQ(std::ranges::count(kinds, "TextDelta"), 2);
}

TEST_F(EventsRunRoutes, ARunThatIsOverIsToldFromItsBeginning) {
  const auto asked = post("/v1/runs", {{"provider", "model"}, {"text", "hello"}});
  ASSERT_EQ(get("/v1/runs/" + id_of(asked) + "/result").status, 200);
  const auto messages = stream("GET", "/v1/runs/" + id_of(asked));
  ASSERT_GE(messages.size(), 3U);
  EXPECT_EQ(messages[0].event, "run");
  EXPECT_EQ(parse_json(messages[1].data)->at("kind").as_string(), "RunStarted");
  EXPECT_EQ(messages.back().event, "result");
}

TEST_F(EventsRunRoutes, G9ARepeatedRequestIsTheSameRun) {
  const json::object request{{"provider", "model"}, {"text", "hello"}, {"client_request_id", "r1"}};
  const auto first = post("/v1/runs", request);
  const auto again = post("/v1/runs", request);
  EXPECT_EQ(id_of(first), id_of(again));
  // The header of every other request does the same.
  const json::object plain{{"provider", "model"}, {"text", "hello"}};
  const auto by_key = post("/v1/runs", plain, {{"idempotency-key", "k1"}});
  EXPECT_NE(id_of(by_key), id_of(first));
  EXPECT_EQ(id_of(post("/v1/runs", plain, {{"idempotency-key", "k1"}})), id_of(by_key));
  const json::object other{{"provider", "model"}, {"text", "other"}, {"client_request_id", "r1"}};
  EXPECT_EQ(post("/v1/runs", other).code(), "conflict");
}

TEST_F(EventsRunRoutes, ARunIsEndedByItsIdOrByItsTimeout) {
  const auto asked = post("/v1/runs", {{"provider", "slow"}, {"text", "hello"}});
  EXPECT_EQ(post("/v1/runs/" + id_of(asked) + "/cancel", {{"reason", "enough"}}).status, 202);
  const auto done = get("/v1/runs/" + id_of(asked) + "/result");
  EXPECT_EQ(done.body.at("state").as_string(), "cancelled");
  EXPECT_EQ(done.body.at("error").as_string(), "enough");

  const auto limited =
      post("/v1/runs", {{"provider", "slow"}, {"text", "hello"}, {"timeout_ms", 1000}});
  world_.env.advance(2s);
  EXPECT_EQ(get("/v1/runs/" + id_of(limited) + "/result").body.at("reason").as_string(), "timeout");
  const auto later = post("/v1/runs", {{"provider", "slow"}, {"text", "hello"}});
  EXPECT_EQ(post("/v1/runs/" + id_of(later) + "/control", {{"timeout_ms", 1000}}).status, 200);
  world_.quiet();
  world_.env.advance(2s);
  EXPECT_EQ(get("/v1/runs/" + id_of(later) + "/result").body.at("reason").as_string(), "timeout");
}

TEST_F(EventsRunRoutes, WrongRequestsAreToldSo) {
  EXPECT_EQ(post("/v1/runs", {{"text", "hello"}}).code(), "invalid_argument");
  EXPECT_EQ(post("/v1/runs", {{"provider", "model"}}).code(), "invalid_argument");
  EXPECT_EQ(post("/v1/runs", {{"provider", "nobody"}, {"text", "x"}}).code(), "not_found");
  EXPECT_EQ(post("/v1/runs", {{"provider", "model"}, {"text", "x"}, {"timeout_ms", -1}}).code(),
            "invalid_argument");
  EXPECT_EQ(get("/v1/runs/nonsense").code(), "invalid_argument");
  EXPECT_EQ(get("/v1/runs/0197f7a5-0000-7000-8000-000000000001").code(), "not_found");
  const auto names = get("/v1/providers").body.at("providers").as_array();
  EXPECT_EQ(names.size(), 2U);
}

TEST_F(EventsRunRoutes, ACallerWhoHangsUpDoesNotTearTheRun) {
  const auto asked = hang_up("POST", "/v1/runs",
                             write_json(json::object{{"provider", "model"}, {"text", "hello"}}));
  EXPECT_TRUE(asked);
  ASSERT_TRUE(world_.until_event("RunCompleted"));
  EXPECT_EQ(world_.count("RunStarted"), 1U);
}

TEST_F(EventsRunRoutes, ValuesBesideAConversation) {
  const std::string session = "/v1/sessions/0197f7a5-0000-7000-8000-000000000009/data/";
  EXPECT_EQ(get(session + "colour").code(), "not_found");
  EXPECT_EQ(ask("PUT", session + "colour", R"("green")").status, 200);
  EXPECT_EQ(get(session + "colour").text, R"("green")");
  EXPECT_EQ(ask("PUT", session + "colour", "no JSON").code(), "invalid_argument");
  EXPECT_EQ(ask("PUT", session + std::string(300, 'k'), "1").code(), "invalid_argument");
  EXPECT_EQ(ask("DELETE", session + "colour").status, 200);
  EXPECT_EQ(get(session + "colour").code(), "not_found");
}

}  // namespace
}  // namespace reeve::doors
