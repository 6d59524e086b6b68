#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "run/invocation.h"

/// What the parts of Invocation share (internal to it).
namespace reeve::run {

/// The same for the same request: what its repetition is known by. Empty: the caller gave no id.
std::optional<store::IdempotencyKey> key_of_request(const EmitRequest& request);

/// A run that was asked for here and is not over.
struct Invocation::Active {
  explicit Active(const aio::asio::any_io_executor& executor)
      : pending(std::make_shared<Pending>(executor)), turn(executor) {}

  std::shared_ptr<Pending> pending;
  EmitRequest request;
  NativeOptions options;
  bool new_session = false;
  bool agents = false;                                  // an agent of the town executes it
  std::optional<std::pair<Stop, std::string>> stopped;  // before it began
  std::unique_ptr<NativeRun> native;
  aio::TaskGroup::Stopper interrupt;
  aio::Signal turn;
  std::chrono::nanoseconds called_at{};
  std::unique_ptr<Env::Timer> deadline;
  Control::Watch watch;
};

}  // namespace reeve::run
