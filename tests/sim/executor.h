#pragma once

#include <optional>
#include <string>
#include <vector>

#include "log/durable_sink.h"
#include "run/draft.h"
#include "world.h"

namespace reeve::sim {

/// What an executor has committed of a run beside its events.
struct Progress {
  std::size_t next = 0;  ///< of its script
  std::uint64_t epoch = 1;
  log::SinkState sink;
};
BOOST_DESCRIBE_STRUCT(Progress, (), (next, epoch, sink))

/// Runs an agent's rounds as a driver does: a script of AgentEvents through a DurableSink, its
/// progress in the same commits. After a crash it goes on behind the last one, sometimes under a
/// new epoch, and the old one must be fenced off.
class Executor final : public Player {
 public:
  Executor(World& all, std::string called);

  Async<> play(Life& life) override;
  [[nodiscard]] bool is_done() const override { return done_.size() >= wanted_; }
  void testify() override;

 private:
  struct Plan {
    reeve::Run run;
    std::vector<AgentEvent> script;
    Ending ending = Ending::completed;
    bool keyed = false;  ///< its commits are repeated under a key, not looked up
    bool started = false;
  };
  Plan invent();
  Async<> start(Life& life);
  Async<Result<store::Committed>> try_start(Life& life);
  /// Learns how far the run is. False: it is over.
  Async<bool> take_up(Life& life);
  Async<bool> raise_epoch(Life& life);
  Async<> probe_fence(Life& life, std::uint64_t stale);
  Async<> execute(Life& life);
  Async<bool> flush(Life& life, log::DurableSink& sink);
  Async<> settle(Life& life, log::DurableSink& sink);
  Async<Result<store::Committed>> try_settle(Life& life, log::DurableSink& sink);
  log::SinkOptions sink_options(Life& life);
  void add_progress(run::Draft& draft);
  void check_output(const Plan& plan);

  reeve::Agent agent_;
  bool spawned_ = false;
  std::size_t wanted_;
  int count_ = 0;
  std::optional<Plan> plan_;
  Progress progress_;
  std::uint64_t version_ = 0;  ///< of the progress document
  std::vector<Plan> done_;
};

/// Asks for runs to be stopped: the request is in the log, and a cancel wins (G8).
class Warden final : public Player {
 public:
  using Player::Player;
  Async<> play(Life& life) override;
  void testify() override;

 private:
  Async<> watch(Life& life);
  Async<Status> request(Life& life, RunId run);
};

}  // namespace reeve::sim
