#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "world.h"

namespace reeve::sim {

/// The models and the tools of every daemon, and what the tools have done.
class Workshop final : public Player {
 public:
  using Player::Player;
  Async<> play(Life& life) override;
  void testify() override;
  /// A call begins: with this key, for this call of the run.
  void began(const std::string& key, const RunId& run, const std::string& call);
  [[nodiscard]] static std::vector<std::string> models();

 private:
  std::map<std::string, int> calls_;  ///< by idempotency key
};

/// Asks models, waits for their answers, and now and then has enough of it.
class Asker final : public Player {
 public:
  Asker(World& all, std::string called)
      : Player(all, std::move(called)), wanted_(world.random.pick(1, 1 + world.setting.ops / 2)) {}

  Async<> play(Life& life) override;
  [[nodiscard]] bool is_done() const override { return made_ >= wanted_ && !ask_; }
  void testify() override;

 private:
  enum class Patience { endless, timeout, cancel, abort };
  struct Ask {
    std::string title;
    EmitRequest request;
    Patience patience = Patience::endless;
    Nanoseconds limit{};
    std::optional<RunId> run;  ///< once it is acknowledged
    bool keyed = false;
  };
  Ask invent();
  /// True: it is over, as far as this one cares.
  Async<bool> ask(Life& life);
  Async<bool> await_result(Life& life, run::RunHandle handle);
  void check_result(const RunResult& result);

  int made_ = 0;
  int wanted_;
  std::optional<Ask> ask_;
  std::vector<ThreadId> sessions_;
  std::vector<std::pair<std::string, RunId>> answered_;  ///< by the request's name
};

}  // namespace reeve::sim
