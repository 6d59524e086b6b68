#include "proc/dialect/classify.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "base/utf8.h"

namespace reeve::proc {
namespace {

constexpr std::size_t kLooked = 4096;  // an error says what it is in its first lines

std::string lower(std::string_view text) {
  std::string out(head_of(text, kLooked));
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool has_any(std::string_view text, auto& phrases) {
  return std::ranges::any_of(phrases,
                             [&](std::string_view phrase) { return text.contains(phrase); });
}

constexpr std::array<std::string_view, 9> kTooLong{
    "prompt is too long", "context window",
    "context_length",     "context length",
    "too many tokens",    "contextoverflow",
    "input is too long",  "exceeds the maximum number of tokens",
    "prompt_too_long"};
constexpr std::array<std::string_view, 6> kNoSession{
    "no conversation found", "session not found", "invalid session identifier",
    "no saved session",      "no session found",  "no rollout found"};
constexpr std::array<std::string_view, 13> kNoKey{"invalid api key",
                                                  "invalid x-api-key",
                                                  "unauthorized",
                                                  "authentication",
                                                  "unauthenticated",
                                                  "api key not",
                                                  "missing environment variable",
                                                  "/login",
                                                  "not logged in",
                                                  "invalid_api_key",
                                                  "no api key",
                                                  "api key required",
                                                  "permission_error"};
constexpr std::array<std::string_view, 6> kLimited{
    "rate limit", "rate_limit", "too many requests", "resource_exhausted", "quota", "usage limit"};
constexpr std::array<std::string_view, 3> kNoMoney{"billing", "credit balance",
                                                   "insufficient_quota"};
constexpr std::array<std::string_view, 20> kServer{"overloaded",        "internal server error",
                                                   "high demand",       "server_error",
                                                   "server error",      "service unavailable",
                                                   "bad gateway",       "econnrefused",
                                                   "connectionrefused", "connection refused",
                                                   "unable to connect", "stream disconnected",
                                                   "network error",     "other side closed",
                                                   "fetch failed",      "econnreset",
                                                   "connection error",  "terminated",
                                                   "socket hang up",    "timed out"};
constexpr std::array<std::string_view, 4> kTurns{"max turns", "max_turns",
                                                 "maximum number of turns", "max session turns"};

}  // namespace

std::optional<int> http_status_in(std::string_view text) {
  const auto low = lower(text);
  constexpr std::array<std::string_view, 6> kBefore{
      "api error: ", "status ", "status: ", "status code ", "\"code\":", "rejected ("};
  const auto number_at = [&](std::size_t at) -> std::optional<int> {
    if (at + 3 > low.size()) return std::nullopt;
    int number = 0;
    for (std::size_t i = at; i < at + 3; ++i) {
      if (low[i] < '0' || low[i] > '9') return std::nullopt;
      number = number * 10 + (low[i] - '0');
    }
    if (at + 3 < low.size() && std::isalnum(static_cast<unsigned char>(low[at + 3])) != 0)
      return std::nullopt;
    if (number < 400 || number > 599) return std::nullopt;
    return number;
  };
  if (const auto first = number_at(0)) return first;
  for (const auto before : kBefore) {
    for (auto at = low.find(before); at != std::string::npos; at = low.find(before, at + 1)) {
      if (const auto number = number_at(at + before.size())) return number;
    }
  }
  return std::nullopt;
}

Failure classify(std::string_view text, std::optional<int> http_status) {
  const auto low = lower(text);
  const auto status = http_status ? http_status : http_status_in(text);
  // The text first where a status is shared: 400 is also "too long", 429 also "no credit".
  if (has_any(low, kTooLong) || low.contains("ran out of room")) return Failure::context_too_long;
  if (has_any(low, kNoSession)) return Failure::session_not_found;
  if (has_any(low, kNoMoney) || status == 402) return Failure::budget;
  if (status == 401 || status == 403) return Failure::authentication_failed;
  if (status == 429) return Failure::rate_limited;
  if (status == 413) return Failure::context_too_long;
  if (status && *status >= 500) return Failure::server_error;
  if (has_any(low, kNoKey)) return Failure::authentication_failed;
  if (has_any(low, kLimited)) return Failure::rate_limited;
  if (has_any(low, kTurns)) return Failure::max_turns;
  if (has_any(low, kServer)) return Failure::server_error;
  return Failure::error;
}

bool tells_of_denial(std::string_view tool_result) {
  constexpr std::array<std::string_view, 9> kDenials{
      "requested permissions to",
      "was blocked. for security",
      "permission request failed",
      "doesn't want to proceed with this tool use",
      "permission was declined",
      "rejected permission",
      "prevents you from using this specific tool call",
      "denied by policy",
      "permission to use"};
  return has_any(lower(tool_result), kDenials);
}

}  // namespace reeve::proc
