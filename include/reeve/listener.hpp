#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "reeve/control.hpp"
#include "reeve/event.hpp"
#include "reeve/session.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// Called for each event, on a thread of the library's. The session is the event's, if it is of
  /// one; the control's cancel() ends the event's run, if it is of one, and its data are the
  /// town's. What it throws is counted and reported, and the next event is handled all the same.
  using Handler = std::function<void(const Event&, Session&, Control&)>;

  struct OnOptions {
    EventFilter filter;
    From from;
    bool deltas = false;  ///< token by token, too
    /// Where the handler is slower than the deltas come. Durable events are never lost: a listener
    /// that is behind gets them from the store.
    enum class Slow {
      gap,         ///< deltas are dropped, and an event "Gap" says which
      disconnect,  ///< the listener ends: unavailable, and says so in error()
      block,       ///< the run waits for it, a few seconds at most; then it is a gap
    } slow = Slow::gap;
    /// Handlers at a time. Events of one run are handled in order, one at a time, whatever it is;
    /// with 1, all events are. A control with a limit of its own goes first.
    std::size_t concurrency = 1;
    /// Events of one run that are handled in one go.
    std::size_t batch = 64;
    std::size_t delta_capacity = 1024;  ///< deltas that may wait
    /// Told of what a handler threw, on the handler's thread. May be empty.
    std::function<void(const Error&, const Event&)> on_error;
  };

  /// A subscription that calls a handler. Any thread.
  class REEVE_API Listener {
   public:
    Listener() = default;
    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;
    /// Stops: what has not begun to be handled is not. Waits for handlers that run (within one: not
    /// for that one).
    ~Listener();

    /// Everything that was committed before this call is handled, then it ends. Not within its own
    /// handler. The error that ended it before, if there was one.
    Status close();
    /// As the destructor does.
    void stop();
    [[nodiscard]] bool is_finished() const;
    /// Why it ended by itself: cursor_expired, unavailable, ... Empty: it did not.
    [[nodiscard]] std::optional<Error> error() const;

    [[nodiscard]] std::uint64_t handled() const;
    [[nodiscard]] std::uint64_t failed() const;  ///< handlers that threw
    [[nodiscard]] std::uint64_t missed() const;  ///< deltas that were dropped for it
    /// Everything up to here has been handled, or was not for it: where another listener goes on.
    [[nodiscard]] std::string cursor() const;

   private:
    friend class library::Engine;
    explicit Listener(std::shared_ptr<library::Following> following);

    std::shared_ptr<library::Following> following_;
  };

}  // namespace v1
}  // namespace reeve
