#include "client/requests.h"

#include <sys/random.h>

#include "base/ids.h"
#include "base/json.h"
#include "wire/problem.h"

namespace reeve::client {

std::string escape(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || c == ':';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string new_key() {
  Uuid uuid;
  REEVE_CHECK(::getrandom(uuid.bytes.data(), uuid.bytes.size(), 0) == 16);
  return uuid.str();
}

bool worth_repeating(const Error& error) {
  return error.is(Errc::unavailable) || error.is(Errc::unknown_outcome);
}

bool is_in_doubt(const net::Response& response) {
  return response.status >= 500 &&
         wire::read_problem(response.status, response.body).is(Errc::unknown_outcome);
}

bool is_worth_repeating(const net::Response& response) {
  return response.status >= 500 &&
         worth_repeating(wire::read_problem(response.status, response.body));
}

Error error_in(const wire::SseMessage& message) {
  const auto problem = parse_json(message.data);
  const auto* object = problem ? problem->if_object() : nullptr;
  const auto* code = object != nullptr ? object->if_contains("code") : nullptr;
  const auto* detail = object != nullptr ? object->if_contains("detail") : nullptr;
  if (code == nullptr || !code->is_string() || detail == nullptr || !detail->is_string())
    return {Errc::corrupt, "the daemon's answer is not understood"};
  return {errc_from_name(std::string_view(code->get_string())), std::string(detail->get_string())};
}

Error gone(bool was_there) {
  return {Errc::unavailable, was_there
                                 ? "the town's daemon was stopped; any command starts it again"
                                 : "the town's daemon does not run"};
}

std::string target_of(const EventQuery& query) {
  std::string text;
  const auto add = [&](std::string_view name, std::string_view value) {
    text += text.empty() ? '?' : '&';
    text += std::string(name) + "=" + escape(value);
  };
  if (!query.after.empty())
    add("after", query.after);
  else if (query.latest == 0)
    add("from", query.from_now ? "now" : "beginning");
  for (const auto& scope : query.scopes) add("scope", scope);
  for (const auto& kind : query.kinds) add("kind", kind);
  if (query.latest > 0) add("latest", std::to_string(query.latest));
  if (query.limit > 0) add("limit", std::to_string(query.limit));
  if (query.deltas) add("deltas", "1");
  if (query.block) add("slow", "block");
  return "/v1/events" + text;
}

}  // namespace reeve::client
