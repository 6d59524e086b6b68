#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "run/testing.h"
#include "town/agent_views.h"
#include "town/agents.h"
#include "town/control.h"
#include "town/inbox.h"
#include "town/messages.h"
#include "town/supervisor.h"
#include "town/tasks.h"

/// What the tests of town/ share. Not part of the library.
namespace reeve::town {

using namespace std::chrono_literals;
using run::testing::Backend;
using run::testing::World;
using store::code_of;

/// A town without a daemon: what is asked of it takes effect, and no round begins.
class ServicesTest : public ::testing::Test {
 protected:
  Result<Agent> spawn(std::string name, std::string cli = "worker", Caller caller = {}) {
    api::SpawnRequest request;
    request.name = std::move(name);
    request.cli = std::move(cli);
    return world_.await(town::spawn(ground_, std::move(caller), std::move(request)));
  }
  Result<reeve::Task> assign(std::string agent, std::string text, Caller caller = {},
                             Priority priority = Priority::normal) {
    api::AssignRequest request;
    request.text = std::move(text);
    request.priority = priority;
    return world_.await(
        town::assign(ground_, std::move(caller), std::move(agent), std::move(request)));
  }
  Result<Message> send(std::string to, std::string text,
                       MessageType type = MessageType::informational,
                       Priority priority = Priority::normal, Caller caller = {}) {
    api::SendRequest request;
    request.to = std::move(to);
    request.text = std::move(text);
    request.type = type;
    request.priority = priority;
    return world_.await(town::send(ground_, std::move(caller), std::move(request)));
  }
  Result<reeve::Task> report(const TaskId& task, Report what, std::string text,
                             Caller caller = {}) {
    return world_.await(
        town::report(ground_, std::move(caller), task.str(), what, std::move(text)));
  }
  Result<Agent> kill(std::string agent, std::string reason = "") {
    return world_.await(town::kill(ground_, Caller{}, std::move(agent), std::move(reason)));
  }
  api::InboxView inbox(std::string of) {
    return world_.await(town::inbox(ground_, std::move(of))).value();
  }
  std::vector<std::string> texts(std::string of) {
    std::vector<std::string> out;
    for (const auto& message : inbox(std::move(of)).messages) out.push_back(message.text);
    return out;
  }
  static Caller keyed(std::string key, std::string digest = "d") {
    Caller caller;
    caller.key = store::IdempotencyKey{"supervisor", std::move(key), std::move(digest)};
    return caller;
  }

  World world_;
  Ground ground_{world_.env, world_.log, "oak", "claude"};
};

/// A town with a supervisor and a machine on which the test plays the CLIs.
class DaemonTest : public ::testing::TestWithParam<Backend> {
 protected:
  explicit DaemonTest(log::Log::Options log_options = {}) : world_(GetParam(), log_options) {
    start_daemon();
  }
  ~DaemonTest() override { stop_daemon(); }

  void start_daemon() {
    supervisor_ =
        std::make_unique<Supervisor>(ground_, world_.loop.get_executor(), Supervisor::Options());
    run::Runs::Options options;
    options.rounds = world_.dir.path() / "rounds";
    options.root = world_.dir.path();
    options.town = "oak";
    runs_ = std::make_unique<run::Runs>(world_.env, world_.loop.get_executor(), world_.log,
                                        world_.machine, *supervisor_, options);
    ASSERT_TRUE(world_.await(runs_->recover()));
    ASSERT_TRUE(world_.await(supervisor_->start(*runs_)));
    world_.quiet();
  }
  void stop_daemon() {
    if (!runs_) return;
    world_.await(supervisor_->close());
    world_.await(runs_->close());
    runs_.reset();
    supervisor_.reset();
  }

  Agent spawn(std::string name, Completes completes = Completes::success,
              std::string cli = "worker") {
    api::SpawnRequest request;
    request.name = std::move(name);
    request.cli = std::move(cli);
    request.completes = completes;
    return world_.await(town::spawn(ground_, Caller{}, std::move(request))).value();
  }
  reeve::Task assign(const Agent& agent, std::string text) {
    api::AssignRequest request;
    request.text = std::move(text);
    return world_.await(town::assign(ground_, Caller{}, agent.id.str(), std::move(request)))
        .value();
  }
  void send(std::string to, std::string text, MessageType type, Caller caller = {}) {
    api::SendRequest request;
    request.to = std::move(to);
    request.text = std::move(text);
    request.type = type;
    ASSERT_TRUE(world_.await(town::send(ground_, std::move(caller), std::move(request))));
  }
  /// More than one page of what is for knowledge, in one commit.
  void flood(const Agent& agent) {
    const auto work = [](World& world, AgentId to) -> Async<Result<store::Committed>> {
      run::Draft draft(world.env, world.store, Caller{});
      for (std::size_t i = 0; i < limits::kPage + 100; ++i) {
        Message message;
        message.id = MessageId(world.env.uuid4());
        message.from = kSupervisor;
        message.to = to;
        message.text = "fyi";
        message.created_at = world.env.now();
        if (auto added = co_await draft.add(fact::MessageSent{message, {}}); !added)
          co_return fail(added.error());
        draft.write(store::QueuePush{inbox_queue(to), message.id.str(),
                                     static_cast<int>(message.priority)});
      }
      co_return co_await draft.commit();
    };
    ASSERT_TRUE(world_.await(work(world_, agent.id)));
    world_.quiet();
  }
  void report(const reeve::Task& task, Report what, std::string text, Caller caller = {}) {
    ASSERT_TRUE(world_.await(
        town::report(ground_, std::move(caller), task.id.str(), what, std::move(text))));
  }
  Agent kill(const Agent& agent) {
    return world_.await(town::kill(ground_, Caller{}, agent.id.str(), "killed")).value();
  }
  /// What a command inside the newest round is.
  Caller inside(const Agent& agent) {
    Caller caller;
    caller.agent = agent.id;
    caller.origin = "agent:" + agent.name;
    caller.round = Caller::Round{world_.machine.run_at(), 1};
    return caller;
  }
  bool until_rounds(std::size_t rounds) {
    return world_.until([&] {
      // Whoever looked before the clock was moved, and saw the result after, looks again.
      world_.env.advance(1ms);
      return world_.machine.started() >= rounds && runs_->running() > 0;
    });
  }
  /// Ends a round (`index`: FakeSpawner::process) and waits until that is known.
  void end_round(int code, std::string said = "", int index = -1) {
    const auto running = runs_->running();
    if (!said.empty()) world_.machine.out(said + "\n", index);
    world_.machine.exit(code, index);
    ASSERT_TRUE(world_.until([&] { return runs_->running() < running; }));
    world_.quiet();
  }
  std::vector<store::QueueItem> queue(std::string name) {
    return world_.await(world_.store.items(std::move(name), 100)).value();
  }
  TaskState state_of(const reeve::Task& task) { return world_.get<reeve::Task>(task.id).state; }

  World world_;
  Ground ground_{world_.env, world_.log, "oak", "worker"};
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<run::Runs> runs_;
};

}  // namespace reeve::town
