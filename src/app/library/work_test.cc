// Agents, tasks and messages by the library: Town::connect, with the real program behind it.
#include <gtest/gtest.h>

#include <stdlib.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "app/library/test_support.h"

namespace {

using namespace reeve::library_tests;  // NOLINT: a test's own
using namespace std::chrono_literals;
using reeve::AgentSpec;
using reeve::AgentState;
using reeve::Code;
using reeve::TaskSpec;
using reeve::TaskState;
using reeve::Town;

class TownLibrary : public ::testing::Test {
 protected:
  TownLibrary() {
    sh("init --name oak");
    std::ofstream(folder_ + "/agent.script") << "when prompt contains for ever\n  hang\nend\n"
                                                "say at your service\n";
  }
  ~TownLibrary() override { sh("stop"); }
  TownLibrary(const TownLibrary&) = delete;
  TownLibrary& operator=(const TownLibrary&) = delete;

  void sh(const std::string& words) {
    const auto line =
        "cd " + folder_ + " && " + std::string(REEVE_PROGRAM) + " " + words + " >/dev/null 2>&1";
    static_cast<void>(::system(line.c_str()));  // NOLINT: a test's own words
  }
  Town connect() {
    reeve::ConnectOptions options;
    options.folder = folder_;
    options.program = REEVE_PROGRAM;
    return Town::connect(options).value();
  }
  static AgentSpec spec(std::string name) {
    AgentSpec made;
    made.name = std::move(name);
    made.cli = std::string(REEVE_PROGRAM) + " agent-script agent.script";
    return made;
  }

  Folder town_;
  const std::string& folder_ = town_.path();
};

TEST_F(TownLibrary, AnAgentWorksOnItsTask) {
  auto town = connect();
  auto agents = town.agents();
  const auto ada = agents.spawn(spec("ada")).value();
  EXPECT_EQ(ada.state, AgentState::idle);
  EXPECT_EQ(agents.spawn(spec("Ada")).error().code, Code::conflict);

  const auto task = town.tasks().assign("ada", TaskSpec::of("paint the door")).value();
  EXPECT_EQ(town.tasks().wait(task.id, kPatience).value().state, TaskState::completed);
  EXPECT_EQ(agents.wait("ada", kPatience).value().tasks_completed, 1);
  EXPECT_EQ(agents.result("ada").value().value().id, task.id);
  EXPECT_EQ(agents.list(true).value().size(), 1U);
  EXPECT_EQ(agents.get("adda").error().code, Code::not_found);
}

TEST_F(TownLibrary, AnAgentIsPausedGoesOnClosesAndIsRestarted) {
  auto town = connect();
  auto agents = town.agents();
  ASSERT_TRUE(agents.spawn(spec("ada")));
  const auto task = town.tasks().assign("ada", TaskSpec::of("work for ever")).value();
  EXPECT_EQ(agents.wait("ada", 300ms).error().code, Code::timeout);
  EXPECT_EQ(agents.interrupt("ada", "lunch").value().state, AgentState::paused);
  EXPECT_EQ(town.tasks().cancel(task.id, "no need").value().state, TaskState::cancelled);
  EXPECT_EQ(agents.resume("ada").value().state, AgentState::idle);
  EXPECT_EQ(agents.resume("ada").error().code, Code::conflict);
  ASSERT_TRUE(agents.wait("ada", kPatience));
  EXPECT_EQ(agents.close("ada").value().state, AgentState::stopped);
  EXPECT_EQ(agents.restart("ada").value().state, AgentState::idle);
  EXPECT_EQ(agents.kill("ada").value().state, AgentState::stopped);
}

TEST_F(TownLibrary, TheBacklogIsClaimedOnceAndWorkWaitsForWork) {
  auto town = connect();
  ASSERT_TRUE(town.agents().spawn(spec("ada")));
  auto tasks = town.tasks();
  const auto first = tasks.create(TaskSpec::of("first")).value();
  auto later = TaskSpec::of("second");
  later.after = {first.id};
  later.tags = {"ui"};
  const auto second = tasks.create(later).value();
  EXPECT_EQ(first.state, TaskState::pending);
  EXPECT_EQ(tasks.claim(second.id, "ada").error().code, Code::conflict);
  ASSERT_TRUE(tasks.claim(first.id, "ada"));
  EXPECT_EQ(tasks.claim(first.id, "ada").error().code, Code::conflict);
  EXPECT_EQ(tasks.wait(first.id, kPatience).value().state, TaskState::completed);
  ASSERT_TRUE(tasks.claim(second.id, "ada"));
  EXPECT_EQ(tasks.wait(second.id, kPatience).value().state, TaskState::completed);
  const auto all = tasks.list("completed").value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, second.id);
  EXPECT_EQ(all[0].tags, std::vector<std::string>{"ui"});
}

TEST_F(TownLibrary, AQuestionHasItsAnswer) {
  auto town = connect();
  ASSERT_TRUE(town.agents().spawn(spec("ada")));
  const auto answer = town.messages().ask("ada", "are you there?", kPatience).value();
  EXPECT_NE(answer.text.find("at your service"), std::string::npos);
  EXPECT_EQ(answer.from, "ada");
  EXPECT_FALSE(answer.by_message);
  reeve::Letter letter;
  letter.to = "ada";
  letter.text = "for your information";
  letter.type = "informational";
  EXPECT_EQ(town.messages().send(letter).value().state, "queued");
  EXPECT_EQ(town.messages().inbox("ada").value().size(), 1U);
  letter.type = "nonsense";
  EXPECT_EQ(town.messages().send(letter).error().code, Code::invalid_argument);
}

TEST(TownLibraryHere, ATownInThisProcessSaysWhereAgentsLive) {
  auto town = open_town();
  EXPECT_EQ(town.agents().list().error().code, Code::unsupported);
}

}  // namespace
