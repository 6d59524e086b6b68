#include "proc/stop_ladder.h"

#include <algorithm>

namespace reeve::proc {
namespace {

constexpr auto kKillAgain = std::chrono::milliseconds(20);

}  // namespace

void StopLadder::begin(std::vector<StopStage> stages, Clock now) {
  if (climbing_) return;
  climbing_ = true;
  stages_ = std::move(stages);
  stage_ = 0;
  at_ = now;
}

void StopLadder::kill_now(Clock now) {
  climbing_ = true;
  if (killing_since_) return;
  stage_ = stages_.size();
  at_ = now;
}

void StopLadder::hurry(Duration grace, Clock now) {
  if (climbing_) at_ = std::min<Clock>(at_, now + grace);
}

std::optional<StopAction> StopLadder::due(Clock now) {
  if (!climbing_ || now < at_) return std::nullopt;
  if (stage_ < stages_.size() && stages_[stage_].action != StopAction::kill) {
    const auto& stage = stages_[stage_++];
    at_ = now + stage.grace;
    reached_ = stage.action;
    return stage.action;
  }
  stage_ = stages_.size();
  at_ = now + kKillAgain;
  if (!killing_since_) killing_since_ = now;
  reached_ = StopAction::kill;
  return StopAction::kill;
}

std::optional<StopLadder::Clock> StopLadder::next() const {
  if (!climbing_) return std::nullopt;
  return at_;
}

Duration StopLadder::killing(Clock now) const {
  if (!killing_since_) return Duration(0);
  return std::chrono::duration_cast<Duration>(now - *killing_since_);
}

}  // namespace reeve::proc
