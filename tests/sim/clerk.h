#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "run/draft.h"
#include "world.h"

namespace reeve::sim {

inline constexpr const char* kLane = "bills";
/// A number that all clerks count up: a document that is bookkeeping.
inline constexpr const char* kCounterKind = "_sim_counter";

/// Changes documents, one request after the other, each under its key until it is acknowledged:
/// agents, tasks, a counter that all clerks share, and bills in the outbox.
class Clerk final : public Player {
 public:
  Clerk(World& all, std::string called) : Player(all, std::move(called)) {}

  Async<> play(Life& life) override;
  [[nodiscard]] bool is_done() const override { return made_ >= world.setting.ops && !op_; }
  void testify() override;

  /// Ids of outbox rows that were acknowledged.
  [[nodiscard]] const std::set<std::string>& bills() const { return bills_; }

 private:
  enum class What { spawn, attention, task, progress, count, bill };
  struct Op {
    int number = 0;
    What what = What::spawn;
    std::string key;
    AgentId agent;
    TaskId task;
    bool uncertain = false;  ///< a try of which the outcome is not known
    int tries = 0;
    store::Committed done;
  };

  Op invent();
  Async<Result<store::Committed>> attempt(Life& life, Op op);
  Async<Status> count(Life& life, run::Draft& draft);
  Async<> finish(Life& life);
  Async<> doubt(Life& life);
  [[nodiscard]] store::IdempotencyKey key_of(const Op& op) const {
    return {name, op.key, "digest of " + op.key};
  }
  void acknowledged(const store::Committed& done);

  int made_ = 0;
  std::optional<Op> op_;
  std::vector<Op> done_;
  std::vector<AgentId> agents_;
  std::vector<TaskId> tasks_;
  std::set<std::string> bills_;
};

/// Delivers the clerks' bills with each daemon's relay, to a receiver who is not always there.
class Postman final : public Player {
 public:
  using Player::Player;
  Async<> play(Life& life) override;
  void testify() override;

  struct Tally {
    int begun = 0;
    int taken = 0;  ///< the receiver has it
  };
  [[nodiscard]] const std::map<std::string, Tally>& tallies() const { return tallies_; }

 private:
  Async<log::Delivery> deliver(Life& life, log::OutboxClaim claim);
  std::map<std::string, Tally> tallies_;
};

}  // namespace reeve::sim
