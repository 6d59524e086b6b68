#include "base/json.h"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>

#include "base/limits.h"
#include "base/utf8.h"

namespace reeve {
namespace {

/// Builds the value as json::parse does, but takes a number for the one that its text stands for:
/// Boost 1.81 is off by a unit in the last place for every tenth, and a document that is read and
/// written again would change.
class Builder {
 public:
  using Code = boost::system::error_code;
  using Text = json::string_view;
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  Builder() { stack_.reset(); }
  json::value release() { return stack_.release(); }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t n, Code&) { return stack_.push_object(n), true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t n, Code&) { return stack_.push_array(n), true; }
  bool on_key_part(Text text, std::size_t, Code&) { return stack_.push_chars(text), true; }
  bool on_key(Text text, std::size_t, Code&) { return stack_.push_key(text), true; }
  bool on_string_part(Text text, std::size_t, Code&) { return stack_.push_chars(text), true; }
  bool on_string(Text text, std::size_t, Code&) { return stack_.push_string(text), true; }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t number, Text, Code&) { return stack_.push_int64(number), true; }
  bool on_uint64(std::uint64_t number, Text, Code&) { return stack_.push_uint64(number), true; }
  bool on_double(double near, Text text, Code&) {
    double exact = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), exact);
    stack_.push_double(read.ec == std::errc() ? exact : near);
    return true;
  }
  bool on_bool(bool value, Code&) { return stack_.push_bool(value), true; }
  bool on_null(Code&) { return stack_.push_null(), true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

 private:
  json::value_stack stack_;
};

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  json::basic_parser<Builder> parser(options);
  boost::system::error_code error;
  const auto used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = json::error::extra_data;
  if (error) {
    constexpr std::size_t kShown = 80;
    if (!is_utf8(text)) return fail(Errc::invalid_argument, "this is not UTF-8, as JSON has to be");
    return fail(Errc::invalid_argument, "not JSON (" + error.message() +
                                            "): " + std::string(text.substr(0, kShown)) +
                                            (text.size() > kShown ? "..." : ""));
  }
  return parser.handler().release();
}

std::string write_json(const json::value& value) { return json::serialize(value); }

void json_detail::append_text(std::string& out, std::string_view text) {
  // All are looked at, several at a time: texts are short, and almost always plain.
  unsigned odd = 0;
  for (const char c : text) {
    odd |= static_cast<unsigned>(static_cast<unsigned char>(c) < 0x20) |
           static_cast<unsigned>(c == '"') | static_cast<unsigned>(c == '\\') |
           static_cast<unsigned>(c == 0x7f);
  }
  if (odd != 0) {
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
