#pragma once

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "reeve/config.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// What a caller can do about a failure. docs/errors/ (`reeve explain NAME`) has a page for each.
  enum class Code {
    internal,          ///< a bug of Reeve's; the text says where
    invalid_argument,  ///< the request itself is wrong
    not_found,
    conflict,         ///< exists already, or not possible in this state
    fenced,           ///< somebody newer holds the run, or the town
    timeout,          ///< not finished in the given time; nothing is said about the outcome
    cancelled,        ///< somebody asked for it to end
    denied,           ///< not allowed
    unauthenticated,  ///< no valid key
    too_large,        ///< over a limit
    unavailable,      ///< not now: the town is closed, a server is away
    unknown_outcome,  ///< it may or may not have happened: repeat with the same client request id
    cursor_expired,   ///< retention removed that part of the log
    cursor_foreign,   ///< the cursor is of another log
    storage_full,
    read_only,
    corrupt,      ///< what was read cannot be what was written
    unsupported,  ///< not in this version, or not here
  };

  /// "not_found"
  REEVE_API std::string_view name_of(Code code);

  /// A failure that the caller is expected to look at: a code, and a sentence that says what to do.
  struct Error {
    Code code = Code::internal;
    std::string message;
  };

  /// What value() throws where there is none.
  class REEVE_API Failure : public std::runtime_error {
   public:
    explicit Failure(const Error& error) : std::runtime_error(error.message), code(error.code) {}
    Code code;
  };

  /// A value, or why there is none.
  template <class T>
  class [[nodiscard]] Result {
   public:
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    template <class U = T>
      requires std::convertible_to<U, T> && (!std::same_as<std::remove_cvref_t<U>, Error>) &&
               (!std::same_as<std::remove_cvref_t<U>, Result>)
    Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}

    [[nodiscard]] bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }
    /// Throws Failure if there is none.
    T& value() & {
      if (!has_value()) throw Failure(error());
      return *std::get_if<0>(&state_);
    }
    const T& value() const& {
      if (!has_value()) throw Failure(error());
      return *std::get_if<0>(&state_);
    }
    T value() && {
      if (!has_value()) throw Failure(error());
      return std::move(*std::get_if<0>(&state_));
    }
    /// Only if it has a value.
    T& operator*() { return *std::get_if<0>(&state_); }
    const T& operator*() const { return *std::get_if<0>(&state_); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }
    /// Only if it has none.
    [[nodiscard]] const Error& error() const { return *std::get_if<1>(&state_); }

   private:
    std::variant<T, Error> state_;
  };

  /// Done, or why not.
  template <>
  class [[nodiscard]] Result<void> {
   public:
    Result() = default;
    Result(Error error) : state_(std::move(error)) {}

    [[nodiscard]] bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }
    /// Throws Failure if it was not done.
    void value() const {
      if (!has_value()) throw Failure(error());
    }
    [[nodiscard]] const Error& error() const { return *std::get_if<1>(&state_); }

   private:
    std::variant<std::monostate, Error> state_;
  };
  using Status = Result<void>;

}  // namespace v1
}  // namespace reeve
