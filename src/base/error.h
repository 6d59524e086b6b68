#pragma once

#include <expected>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace reeve {

/// What a caller can *do* about a failure: one list for the whole program. Each code has exactly
/// one name, HTTP status, JSON-RPC code and CLI exit code (error_codes()), and a page in
/// docs/errors/.
enum class Errc {
  internal,          ///< a bug of ours; the text says where
  invalid_argument,  ///< the request itself is wrong
  not_found,
  conflict,         ///< lost a race, exists already, or not possible in this state: look again
  fenced,           ///< a newer holder of the run or lease exists: stop
  timeout,          ///< not finished in the given time; nothing is said about the outcome
  cancelled,        ///< somebody asked for it to end
  denied,           ///< not allowed
  unauthenticated,  ///< no valid token
  too_large,        ///< over a limit of base/limits.h
  unavailable,      ///< not now: no daemon, store away, shutting down; try again
  unknown_outcome,  ///< it may or may not have happened: repeat with the same idempotency key
  cursor_expired,   ///< retention removed that part of the log
  cursor_foreign,   ///< the cursor is of another log
  storage_full,     ///< the disk (or the store's memory) is full
  read_only,        ///< the store cannot be written
  corrupt,          ///< what was read cannot be what was written
  unsupported,      ///< a format or protocol version that this program does not speak
};

/// One row of the table that doors and commands translate errors with.
struct ErrorCode {
  Errc code;
  std::string_view name;  ///< snake_case, as on the wire and in `reeve explain NAME`
  int http_status;
  int rpc_code;   ///< JSON-RPC 2.0
  int exit_code;  ///< design: 0 ok, 1 failure, 2 usage, 3 not found, 4 conflict, 5 timeout, 6
                  ///< unavailable, 7 denied
};

std::span<const ErrorCode> error_codes();
const ErrorCode& describe(Errc code);
/// The code with that name; `internal` for a name this version does not know.
Errc errc_from_name(std::string_view name);

/// A failure that the caller is expected to look at: a code, and a sentence that says what to do.
class Error {
 public:
  Error() = default;
  Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] Errc code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] bool is(Errc code) const { return code_ == code; }

  /// The same error told from one level further out: "claim t7: no such task".
  [[nodiscard]] Error during(std::string_view what) const;

  friend bool operator==(const Error&, const Error&) = default;

 private:
  Errc code_ = Errc::internal;
  std::string message_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// `return fail(Errc::not_found, "no such task");`
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected(Error(code, std::move(message)));
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

/// A broken invariant: thrown, and caught only at the edge of a run, a handler or a request.
class BrokenInvariant : public std::logic_error {
  using std::logic_error::logic_error;
};

[[noreturn]] void broken_invariant(const char* expression, const char* file, int line);

#define REEVE_CHECK(expression)           \
  (static_cast<bool>(expression) ? void() \
                                 : ::reeve::broken_invariant(#expression, __FILE__, __LINE__))

/// Words for an errno value, e.g. "No such file or directory". Thread safe.
std::string errno_text(int error_number);
/// The expected failures of the operating system, by what the caller can do: ENOENT is not_found,
/// ENOSPC and EDQUOT are storage_full, EROFS is read_only, EACCES and EPERM are denied, anything
/// else is unavailable.
Error os_error(int error_number, std::string_view what);

}  // namespace reeve
