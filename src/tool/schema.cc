#include "tool/schema.h"

// Its headers take seconds: they stay in this file. Without this it ends the program.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"

namespace reeve::tool {
namespace {

using valijson::adapters::BoostJsonAdapter;

constexpr std::size_t kToldErrors = 5;
constexpr std::size_t kToldBytes = 2 << 10;

/// Words of a schema that are checked with std::regex, which recurses for each character.
constexpr std::array<std::string_view, 3> kRegexWords{"pattern", "patternProperties", "format"};

bool uses_regex(const json::value& schema) {
  if (const auto* object = schema.if_object()) {
    return std::ranges::any_of(*object, [](const auto& member) {
      return std::ranges::find(kRegexWords, std::string_view(member.key())) != kRegexWords.end() ||
             uses_regex(member.value());
    });
  }
  if (const auto* array = schema.if_array()) return std::ranges::any_of(*array, uses_regex);
  return false;
}

bool has_text_over(const json::value& value, std::size_t limit) {
  if (const auto* text = value.if_string()) return text->size() > limit;
  if (const auto* object = value.if_object()) {
    return std::ranges::any_of(*object, [limit](const auto& member) {
      return member.key().size() > limit || has_text_over(member.value(), limit);
    });
  }
  if (const auto* array = value.if_array())
    return std::ranges::any_of(*array,
                               [limit](const auto& item) { return has_text_over(item, limit); });
  return false;
}

/// "<root>", "[path]", "[0]" is "path[0]".
std::string place_of(const std::vector<std::string>& context) {
  std::string out;
  for (std::size_t i = 1; i < context.size(); ++i) {
    std::string_view step = context[i];
    const auto inner = step.substr(1, step.size() - 2);
    const bool index =
        !inner.empty() && std::ranges::all_of(inner, [](char c) { return c >= '0' && c <= '9'; });
    if (index) {
      out += step;
    } else {
      out += (out.empty() ? "" : ".") + std::string(inner);
    }
  }
  return out;
}

/// What is walked through at one and the same place of the value. A circle of these would check
/// for ever.
class Circles {
 public:
  explicit Circles(const json::value& root) : root_(root) {}

  bool any() { return below(root_); }

 private:
  /// Every schema in `value`, or what may be one: each is a place to begin at.
  bool below(const json::value& value) {
    if (const auto* object = value.if_object()) {
      if (circle_from(value)) return true;
      return std::ranges::any_of(*object,
                                 [this](const auto& member) { return below(member.value()); });
    }
    if (const auto* array = value.if_array())
      return std::ranges::any_of(*array, [this](const auto& item) { return below(item); });
    return false;
  }

  bool circle_from(const json::value& schema) {
    const auto* object = schema.if_object();
    if (object == nullptr || std::ranges::find(done_, object) != done_.end()) return false;
    if (std::ranges::find(open_, object) != open_.end()) return true;
    open_.push_back(object);
    bool found = false;
    for (const auto* word : {"not", "if", "then", "else"}) {
      if (const auto* one = object->if_contains(word)) found = found || circle_from(*one);
    }
    for (const auto* word : {"allOf", "anyOf", "oneOf"}) {
      const auto* list = object->if_contains(word);
      if (list == nullptr || !list->is_array()) continue;
      for (const auto& one : list->get_array()) found = found || circle_from(one);
    }
    if (const auto* ref = object->if_contains("$ref"); ref != nullptr && ref->is_string()) {
      std::string_view pointer = ref->get_string();
      if (pointer.starts_with('#')) {
        boost::system::error_code error;
        const auto* target = root_.find_pointer(pointer.substr(1), error);
        if (target != nullptr) found = found || circle_from(*target);
      }
    }
    open_.pop_back();
    done_.push_back(object);
    return found;
  }

  const json::value& root_;
  std::vector<const json::object*> open_;
  std::vector<const json::object*> done_;
};

}  // namespace

struct Schema::Compiled {
  valijson::Schema schema;
  bool uses_regex = false;
};

Result<Schema> Schema::read(const json::value& schema) {
  if (Circles(schema).any())
    return fail(Errc::invalid_argument, "not a JSON Schema: it refers to itself without end");
  auto compiled = std::make_shared<Compiled>();
  try {
    valijson::SchemaParser parser;
    parser.populateSchema(BoostJsonAdapter(schema), compiled->schema);
  } catch (const std::exception& error) {
    return fail(Errc::invalid_argument, std::string("not a JSON Schema: ") + error.what());
  }
  compiled->uses_regex = uses_regex(schema);
  Schema out;
  out.compiled_ = std::move(compiled);
  return out;
}

Status Schema::check(const json::value& value) const {
  if (!compiled_) return {};
  if (compiled_->uses_regex && has_text_over(value, limits::kPatternText)) {
    return fail(Errc::invalid_argument, "a text in it is longer than " +
                                            std::to_string(limits::kPatternText) +
                                            " bytes, which is more than a pattern is held against");
  }
  valijson::ValidationResults results;
  bool valid = false;
  try {
    valijson::Validator validator;
    valid = validator.validate(compiled_->schema, BoostJsonAdapter(value), &results);
  } catch (const std::exception& error) {
    return fail(Errc::invalid_argument, std::string("cannot be checked: ") + error.what());
  }
  if (valid) return {};
  std::string told;
  std::size_t count = 0;
  for (const auto& error : results) {
    if (++count > kToldErrors) {
      told += "; and more";
      break;
    }
    const auto place = place_of(error.context);
    told += (told.empty() ? "" : "; ") + (place.empty() ? "" : place + ": ") + error.description;
  }
  return fail(Errc::invalid_argument, std::string(head_of(to_utf8(told), kToldBytes)));
}

}  // namespace reeve::tool
