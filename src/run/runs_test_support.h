#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/task_group.h"
#include "run/runs.h"
#include "run/testing.h"

/// For tests of runs: a daemon's Runs over a World, and what tests do with them.
namespace reeve::run::testing {

/// Remembers what it was told, and adds nothing.
class Witness final : public Participant {
 public:
  Async<Status> at_start(Draft&, const reeve::Run& run) override {
    starts.push_back(run.id);
    co_return Status();
  }
  Async<Status> at_end(Draft& draft, const reeve::Run&, Ending ending, bool was_started,
                       fact::RunEnd&) override {
    endings.push_back(ending);
    started.push_back(was_started);
    if (impossible) {
      const store::DocKey nothing{"_nothing", "x"};
      draft.require(store::DocAt{nothing, 1});
    }
    co_return Status();
  }
  bool impossible = false;  ///< what it adds to an end can never be committed
  std::vector<RunId> starts;
  std::vector<Ending> endings;
  std::vector<bool> started;  ///< of each end: whether its CLI ever ran
};

class RunsFixture : public ::testing::TestWithParam<Backend> {
 protected:
  explicit RunsFixture(log::Log::Options log_options = {}) : world_(GetParam(), log_options) {
    start_daemon();
  }
  ~RunsFixture() override {
    world_.machine.release();
    group_.cancel();
    world_.await(group_.join());
    stop_daemon();
  }

  void start_daemon() {
    Runs::Options options;
    options.rounds = world_.dir.path() / "rounds";
    options.root = world_.dir.path();
    options.town = "oak";
    options.environment = {{"PATH", "/bin"}, {"HOME", "/nowhere"}};
    runs_ = std::make_unique<Runs>(world_.env, world_.loop.get_executor(), world_.log,
                                   world_.machine, witness_, options);
  }
  void stop_daemon() {
    if (!runs_) return;
    world_.await(runs_->close());
    runs_.reset();
  }
  /// A new daemon over the same store and machine; answers how many runs it took up.
  std::size_t restart() {
    stop_daemon();
    start_daemon();
    return world_.await(runs_->recover()).value();
  }

  static RunRequest request_for(const Agent& agent) {
    RunRequest request;
    request.agent = agent;
    request.prompt = "do it";
    return request;
  }
  Result<RunId> try_start(const Agent& agent) {
    return world_.await(runs_->start(request_for(agent)));
  }
  RunId start(const Agent& agent) { return try_start(agent).value(); }
  /// Begins a start that the machine holds back until it is told to release(); does not wait.
  void begin_start(const Agent& agent) {
    world_.machine.hold = true;
    group_.spawn("start", keep_answer(request_for(agent)));
  }
  /// The run is committed, and its process is all that is missing.
  bool until_held() {
    return world_.until([&] { return world_.machine.held() == 1; });
  }
  /// The machine goes down after begin_start(): what the daemon waited for never comes, and it
  /// wrote no more. The store and the machine are there again.
  void go_down() {
    world_.machine.refuse = Error(Errc::unavailable, "gone");
    world_.store.down = true;
    world_.machine.release();
    group_.cancel();
    world_.await(group_.join());
    world_.store.down = false;
    world_.machine.refuse.reset();
  }
  /// The answer to begin_start().
  Result<RunId> release() {
    world_.machine.release();
    world_.await(group_.join());
    return start_answer_;
  }
  /// A fact of the log, whoever made it.
  void request_stop(const RunId& run, const Agent& agent, const std::string& reason = "enough") {
    ASSERT_TRUE(world_.commit({fact::RunStopRequested{run, agent.id, reason}}));
  }

  [[nodiscard]] std::size_t terminal_events() const {
    return world_.count("RunCompleted") + world_.count("RunFailed") + world_.count("RunCancelled");
  }
  bool until_over(std::size_t runs = 1) {
    return world_.until([&] { return terminal_events() >= runs && runs_->running() == 0; });
  }
  /// The same while time passes: whoever waits for the store tries again.
  bool until_over_with_time() {
    return world_.until([&] {
      world_.settle();
      world_.env.advance(std::chrono::seconds(10));
      return terminal_events() >= 1 && runs_->running() == 0;
    });
  }
  /// The newest process says this and ends well. False: that is not the end of so many runs.
  bool finish(std::string_view said = "", std::size_t runs = 1) {
    if (!said.empty()) world_.machine.out(said);
    world_.machine.exit(0);
    return until_over(runs);
  }
  std::vector<std::string> messages() const {
    std::vector<std::string> texts;
    for (const auto& event : world_.events("AssistantMessage"))
      texts.emplace_back(parse_json(event->payload)->at("text").as_string());
    return texts;
  }

 private:
  Async<> keep_answer(RunRequest request) {
    start_answer_ = co_await runs_->start(std::move(request));
  }

 protected:
  World world_;
  Witness witness_;
  std::unique_ptr<Runs> runs_;
  Result<RunId> start_answer_ = fail(Errc::internal, "not answered yet");
  aio::TaskGroup group_{world_.loop.get_executor()};  ///< what goes on beside the test
};

}  // namespace reeve::run::testing
