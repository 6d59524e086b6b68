#include "town/directory.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "run/testing.h"

namespace reeve::town {
namespace {

using run::testing::World;
using store::code_of;

class DirectoryTest : public ::testing::Test {
 protected:
  Agent spawn(const std::string& name, std::string_view id) {
    Agent agent;
    agent.id = AgentId::parse(id).value();
    agent.name = name;
    const auto work = [](World& world, Agent made) -> Async<Result<store::Committed>> {
      run::Draft draft(world.env, world.store, run::Caller{});
      EXPECT_TRUE(co_await draft.add(fact::AgentSpawned{made}));
      draft.write(store::PutDoc{name_key(made.name), write_json_of(made.id), {}});
      co_return co_await draft.commit();
    };
    EXPECT_TRUE(world_.await(work(world_, agent)));
    return agent;
  }
  reeve::Task task(std::string_view id) {
    reeve::Task made;
    made.id = TaskId::parse(id).value();
    EXPECT_TRUE(world_.commit({fact::TaskCreated{made}}));
    return made;
  }
  Result<Agent> find(std::string reference) {
    return world_.await(find_agent(world_.store, std::move(reference)));
  }
  Result<reeve::Task> find_a_task(std::string reference) {
    return world_.await(find_task(world_.store, std::move(reference)));
  }

  World world_;
};

TEST_F(DirectoryTest, AnAgentIsFoundByNameIdAndShortId) {
  const auto ada = spawn("Ada", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  spawn("bob", "1190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  for (const std::string reference : {"Ada", "ada", "ADA", "0190", "0190a5b0-1c"})
    EXPECT_EQ(find(reference).value().id, ada.id) << reference;
  EXPECT_EQ(find(ada.id.str()).value().id, ada.id);
}

TEST_F(DirectoryTest, ShortDigitsOfSeveralAreAConflictThatNamesThem) {
  const auto ada = spawn("ada", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  const auto bob = spawn("bob", "0190ffff-1c2d-4e3f-8a4b-5c6d7e8f9012");
  const auto found = find("0190");
  ASSERT_EQ(code_of(found), Errc::conflict);
  EXPECT_TRUE(found.error().message().contains(ada.id.str()));
  EXPECT_TRUE(found.error().message().contains(bob.id.str()));
  EXPECT_EQ(find("0190a").value().id, ada.id);
  EXPECT_EQ(code_of(find("019")), Errc::not_found) << "fewer than four digits are no id";
}

TEST_F(DirectoryTest, ANameThatLooksLikeAShortIdIsAName) {
  spawn("ada", "beef0000-1c2d-4e3f-8a4b-5c6d7e8f9012");
  const auto beef = spawn("beef", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  EXPECT_EQ(find("beef").value().id, beef.id);
}

TEST_F(DirectoryTest, NobodyIsNotFoundWithNearNames) {
  spawn("gardener", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  EXPECT_TRUE(find("gardner").error().message().contains("did you mean gardener?"));
  EXPECT_TRUE(find("zebra").error().message().contains("reeve list"));
  for (const std::string reference : {"zebra", "", "supervisor"})
    EXPECT_EQ(code_of(find(reference)), Errc::not_found) << reference;
  EXPECT_EQ(code_of(find("aaaaaaaa-1c2d-4e3f-8a4b-5c6d7e8f9012")), Errc::not_found);
}

TEST_F(DirectoryTest, AHugeReferenceIsRefusedInAShortSentence) {
  spawn("ada", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  const auto found = find(std::string(8 << 20, 'a'));
  EXPECT_EQ(code_of(found), Errc::not_found);
  EXPECT_LT(found.error().message().size(), 300U);
  EXPECT_LT(find_a_task(std::string(8 << 20, 'a')).error().message().size(), 300U);
}

TEST_F(DirectoryTest, TasksAreFoundByIdAndShortId) {
  const auto one = task("aa90a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  task("aa91a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  EXPECT_EQ(find_a_task(one.id.str()).value().id, one.id);
  EXPECT_EQ(find_a_task("aa90").value().id, one.id);
  EXPECT_EQ(code_of(find_a_task("aa9")), Errc::not_found);
  EXPECT_EQ(code_of(find_a_task("bbbb")), Errc::not_found);
}

TEST_F(DirectoryTest, ADamagedTaskIsInTheWayOnlyOfWhoeverMeansIt) {
  world_.made_up = true;  // what is damaged is not what the log says
  const auto whole = task("aa90a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  const auto damaged = task("aa91a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  store::Commit commit;
  commit.writes.emplace_back(store::PutDoc{run::key_of<reeve::Task>(damaged.id), "{", {}});
  ASSERT_TRUE(world_.await(world_.store.commit(std::move(commit))));
  EXPECT_EQ(find_a_task("aa90").value().id, whole.id);
  EXPECT_EQ(code_of(find_a_task("bbbb")), Errc::not_found);
  for (const auto& reference : {std::string("aa91"), damaged.id.str()}) {
    const auto found = find_a_task(reference);
    ASSERT_EQ(code_of(found), Errc::corrupt);
    EXPECT_TRUE(found.error().message().contains(damaged.id.str())) << found.error().message();
  }
  task("aa910000-1c2d-4e3f-8a4b-5c6d7e8f9012");
  const auto both = find_a_task("aa91");
  ASSERT_EQ(code_of(both), Errc::conflict);
  EXPECT_TRUE(both.error().message().contains(damaged.id.str()));
}

TEST_F(DirectoryTest, AllAgentsAreMoreThanOnePage) {
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < limits::kPage + 5; ++i) {
    Agent agent;
    agent.id = AgentId(world_.env.uuid4());
    agent.name = "a" + std::to_string(i);
    facts.emplace_back(fact::AgentSpawned{agent});
  }
  ASSERT_TRUE(world_.commit(std::move(facts)));
  EXPECT_EQ(world_.await(all_agents(world_.store)).value().size(), limits::kPage + 5);
}

TEST_F(DirectoryTest, NamesForPeople) {
  const auto ada = spawn("ada", "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  const auto name = [&](std::string from) {
    return world_.await(display_name(world_.store, std::move(from)));
  };
  EXPECT_EQ(name(ada.id.str()), "ada");
  EXPECT_EQ(name("supervisor"), "supervisor");
  EXPECT_EQ(name(supervisor_id().str()), "supervisor");
  EXPECT_EQ(name("aaaaaaaa-1c2d-4e3f-8a4b-5c6d7e8f9012"), "aaaaaaaa-1c2d-4e3f-8a4b-5c6d7e8f9012");
}

}  // namespace
}  // namespace reeve::town
