#include "town/agent_views.h"

#include <gtest/gtest.h>

#include <set>

#include "base/limits.h"
#include "town/directory.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class TownAgentViews : public ServicesTest {
 protected:
  api::AgentPage page(AgentQuery query = {}) {
    return world_.await(list_agents(ground_, std::move(query))).value();
  }
  static std::vector<std::string> names(const std::vector<api::AgentView>& views) {
    std::vector<std::string> out;
    for (const auto& view : views) out.push_back(view.agent.name);
    return out;
  }
  using Names = std::vector<std::string>;
};

TEST_F(TownAgentViews, AViewCountsWhatWaits) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(send("ada", "one"));
  ASSERT_TRUE(send("ada", "two", MessageType::task, Priority::urgent));
  const auto agents = world_.await(list_agents(ground_)).value().agents;
  ASSERT_EQ(agents.size(), 1U);
  EXPECT_EQ(agents[0].inbox, 2);
  EXPECT_EQ(agents[0].urgent, 1);
  EXPECT_EQ(agents[0].dead, 0);
  EXPECT_TRUE(agents[0].permissions_note);  // any command may do what it likes
}

TEST_F(TownAgentViews, ALongInboxIsCountedWithoutReadingIt) {
  ASSERT_TRUE(spawn("ada"));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(send("ada", "fyi", MessageType::informational,
                     i < 40 ? Priority::urgent : Priority::normal));
  }
  const auto view = page().agents.at(0);
  EXPECT_EQ(view.inbox, 100);
  EXPECT_EQ(view.urgent, 40);
}

TEST_F(TownAgentViews, PagesFollowOneAnotherInOrderOfSpawning) {
  Names all;
  for (int i = 0; i < 25; ++i) {
    all.push_back("a" + std::to_string(i));
    ASSERT_TRUE(spawn(all.back()));
    if (i % 3 == 0) ASSERT_TRUE(kill(all.back()));
  }
  Names seen;
  AgentQuery query;
  query.limit = 10;
  for (;;) {
    const auto part = page(query);
    EXPECT_EQ(part.total, 25);
    EXPECT_LE(part.agents.size(), 10U);
    for (auto& name : names(part.agents)) seen.push_back(name);
    if (!part.next) break;
    query.after = *part.next;
  }
  EXPECT_EQ(seen, all);
}

TEST_F(TownAgentViews, ListOpenAndByState) {
  for (const auto* name : {"ada", "bob", "eve"}) ASSERT_TRUE(spawn(name));
  ASSERT_TRUE(kill("bob"));
  ASSERT_TRUE(world_.await(interrupt(ground_, Caller{}, "eve", "")));
  EXPECT_EQ(names(page({.state = "open"}).agents), (Names{"ada", "eve"}));
  EXPECT_EQ(page({.state = "open"}).total, 2);
  EXPECT_EQ(names(page({.state = "stopped"}).agents), Names{"bob"});
  EXPECT_EQ(names(page({.state = "paused"}).agents), Names{"eve"});
  EXPECT_TRUE(page({.state = "error"}).agents.empty());
  const auto bad = world_.await(list_agents(ground_, {.state = "sleepy"}));
  ASSERT_EQ(code_of(bad), Errc::invalid_argument);
  EXPECT_TRUE(bad.error().message().contains("draining"));
}

TEST_F(TownAgentViews, StatusInfoShowsFirstWhoWorksOrNeedsSomebody) {
  for (const auto* name : {"ada", "bob", "cyd", "dee", "eve", "fay"}) ASSERT_TRUE(spawn(name));
  ASSERT_TRUE(kill("ada"));
  const auto needs = world_.await(find_agent(world_.store, "dee")).value();
  const auto works = world_.await(find_agent(world_.store, "eve")).value();
  ASSERT_TRUE(world_.await(interrupt(ground_, Caller{}, "fay", "")));
  ASSERT_TRUE(world_.commit(
      {fact::AgentNeedsAttention{needs.id, "look"},
       fact::AgentStateChanged{works.id, AgentState::idle, AgentState::working, ""}}));
  EXPECT_EQ(names(world_.await(notable_agents(ground_, 50)).value()),
            (Names{"eve", "dee", "fay", "bob", "cyd", "ada"}));
  EXPECT_EQ(names(world_.await(notable_agents(ground_, 2)).value()), (Names{"eve", "dee"}));
  const auto counts = world_.await(count_agents(ground_)).value();
  EXPECT_EQ(counts.working, 1);
  EXPECT_EQ(counts.idle, 3);
  EXPECT_EQ(counts.paused, 1);
  EXPECT_EQ(counts.stopped, 1);
  EXPECT_EQ(api::sum(counts), 6);
}

TEST_F(TownAgentViews, TheLastResultIsThatOfTheTaskCompletedLast) {
  ASSERT_TRUE(spawn("ada"));
  EXPECT_EQ(code_of(world_.await(last_result(ground_, "ada"))), Errc::not_found);
  const auto first = assign("ada", "paint").value();
  const auto second = assign("ada", "dry").value();
  ASSERT_TRUE(report(first.id, Report::complete, "red"));
  ASSERT_TRUE(report(second.id, Report::fail, "no sun"));
  const auto result = world_.await(last_result(ground_, "ada")).value();
  EXPECT_EQ(result.task.id, first.id);
  EXPECT_EQ(result.task.result, "red");
  EXPECT_EQ(result.agent, "ada");
}

}  // namespace
}  // namespace reeve::town
