// Messages over HTTP.

#include "doors/rest/testing.h"

namespace reeve::doors {
namespace {

class TownMessagesDoor : public DoorTest {
 protected:
  std::string send(const json::value& body) {
    const auto sent = post("/v1/messages", body);
    EXPECT_EQ(sent.status, 201) << sent.text;
    return std::string(sent.body.at("id").as_string());
  }
  std::size_t waiting(const std::string& of) {
    return get("/v1/agents/" + of + "/inbox").body.at("messages").as_array().size();
  }
};

TEST_F(TownMessagesDoor, AQuestionIsSentShownAnsweredAndRead) {
  const auto id = send({{"to", "supervisor"}, {"text", "which?"}, {"type", "query"}});
  const auto shown = get("/v1/messages/" + id.substr(0, 8));
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.body.at("message").at("id").as_string(), id);
  EXPECT_EQ(shown.body.at("to"), "supervisor");
  const auto replied = post("/v1/messages/" + id + "/reply", {{"text", "this one"}});
  EXPECT_EQ(replied.status, 201);
  EXPECT_EQ(replied.body.at("reply_to").as_string(), id);
  const auto answer = get("/v1/messages/" + id + "/answer");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.at("text"), "this one");
  EXPECT_EQ(answer.body.at("by"), "message");
  EXPECT_EQ(get("/v1/messages/ffff/answer").code(), "not_found");
}

TEST_F(TownMessagesDoor, TheMailboxIsDoneWith) {
  send({{"to", "supervisor"}, {"text", "one"}});
  const auto second = send({{"to", "supervisor"}, {"text", "two"}});
  const auto done = post("/v1/messages/done", {{"ids", {second}}});
  EXPECT_EQ(done.status, 200) << done.text;
  EXPECT_EQ(done.body.at("number"), 1);
  EXPECT_EQ(waiting("supervisor"), 1U);
  EXPECT_EQ(post("/v1/messages/done", {{"all", true}}).body.at("number"), 1);
  EXPECT_EQ(post("/v1/messages/done", {{"all", false}}).code(), "invalid_argument");
  EXPECT_EQ(post("/v1/messages/" + second + "/retry", {{"x", 1}}).code(), "conflict");
}

TEST_F(TownMessagesDoor, ABroadcastTellsWhomItReached) {
  spawn("ada");
  spawn("bob");
  ASSERT_EQ(post("/v1/agents/bob/kill", {{"reason", "x"}}).status, 200);
  const auto told = post("/v1/broadcast", {{"text", "frozen"}, {"type", "informational"}});
  EXPECT_EQ(told.status, 201);
  EXPECT_EQ(told.body.at("number"), 1);
  EXPECT_EQ(told.body.at("left_out").as_array().at(0).at("agent"), "bob");
  EXPECT_EQ(waiting("ada"), 1U);
}

}  // namespace
}  // namespace reeve::doors
