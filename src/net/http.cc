#include "net/http.h"

#include <algorithm>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "wire/problem.h"

namespace reeve::net {
namespace {

/// RFC 9110's token: what a method or a header's name is made of.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != kMarks.npos;
  });
}

Status put_headers(std::string& out, const Headers& headers) {
  for (const auto& [name, value] : headers) {
    const bool stays_in_line = std::ranges::none_of(
        value, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; });
    if (!is_token(name) || !stays_in_line) {
      return fail(Errc::invalid_argument, "the header \"" + name + "\" cannot be sent as it is");
    }
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out.append("\r\n");
  return {};
}

}  // namespace

std::string_view header(const Headers& headers, std::string_view name) {
  const auto found = std::ranges::find(headers, name, &Headers::value_type::first);
  return found == headers.end() ? std::string_view() : found->second;
}

std::optional<std::string_view> Request::param(std::string_view name) const {
  const auto found = std::ranges::find(query, name, [](const auto& pair) { return pair.first; });
  if (found == query.end()) return std::nullopt;
  return found->second;
}

Status read_target(Request& request) {
  const auto parsed = boost::urls::parse_origin_form(request.target);
  if (!parsed) {
    return fail(Errc::invalid_argument, "the request's target is no path like /v1/agents?limit=3");
  }
  request.path = parsed->path();
  request.segments.clear();
  for (const auto& segment : parsed->segments()) request.segments.emplace_back(segment);
  request.query.clear();
  for (const auto& param : parsed->params()) {
    request.query.emplace_back(std::string(param.key), std::string(param.value));
  }
  return {};
}

Result<std::string> encode_head(int status, const Headers& headers) {
  REEVE_CHECK(status >= 100 && status <= 999);
  std::string out = "HTTP/1.1 " + std::to_string(status) + " ";
  out.append(reason_phrase(status)).append("\r\n");
  if (auto put = put_headers(out, headers); !put) return fail(put.error());
  return out;
}

Result<std::string> encode_head(std::string_view method, std::string_view target,
                                const Headers& headers) {
  const bool visible = std::ranges::all_of(target, [](char c) { return c > ' ' && c != 0x7f; });
  if (!is_token(method) || !target.starts_with('/') || !visible) {
    return fail(Errc::invalid_argument, "the method or target of the request is malformed");
  }
  std::string out;
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  if (auto put = put_headers(out, headers); !put) return fail(put.error());
  return out;
}

Response json_response(int status, std::string body) {
  return {
      .status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

Response problem_response(const Error& error, int status) {
  return {.status = status == 0 ? describe(error.code()).http_status : status,
          .headers = {{"Content-Type", std::string(wire::kProblemType)}},
          .body = wire::write_problem(error, status)};
}

}  // namespace reeve::net
