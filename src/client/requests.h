#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http.h"
#include "wire/sse.h"

/// How requests to a daemon look, whoever sends them.
namespace reeve::client {

/// The version of the API that is spoken, sent as `Reeve-Api`.
inline constexpr const char* kApi = "1";

/// Which events are asked for.
struct EventQuery {
  std::string after;  ///< a cursor; empty: from the beginning, or with `latest` the newest ones
  std::vector<std::string> scopes;
  std::vector<std::string> kinds;
  std::size_t latest = 0;
  std::size_t limit = 0;
  bool deltas = false;
  bool block = false;  ///< a run rather waits for this reader than drop its deltas
  bool from_now = false;
};
/// "/v1/events?after=..."
std::string target_of(const EventQuery& query);

/// Percent-encodes everything that has a meaning in a target.
std::string escape(std::string_view text);
/// An idempotency key that nobody has used.
std::string new_key();

/// It may be answered otherwise soon: a daemon was away, or is about to be.
bool worth_repeating(const Error& error);
bool is_worth_repeating(const net::Response& response);
/// Whether it was done is not known: whoever asks again with the same key is told.
bool is_in_doubt(const net::Response& response);
/// What a stream's message "error" says. corrupt: it is not in its form.
Error error_in(const wire::SseMessage& message);
/// Why there is no daemon, and none to come.
Error gone(bool was_there);

}  // namespace reeve::client
