#include "base/json.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/limits.h"

namespace reeve {

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  boost::system::error_code error;
  auto value = json::parse(text, error, {}, options);
  if (error) {
    constexpr std::size_t kShown = 80;
    return fail(Errc::invalid_argument, "not JSON (" + error.message() +
                                            "): " + std::string(text.substr(0, kShown)) +
                                            (text.size() > kShown ? "..." : ""));
  }
  return value;
}

std::string write_json(const json::value& value) { return json::serialize(value); }

void json_detail::append_text(std::string& out, std::string_view text) {
  const auto plain = std::ranges::all_of(text, [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
  });
  if (!plain) {
    out += json::serialize(json::string_view(text));
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

void json_detail::append_tree(std::string& out, const json::value& value) {
  out += write_json(value);
}

void json_detail::append_whole(std::string& out, std::int64_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

void json_detail::append_whole(std::string& out, std::uint64_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

namespace {

json::value sorted(const json::value& value) {
  if (const auto* array = value.if_array()) {
    json::array out;
    out.reserve(array->size());
    for (const auto& item : *array) out.push_back(sorted(item));
    return out;
  }
  if (const auto* object = value.if_object()) {
    std::vector<std::string_view> names;
    names.reserve(object->size());
    for (const auto& member : *object) names.push_back(member.key());
    std::ranges::sort(names);
    json::object out;
    for (const auto name : names) out[name] = sorted(object->at(name));
    return out;
  }
  return value;
}

}  // namespace

std::string canonical_json(const json::value& value) { return write_json(sorted(value)); }

Error json_detail::inside(std::string_view member, const Error& error) {
  // A list's index joins without a dot, and so does the first word of an expectation.
  const std::string& text = error.message();
  const bool names_a_member = text.find(':') != std::string::npos &&
                              !text.starts_with("expected ") && !text.starts_with('"') &&
                              !text.starts_with("not ");
  std::string told(member);
  if (!names_a_member) {
    told += ": ";
  } else if (!text.starts_with('[')) {
    told += '.';
  }
  return {error.code(), told + text};
}

}  // namespace reeve
