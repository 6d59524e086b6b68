#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "log/log.h"
#include "run/control.h"

namespace reeve::run {

using aio::Async;

/// What a handler is told of: an event, a delta, or a gap where deltas are missing.
struct Heard {
  Frame frame;                      ///< never Progress
  std::optional<RunId> run;         ///< that it is about
  std::optional<ThreadId> session;  ///< ... and the conversation
  std::string kind;                 ///< "RunStarted", "TextDelta", ...; of a gap "Gap"
  /// Where to go on behind it: of a durable event its own position, else the last one before.
  Position position;
};

/// What becomes of deltas that a listener is too slow for. Durable events are never lost.
enum class SlowPolicy {
  gap,         ///< they are dropped, and a Gap tells which
  disconnect,  ///< the listener ends, with an error that names where to go on
  block,       ///< the run waits for the listener; after `patience` it is a gap
};
BOOST_DESCRIBE_ENUM(SlowPolicy, gap, disconnect, block)

struct ListenOptions {
  std::set<std::string> kinds;  ///< of events and deltas; empty: every one
  std::vector<Scope> scopes;    ///< alternatives; empty: every one
  std::optional<RunId> run;
  std::optional<ThreadId> session;
  std::function<bool(const Heard&)> predicate;  ///< empty: everything; one that throws says no
  log::From from;
  bool deltas = true;
  SlowPolicy policy = SlowPolicy::gap;
  std::chrono::nanoseconds patience = std::chrono::seconds(5);
  std::size_t delta_capacity = 1024;
  std::size_t queue = 256;  ///< what was read and waits for its handler; then reading waits
};

/// Called for each, in the order of its run; handlers of different runs at the same time, as many
/// as the Control's concurrency limit says (1 where it says nothing). What it throws is counted and
/// reported, and the next one is handled.
using Handler = std::function<Async<>(Heard heard, Control control)>;
/// Told of a handler that threw.
using OnHandlerFailure = std::function<void(const Heard& heard, const std::string& why)>;

/// A handler that may block: it runs in the Env's pool.
Handler on_pool(Env& env, std::function<void(const Heard&, Control&)> handler);

/// `on`: calls a handler for what happens. Letting go of it ends it: the handlers that run end by
/// themselves, no other one begins. Domain thread only.
class Listener {
 public:
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  struct Counts {
    std::uint64_t handled = 0;  ///< calls that ended, also those that threw
    std::uint64_t failed = 0;   ///< calls that threw
    std::uint64_t missed = 0;   ///< deltas in gaps
  };
  [[nodiscard]] Counts counts() const;
  /// Nothing is handled any more, and no handler runs.
  [[nodiscard]] bool is_finished() const;
  /// Why it ended by itself: SlowPolicy::disconnect, or what the log said.
  [[nodiscard]] std::optional<Error> error() const;
  /// Everything up to here has been handled: what to go on behind.
  [[nodiscard]] Position position() const;

  /// Handles everything that was committed before this call, then ends.
  Async<> close();
  /// Ends it: what waits is not handled. Answers when no handler runs.
  Async<> stop();

 private:
  friend class Listening;
  struct State;
  explicit Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// Owns what listeners do. Domain thread only; what it refers to outlives it. close() before it is
/// destroyed.
class Listening {
 public:
  Listening(Env& env, aio::asio::any_io_executor executor, log::Log& log);
  ~Listening();

  /// `control` is given to the handlers; cancelling it ends the listener.
  std::unique_ptr<Listener> on(ListenOptions options, Handler handler, Control control = {},
                               OnHandlerFailure failed = nullptr);
  /// Ends all of them.
  Async<> close();

 private:
  using StatePtr = std::shared_ptr<Listener::State>;
  Async<> pump(StatePtr state);
  Async<> handle(StatePtr state, RunId lane);
  void take(const StatePtr& state, Frame frame);
  void start_lanes(const StatePtr& state);

  Env& env_;
  aio::asio::any_io_executor executor_;
  log::Log& log_;
  std::set<std::weak_ptr<Listener::State>, std::owner_less<>> listeners_;
  aio::TaskGroup group_;
};

}  // namespace reeve::run
