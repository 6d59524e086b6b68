#include "doors/rest/testing.h"

namespace reeve::doors {
namespace {

class TownRecoveryRoutes : public DoorTest {};

TEST_F(TownRecoveryRoutes, RecoverMendsAndTells) {
  spawn("ada");
  reeve::Task task;
  task.id = TaskId(world_.env.uuid4());
  task.text = "of nobody";
  ASSERT_TRUE(world_.commit({fact::TaskCreated{task}}));
  const auto dry = post("/v1/recover", {{"dry_run", true}});
  ASSERT_EQ(dry.status, 200) << dry.text;
  EXPECT_EQ(dry.body.at("mended").as_int64(), 0);
  const auto reply = post("/v1/recover", json::object());
  EXPECT_EQ(reply.body.at("mended").as_int64(), 1);
  EXPECT_EQ(reply.body.at("orphans").at(0).at("id").as_string(), task.id.str());
  EXPECT_EQ(post("/v1/recover", json::object()).body.at("orphans").as_array().size(), 0U);
}

TEST_F(TownRecoveryRoutes, ReclaimListsAndMoves) {
  spawn("ada");
  spawn("bob");
  ASSERT_EQ(post("/v1/agents/ada/kill", json::object()).status, 200);
  const auto nothing = post("/v1/reclaim", json::object());
  ASSERT_EQ(nothing.status, 200) << nothing.text;
  EXPECT_TRUE(nothing.body.at("dry_run").as_bool());
  EXPECT_EQ(post("/v1/reclaim", {{"to", "ada"}}).code(), "conflict");
  EXPECT_EQ(post("/v1/reclaim", {{"from", "bob"}}).code(), "conflict");
  EXPECT_EQ(post("/v1/reclaim", {{"cancel", true}}).code(), "invalid_argument");
  EXPECT_FALSE(post("/v1/reclaim", {{"to", "bob"}}).body.at("dry_run").as_bool());
}

TEST_F(TownRecoveryRoutes, ADaemonWhoseFolderWasMovedSaysSo) {
  const auto root = world_.dir.path();
  EXPECT_EQ(get("/v1/version").body.at("root").as_string(), root.string());
  const auto with = [&](const std::string& told) {
    std::string encoded;
    for (const char c : told) encoded += c == '/' ? std::string("%2F") : std::string(1, c);
    return ask("GET", "/v1/agents", "", {{"reeve-root", encoded}});
  };
  EXPECT_EQ(with(root.string()).status, 200);
  const auto link = root / "by_another_name";
  std::filesystem::create_directory_symlink(root, link);
  EXPECT_EQ(with(link.string()).status, 200);
  const auto moved = with("/somewhere/else");
  EXPECT_EQ(moved.status, 409);
  EXPECT_NE(moved.detail().find(root.string()), std::string::npos) << moved.text;
  EXPECT_NE(moved.detail().find("/somewhere/else"), std::string::npos);
  EXPECT_NE(moved.detail().find("reeve stop --daemon"), std::string::npos);
}

}  // namespace
}  // namespace reeve::doors
