#pragma once

#include "run/invocation.h"
#include "town/ground.h"

namespace reeve::town {

/// `emit` to an agent: the request becomes a message in its inbox, and the round that takes it the
/// run. Domain thread only; what it stands on outlives it.
class Desk final : public run::AgentDesk {
 public:
  explicit Desk(Ground ground) : ground_(std::move(ground)) {}

  /// not_found: no such agent. conflict: it takes no work.
  Async<Result<Message>> hand_over(EmitRequest request, Caller caller) override;
  Async<Status> take_back(MessageId message, std::string reason) override;
  /// The messages that the run took and that bring no task are withdrawn with it: else the next
  /// round would begin with them at once. A task stays its agent's.
  Async<Status> stop_run(RunId run, std::string reason) override;

 private:
  Ground ground_;
};

}  // namespace reeve::town
