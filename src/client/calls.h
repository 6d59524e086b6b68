#pragma once

#include <chrono>

#include "base/json.h"
#include "client/client.h"
#include "wire/problem.h"

/// What the client's calls share; private to them.
namespace reeve::client {

inline constexpr std::chrono::milliseconds kTimeout{30'000};
inline constexpr std::chrono::milliseconds kForEver{std::chrono::hours(365 * 24)};

/// The answer's body, or the problem that it tells of.
template <class T>
Result<T> read(const Result<net::Response>& response) {
  if (!response) return fail(response.error());
  if (response->status >= 400) return fail(wire::read_problem(response->status, response->body));
  return parse_json_as<T>(response->body);
}

}  // namespace reeve::client
