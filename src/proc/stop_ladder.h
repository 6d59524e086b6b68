#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "proc/round_files.h"

namespace reeve::proc {

/// When to do what to end a round. Pure: it is asked at a time and answers with an action.
///
/// Time is monotonic, since any start.
class StopLadder {
 public:
  using Clock = std::chrono::nanoseconds;

  /// Starts at the first stage. Does nothing when already climbing.
  void begin(std::vector<StopStage> stages, Clock now);
  /// From now on only `kill`.
  void kill_now(Clock now);
  /// The CLI itself has ended: what is left waits for at most `grace`, then the next stage comes.
  void hurry(Duration grace, Clock now);

  /// The action to take now; once a time for each stage, and `kill` again and again, for a tree can
  /// grow faster than it is read.
  std::optional<StopAction> due(Clock now);
  /// When due() will next have an answer.
  [[nodiscard]] std::optional<Clock> next() const;

  [[nodiscard]] bool climbing() const { return climbing_; }
  [[nodiscard]] std::optional<StopAction> reached() const { return reached_; }
  /// For how long it has been killing.
  [[nodiscard]] Duration killing(Clock now) const;

 private:
  std::vector<StopStage> stages_;
  std::size_t stage_ = 0;  ///< the one to do next; past the end: kill
  bool climbing_ = false;
  Clock at_{};  ///< when it is to be done
  std::optional<StopAction> reached_;
  std::optional<Clock> killing_since_;
};

}  // namespace reeve::proc
