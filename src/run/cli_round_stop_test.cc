// A round whose process must be ended by us: what is asked of it, and when that is committed.

#include "run/cli_round.h"

#include <gtest/gtest.h>

#include "run/testing.h"

namespace reeve::run {
namespace {

using namespace std::chrono_literals;
using testing::claude_init;
using testing::claude_message;
using testing::World;

/// Joins a run and adds nothing.
class Bystander final : public Participant {
 public:
  Async<Status> at_start(Draft&, const reeve::Run&) override { co_return Status(); }
  Async<Status> at_end(Draft&, const reeve::Run&, Ending, bool, fact::RunEnd&) override {
    co_return Status();
  }
};

class CliRoundStopTest : public ::testing::Test {
 protected:
  CliRoundStopTest() { start_daemon(); }
  ~CliRoundStopTest() override { stop_daemon(); }

  void start_daemon() {
    Runs::Options options;
    options.rounds = world_.dir.path() / "rounds";
    options.root = world_.dir.path();
    options.town = "oak";
    runs_ = std::make_unique<Runs>(world_.env, world_.loop.get_executor(), world_.log,
                                   world_.machine, bystander_, options);
  }
  void stop_daemon() {
    if (!runs_) return;
    world_.await(runs_->close());
    runs_.reset();
  }
  /// Answers how many runs the next daemon goes on with.
  std::size_t restart() {
    stop_daemon();
    start_daemon();
    return world_.await(runs_->recover()).value();
  }
  RunId start(const Agent& agent) {
    RunRequest request;
    request.agent = agent;
    request.prompt = "do it";
    return world_.await(runs_->start(std::move(request))).value();
  }
  /// An agent whose rounds are stopped after a minute of silence.
  Agent impatient() {
    Agent made;
    made.id = AgentId(world_.env.uuid4());
    made.name = "ada";
    made.cli = "worker";
    made.limits.silence_ms = 60s;
    made.limits.stop_on_silence = true;
    return world_.add(made);
  }
  void write_progress(const RunId& run, std::string body) {
    const auto work = [](World& world, RunId id,
                         std::string text) -> Async<Result<store::Committed>> {
      store::Commit commit;
      store::DocKey key{kRoundKind, id.str()};
      commit.writes.emplace_back(store::PutDoc{std::move(key), std::move(text), {}});
      co_return co_await world.store.commit(std::move(commit));
    };
    ASSERT_TRUE(world_.await(work(world_, run, std::move(body))));
  }

  World world_;
  Bystander bystander_;
  std::unique_ptr<Runs> runs_;
};

TEST_F(CliRoundStopTest, ASilentRoundIsStoppedAlsoWhenTheDaemonDiesBeforeThatIsTold) {
  start(impatient());
  world_.quiet();
  world_.store.down = true;  // it dies in the midst of the commit
  world_.env.advance(61s);
  world_.settle();
  EXPECT_EQ(world_.count("RunSilent"), 0U);
  ASSERT_EQ(world_.machine.process().stops.size(), 1U);
  EXPECT_EQ(world_.machine.process().stops[0].reason, "silence");
  stop_daemon();
  world_.store.down = false;
  world_.machine.exit(0);
  restart();
  ASSERT_TRUE(world_.until_event("RunFailed"));
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "silence");
}

TEST_F(CliRoundStopTest, AStopForSilenceThatCannotBeAskedForIsTriedAgain) {
  start(impatient());
  world_.quiet();
  world_.machine.process().stop_fails = Error(Errc::storage_full, "the disk is full");
  world_.env.advance(61s);
  world_.settle();
  EXPECT_TRUE(world_.machine.process().stops.empty());
  world_.machine.process().stop_fails.reset();
  world_.env.advance(10s);
  ASSERT_TRUE(world_.until_event("RunSilent"));
  EXPECT_EQ(world_.machine.process().stops.size(), 1U);
}

TEST_F(CliRoundStopTest, G7_ARoundWhoseProgressCannotBeReadIsEndedOnceItsProcessIs) {
  for (const std::string body :
       {"{", R"({"dialect":"of-a-newer-reeve"})", R"({"out":"nonsense"})"}) {
    SCOPED_TRACE(body);
    const auto before = world_.count("RunFailed");
    const auto ada = world_.agent("ada-" + std::to_string(before), "claude");
    const auto run = start(ada);
    world_.machine.out(claude_init("s-1") + claude_message("m1", "one"));
    ASSERT_TRUE(world_.until_event("AssistantMessage", before + 1));
    world_.quiet();
    stop_daemon();
    write_progress(run, body);

    EXPECT_EQ(restart(), 0U);
    world_.quiet();
    EXPECT_EQ(world_.count("RunFailed"), before) << "its process runs still";
    ASSERT_EQ(world_.machine.process().stops.size(), 1U);
    EXPECT_EQ(world_.machine.process().stops[0].urgency, proc::Urgency::now);
    world_.machine.exit(0);
    ASSERT_TRUE(world_.until_event("RunFailed", before + 1));
    world_.quiet();
    EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "lost_result");
    EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
    EXPECT_EQ(world_.count("AssistantMessage"), before + 1) << "nothing is told twice";
    EXPECT_EQ(restart(), 0U);
    EXPECT_EQ(world_.count("RunFailed"), before + 1);
  }
}

TEST_F(CliRoundStopTest, AnEndThatCannotBeAskedForIsTriedAgain) {
  const auto run = start(world_.agent("ada"));
  stop_daemon();
  write_progress(run, "{");
  world_.machine.process().stop_fails = Error(Errc::storage_full, "the disk is full");
  restart();
  world_.quiet();
  EXPECT_EQ(world_.count("RunFailed"), 0U);
  world_.machine.process().stop_fails.reset();
  world_.env.advance(10s);
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  world_.machine.exit(0);
  ASSERT_TRUE(world_.until_event("RunFailed"));
}

}  // namespace
}  // namespace reeve::run
