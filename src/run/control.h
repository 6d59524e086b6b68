#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <typeindex>

#include "base/time.h"

namespace reeve::run {

/// What a caller holds of a call that is under way: ends it, limits it, and carries data of the
/// caller's own along with it. Copies share one state. Every function may be called from any
/// thread, before the call, while it runs and after it.
class Control {
 public:
  Control();

  /// Ends what it controls, for good. A run that has not begun never begins. The first reason
  /// stays.
  void cancel(std::string reason = "cancelled");
  [[nodiscard]] bool is_cancelled() const;
  /// Empty: not cancelled.
  [[nodiscard]] std::optional<std::string> cancel_reason() const;

  /// How long it may take, from the moment of the call (or, set later, still from then).
  void set_timeout(Duration timeout);
  [[nodiscard]] std::optional<Duration> timeout() const;

  /// How much of it may go on at a time: tool calls of a run, handlers of a subscription. 0 counts
  /// as 1. It may change while things go on; what goes on already is not interrupted.
  void set_concurrency_limit(std::size_t limit);
  [[nodiscard]] std::optional<std::size_t> concurrency_limit() const;

  /// One object for each type, the last one set; what is not here is looked for in the data that
  /// all calls share (share_data_of).
  template <class T>
  void set_data(std::shared_ptr<T> object) {
    set(typeid(T), std::move(object));
  }
  template <class T>
  [[nodiscard]] std::shared_ptr<T> data() const {
    return std::static_pointer_cast<T>(get(typeid(T)));
  }
  /// The same for who knows the type only by its index.
  void set(std::type_index type, std::shared_ptr<void> object);
  [[nodiscard]] std::shared_ptr<void> get(std::type_index type) const;
  /// From now on `other`'s data, as they are at any moment, are seen through this one.
  void share_data_of(const Control& other);

  /// Calls `told` after each change, on the thread that made it, until the Watch goes. A call that
  /// is under way then may still end.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&&) noexcept;
    Watch& operator=(Watch&&) noexcept;
    ~Watch();

   private:
    friend class Control;
    struct Entry;
    std::shared_ptr<Entry> entry_;
  };
  [[nodiscard]] Watch watch(std::function<void()> told) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reeve::run
