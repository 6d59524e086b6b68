#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/env.h"
#include "proc/spawner.h"

namespace reeve::proc {

/// The real Spawner: each round runs under a shim of its own, and outlives this program.
///
/// It looks at its rounds by itself, by timers: soon again while one is busy, rarely while it is
/// idle. Who waits for ready_fd() and calls dispatch() whenever that is readable is told within a
/// millisecond, and the timers are then only a safety net.
class ShimSpawner : public Spawner {
 public:
  struct Options {
    ShimProgram shim;
    bool fd_driven = false;  ///< somebody calls dispatch()
  };
  ShimSpawner(Env& env, Options options);
  ~ShimSpawner() override;
  ShimSpawner(const ShimSpawner&) = delete;
  ShimSpawner& operator=(const ShimSpawner&) = delete;

  void start(Start start,
             std::move_only_function<void(Result<std::unique_ptr<Round>>)> done) override;
  Result<std::unique_ptr<Round>> attach(Attach attach) override;

  /// Readable when a round has written or ended. -1 where the kernel offers no such thing.
  [[nodiscard]] int ready_fd() const;
  /// Looks at the rounds that ready_fd() is about. Never waits.
  void dispatch();

 private:
  friend class ShimRound;
  struct Watches;

  void sweep_children();

  Env& env_;
  Options options_;
  std::unique_ptr<Watches> watches_;
  std::vector<pid_t> children_;  ///< shims that nobody has reaped yet
  std::unique_ptr<Env::Timer> sweep_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace reeve::proc
