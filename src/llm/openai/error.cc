#include "llm/openai/error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <string>

#include "base/limits.h"
#include "base/near_names.h"
#include "base/utf8.h"

namespace reeve::llm::openai {
namespace {

/// The words of an error, whoever wrote it: {"error":{"message","type","code"}}, {"error":"text"},
/// {"message"}, {"detail"}.
struct Complaint {
  std::string message;
  std::string type;
  std::string code;
  std::optional<int> status;  ///< where the code is a number, as some gateways write it
};

std::string text_in(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (found == nullptr || found->is_null()) return "";
  return found->is_string() ? std::string(found->get_string()) : write_json(*found);
}

Complaint read_complaint(const json::value& error) {
  Complaint out;
  if (const auto* text = error.if_string()) out.message = *text;
  const auto* object = error.if_object();
  if (object == nullptr) return out;
  out.message = text_in(*object, "message");
  out.type = text_in(*object, "type");
  if (const auto* code = object->if_contains("code")) {
    if (code->is_string()) out.code = code->get_string();
    boost::system::error_code none;
    const auto number = code->to_number<int>(none);
    if (!none) out.status = number;
  }
  return out;
}

Complaint read_body(std::string_view body) {
  const auto value = parse_json(body);
  if (!value) return {std::string(body.substr(0, limits::kModelComplaint)), "", "", {}};
  if (const auto* object = value->if_object()) {
    if (const auto* error = object->if_contains("error")) return read_complaint(*error);
    if (object->contains("detail")) return {text_in(*object, "detail"), "", "", {}};
  }
  return read_complaint(*value);
}

struct Word {
  std::string_view word;
  Trouble trouble;
};
/// `code` and `type`, which say it exactly where there are any.
constexpr std::array kWords{
    Word{"context_length_exceeded", Trouble::context_too_long},
    Word{"exceed_context_size_error", Trouble::context_too_long},
    Word{"string_above_max_length", Trouble::context_too_long},
    Word{"content_filter", Trouble::content_filter},
    Word{"content_policy_violation", Trouble::content_filter},
    Word{"invalid_api_key", Trouble::authentication},
    Word{"authentication_error", Trouble::authentication},
    Word{"permission_error", Trouble::authentication},
    Word{"insufficient_quota", Trouble::quota_exhausted},
    Word{"billing_hard_limit_reached", Trouble::quota_exhausted},
    Word{"model_not_found", Trouble::no_such_model},
    Word{"rate_limit_exceeded", Trouble::rate_limited},
    Word{"rate_limit_error", Trouble::rate_limited},
    Word{"overloaded_error", Trouble::overloaded},
    Word{"server_error", Trouble::overloaded},
};
/// Where only the sentence says it.
constexpr std::array<std::string_view, 9> kTooLong{
    "maximum context length", "context length",        "context window",
    "too many tokens",        "reduce the length",     "prompt is too long",
    "input length exceeds",   "exceeds the available", "input is too long"};

std::optional<Trouble> by_words(const Complaint& complaint) {
  for (const auto& said : {complaint.code, complaint.type}) {
    const auto found = std::ranges::find(kWords, std::string_view(said), &Word::word);
    if (found != kWords.end()) return found->trouble;
  }
  return std::nullopt;
}

std::optional<Trouble> by_sentence(const Complaint& complaint) {
  const auto said = to_lower(complaint.message);
  const bool too_long =
      std::ranges::any_of(kTooLong, [&](auto words) { return said.find(words) != said.npos; });
  return too_long ? std::optional(Trouble::context_too_long) : std::nullopt;
}

Trouble by_status(int status) {
  switch (status) {
    case 401:
    case 403: return Trouble::authentication;
    case 402: return Trouble::quota_exhausted;
    case 408: return Trouble::timed_out;
    case 409: return Trouble::overloaded;
    case 413: return Trouble::context_too_long;
    case 429: return Trouble::rate_limited;
    default: break;
  }
  if (status >= 500) return Trouble::overloaded;
  // Not an answer of this API at all: the address is wrong.
  if (status < 400 || status == 404 || status == 405) return Trouble::misconfigured;
  return Trouble::bad_request;
}

Trouble trouble_of(const Complaint& complaint, std::optional<int> status) {
  if (const auto exact = by_words(complaint)) return *exact;
  const bool may_be_length = !status || *status == 400 || *status == 422 || *status >= 500;
  if (const auto read = by_sentence(complaint); read && may_be_length) return *read;
  // Local servers have no code for it.
  if (status == 404 && to_lower(complaint.message).find("model") != std::string::npos)
    return Trouble::no_such_model;
  if (status) return by_status(*status);
  return complaint.type == "invalid_request_error" ? Trouble::bad_request : Trouble::overloaded;
}

std::string advice_on(Trouble trouble, std::optional<int> status) {
  if (trouble == Trouble::authentication && status != 403)
    return "the provider does not accept the key";
  if (trouble == Trouble::misconfigured)
    return "there is no such API at that address: is base_url right?";
  return "";
}

ProviderError make(Trouble trouble, const Complaint& complaint, std::optional<int> status,
                   const Secret& key) {
  auto text = advice_on(trouble, status);
  // Some servers repeat a part of the key in it.
  const bool quotable = trouble != Trouble::authentication || status == 403;
  if (quotable && !complaint.message.empty()) {
    const auto said = key.hide_in(to_utf8(complaint.message));
    text +=
        (text.empty() ? "" : " It says: ") + std::string(head_of(said, limits::kModelComplaint));
  }
  if (text.empty()) text = "the provider failed";
  const auto& word = complaint.code.empty() ? complaint.type : complaint.code;
  std::string origin = status ? "HTTP " + std::to_string(*status) : "";
  if (!word.empty() && word.size() <= limits::kName && is_utf8(word))
    origin += (origin.empty() ? "" : ", ") + key.hide_in(word);
  if (!origin.empty()) text += " (" + origin + ")";
  ProviderError error(trouble, std::move(text));
  error.http_status = status;
  return error;
}

std::optional<Duration> read_seconds(std::string_view text, double unit_ms) {
  double number = 0;
  const std::string written(text);
  const auto* end = written.c_str() + written.size();
  const auto read = std::from_chars(written.c_str(), end, number);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(number) || number < 0)
    return std::nullopt;
  // A longer wait than a day is no wait; and beyond it the number may not fit.
  constexpr double kDay = 24 * 3600 * 1000.0;
  return Duration(static_cast<std::int64_t>(std::ceil(std::min(number * unit_ms, kDay))));
}

}  // namespace

std::optional<Duration> retry_after(const net::Headers& headers, Time now) {
  if (const auto ms = read_seconds(net::header(headers, "retry-after-ms"), 1)) return ms;
  const std::string said(net::header(headers, "retry-after"));
  if (said.empty()) return std::nullopt;
  if (const auto seconds = read_seconds(said, 1000)) return seconds;
  std::tm date{};
  const auto* end = ::strptime(said.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const auto then = Time(std::chrono::seconds(::timegm(&date)));
  return std::clamp(then - now, Duration(0), Duration(std::chrono::hours(24)));
}

ProviderError read_error(const net::Response& answer, Time now, const Secret& key) {
  const auto complaint = read_body(answer.body);
  auto error = make(trouble_of(complaint, answer.status), complaint, answer.status, key);
  if (may_pass(error.trouble)) error.retry_after = retry_after(answer.headers, now);
  return error;
}

ProviderError read_error(const json::value& value, const Secret& key) {
  const auto complaint = read_complaint(value);
  return make(trouble_of(complaint, complaint.status), complaint, complaint.status, key);
}

}  // namespace reeve::llm::openai
