// Routes of tasks and of the backlog.

#include <gtest/gtest.h>

#include "doors/rest/testing.h"

namespace reeve::doors {
namespace {

class TownTasksDoor : public DoorTest {
 protected:
  std::string add(const json::value& request) {
    const auto reply = post("/v1/tasks", request);
    EXPECT_EQ(reply.status, 201) << reply.text;
    return std::string(reply.body.at("id").as_string());
  }
  static std::string state(const Reply& reply) {
    const auto* object = reply.body.if_object();
    return object != nullptr && object->contains("state")
               ? std::string(object->at("state").as_string())
               : reply.text;
  }
};

TEST_F(TownTasksDoor, ADayOfTheBacklog) {
  spawn("ada");
  const auto first = add({{"text", "paint"}, {"tags", {"ui"}}, {"priority", "high"}});
  const auto second = add({{"text", "sweep"}, {"after", {first}}});
  const auto third = add({{"text", "wash"}});
  auto page = get("/v1/backlog?limit=2");
  ASSERT_EQ(page.status, 200) << page.text;
  ASSERT_EQ(page.body.at("tasks").as_array().size(), 2U);
  EXPECT_EQ(page.body.at("tasks").at(0).at("task").at("id").as_string(), first);
  EXPECT_EQ(page.body.at("tasks").at(0).at("takers").at(0).as_string(), "ada");
  EXPECT_EQ(page.body.at("tasks").at(1).at("waits_for").at(0).at("id").as_string(), first);
  page = get("/v1/backlog?limit=2&after=" + write_json(page.body.at("next")));
  EXPECT_EQ(page.body.at("tasks").at(0).at("task").at("id").as_string(), third);

  EXPECT_EQ(post("/v1/backlog/" + second + "/claim", {{"agent", "ada"}}).status, 409);
  EXPECT_EQ(post("/v1/backlog/" + third + "/claim", json::object()).status, 400);
  EXPECT_EQ(state(post("/v1/backlog/" + third + "/claim", {{"agent", "ada"}})), "assigned");
  const auto all = post("/v1/agents/ada/backlog", json::object());
  ASSERT_EQ(all.status, 200) << all.text;
  EXPECT_EQ(all.body.at("claimed").as_int64(), 1);
  EXPECT_EQ(state(post("/v1/backlog/" + second + "/remove", json::object())), "cancelled");
}

TEST_F(TownTasksDoor, CalledOffTakenBackTriedAgain) {
  spawn("ada");
  const auto task = assign("ada", "paint");
  const auto to = [&](const std::string& what, const json::value& body = json::object()) {
    return post("/v1/tasks/" + task + "/" + what, body);
  };
  EXPECT_EQ(get("/v1/tasks/" + task + "/result").code(), "conflict");
  EXPECT_EQ(to("start").code(), "denied");
  EXPECT_EQ(state(to("requeue")), "pending");
  EXPECT_EQ(to("requeue").code(), "conflict");
  EXPECT_EQ(state(to("cancel", {{"reason", "no house"}})), "cancelled");
  EXPECT_EQ(get("/v1/tasks/" + task + "/result").body.at("result").as_string(), "no house");
  EXPECT_EQ(state(to("retry", {{"to", "ada"}})), "assigned");
  EXPECT_EQ(to("retry").code(), "conflict");
}

TEST_F(TownTasksDoor, ListsByAgentAndTag) {
  spawn("ada");
  assign("ada", "paint");
  add({{"text", "sweep"}, {"tags", {"ui"}}});
  const auto number = [&](const std::string& query) {
    return get("/v1/tasks?" + query).body.at("tasks").as_array().size();
  };
  EXPECT_EQ(number("agent=ada"), 1U);
  EXPECT_EQ(number("tag=ui"), 1U);
  EXPECT_EQ(number("agent=ada&tag=ui"), 0U);
  EXPECT_EQ(get("/v1/tasks?agent=nobody").status, 404);
}

}  // namespace
}  // namespace reeve::doors
