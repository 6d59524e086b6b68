#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <typeindex>

#include "reeve/config.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// What a caller holds of a call that is under way: ends it, limits it, and carries data of the
  /// caller's own along with it. Copies share one state. Any thread, at any time: before the call,
  /// while it runs, after it.
  class REEVE_API Control {
   public:
    Control();

    /// Ends what it controls, for good: a model call or a tool in the middle. A run that has not
    /// begun never begins. The first reason stays. In a handler: ends the run that the event is of.
    void cancel(std::string reason = "cancelled");
    [[nodiscard]] bool is_cancelled() const;
    /// Empty: not cancelled.
    [[nodiscard]] std::optional<std::string> cancel_reason() const;

    /// How long it may take, from the moment of the call.
    void set_timeout(std::chrono::milliseconds timeout);
    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const;

    /// How much of it may go on at a time: tool calls of a run, handlers of a listener. 0 counts as
    /// 1. It may change while things go on.
    void set_concurrency_limit(std::size_t limit);
    [[nodiscard]] std::optional<std::size_t> concurrency_limit() const;

    /// One object for each type, the last one set. What is not here is looked for in the town's
    /// (Town::shared()), once it was given to a call.
    template <class T>
    void set_data(std::shared_ptr<T> object) {
      set(typeid(T), std::move(object));
    }
    /// Null: there is none of that type.
    template <class T>
    [[nodiscard]] std::shared_ptr<T> data() const {
      return std::static_pointer_cast<T>(get(typeid(T)));
    }

   private:
    friend class library::Engine;
    friend class library::Following;
    explicit Control(std::shared_ptr<library::Controlled> state);
    void set(std::type_index type, std::shared_ptr<void> object);
    [[nodiscard]] std::shared_ptr<void> get(std::type_index type) const;

    std::shared_ptr<library::Controlled> state_;
  };

}  // namespace v1
}  // namespace reeve
