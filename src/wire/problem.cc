#include "wire/problem.h"

#include <algorithm>

#include "base/json.h"
#include "base/utf8.h"

namespace reeve::wire {
namespace {

/// What is worth showing of a body that is not ours.
constexpr std::size_t kExcerpt = 200;

std::string title_of(std::string_view name) {
  std::string title(name);
  std::ranges::replace(title, '_', ' ');
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z') {
    title[0] = static_cast<char>(title[0] - 'a' + 'A');
  }
  return title;
}

Errc code_of(int status) {
  const auto codes = error_codes();
  const auto found = std::ranges::find(codes, status, &ErrorCode::http_status);
  if (found != codes.end()) return found->code;
  if (status == 408) return Errc::timeout;
  if (status == 429 || status == 502) return Errc::unavailable;
  if (status == 431) return Errc::too_large;
  return status >= 400 && status < 500 ? Errc::invalid_argument : Errc::internal;
}

const json::string* text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_string();
}

}  // namespace

std::string write_problem(const Error& error, int status) {
  const auto& code = describe(error.code());
  json::object problem;
  problem["type"] = "urn:reeve:error:" + std::string(code.name);
  problem["title"] = title_of(code.name);
  problem["status"] = status == 0 ? code.http_status : status;
  problem["detail"] = to_utf8(error.message());  // it may quote any bytes
  problem["code"] = code.name;
  return write_json(problem);
}

Error read_problem(int status, std::string_view body) {
  auto code = code_of(status);
  const auto parsed = parse_json(body);
  const auto* problem = parsed ? parsed->if_object() : nullptr;
  if (problem == nullptr) {
    std::string told = "HTTP status " + std::to_string(status);
    if (!body.empty()) told.append(": ").append(body.substr(0, kExcerpt));
    return {code, std::move(told)};
  }
  if (const auto* name = text(*problem, "code")) {
    // A newer daemon's code that we do not know: its status still says what to do.
    const auto known = errc_from_name(*name);
    if (known != Errc::internal || std::string_view(*name) == "internal") code = known;
  }
  const auto* detail = text(*problem, "detail");
  if (detail == nullptr || detail->empty()) detail = text(*problem, "title");
  return {code, detail != nullptr ? std::string(*detail) : "HTTP status " + std::to_string(status)};
}

}  // namespace reeve::wire
