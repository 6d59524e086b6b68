#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/signal.h"
#include "aio/within.h"
#include "log/log.h"
#include "model/emit.h"
#include "run/control.h"
#include "run/native_run.h"

namespace reeve::run {

/// What a run is doing, for those who asked for it. Shared by all handles of one run.
class Pending {
 public:
  explicit Pending(aio::asio::any_io_executor executor) : changed(std::move(executor)) {}

  RunId run;  ///< nil: no run of the agent has the message yet
  ThreadId session;
  std::optional<MessageId> message;  ///< of an agent's: the one that it was asked by
  std::optional<Result<RunResult>> result;
  bool began = false;
  Control control;
  std::function<void(Stop, std::string)> stop;  ///< empty once it is over
  aio::Signal changed;

  void finish(Result<RunResult> how);

 private:
  friend class RunEvents;
  std::set<aio::Stop*> readers_;  // pulled at the end: they may have to wait for nothing any more
};

/// The events of one run that was asked for, and of nothing else: from RunStarted to the terminal
/// one, deltas, gaps and progress marks among them. Of an agent's: of every round that had the
/// message. One reader.
class RunEvents {
 public:
  RunEvents(std::shared_ptr<Pending> pending, std::unique_ptr<log::Subscription> events);

  /// Waits for more. Empty: that was all. Errors: Subscription::next().
  Async<Result<std::vector<Frame>>> next();
  /// Everything up to here has been told, or is not of this run.
  [[nodiscard]] Position position() const { return events_->position(); }

 private:
  [[nodiscard]] bool take(const Frame& frame);
  [[nodiscard]] bool is_of_it(const Event& event);
  [[nodiscard]] bool is_over() const;

  std::shared_ptr<Pending> pending_;
  std::unique_ptr<log::Subscription> events_;
  std::set<RunId> runs_;        // whose events are told
  std::optional<RunId> ended_;  // the last one whose end was told
};

/// A run that was asked for. Letting go of it ends nothing; copies share the run. Domain thread
/// only.
class RunHandle {
 public:
  RunHandle() = default;
  RunHandle(std::shared_ptr<Pending> pending, std::shared_ptr<RunEvents> events)
      : pending_(std::move(pending)), events_(std::move(events)) {}

  [[nodiscard]] RunId run() const { return pending_->run; }
  [[nodiscard]] ThreadId session() const { return pending_->session; }
  [[nodiscard]] bool is_finished() const { return pending_->result.has_value(); }
  [[nodiscard]] api::Asked asked() const;
  /// Its limits; cancelling it ends the run.
  [[nodiscard]] Control& control() const { return pending_->control; }
  /// Waits for the run's end. cancelled: it was cancelled before it began. A run that failed or was
  /// cancelled has a result, and no error.
  Async<Result<RunResult>> result();
  /// Null unless it was asked for.
  [[nodiscard]] const std::shared_ptr<RunEvents>& events() const { return events_; }
  void cancel(std::string reason = "cancelled");
  void abort(std::string reason = "aborted");

 private:
  std::shared_ptr<Pending> pending_;
  std::shared_ptr<RunEvents> events_;
};

}  // namespace reeve::run
