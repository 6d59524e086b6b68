#include "client/settings_edit.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/json.h"
#include "client/settings_file.h"
#include "client/settings_keys.h"
#include "client/town_folder.h"

namespace reeve::client {
namespace {

/// Byte offsets of the lines and columns that toml++ tells, which counts characters from 1.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\n') starts_.push_back(at + 1);
    }
  }
  /// Of a line that is not there: the end.
  [[nodiscard]] std::size_t line(std::size_t number) const {
    return number <= starts_.size() ? starts_[number - 1] : text_.size();
  }
  [[nodiscard]] std::size_t at(const toml::source_position& position) const {
    auto at = line(position.line);
    for (auto column = position.column; column > 1 && at < text_.size(); --column) {
      for (++at; at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xc0) == 0x80;) ++at;
    }
    return at;
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

const toml::node* find(const toml::table& table, std::string_view key) {
  const auto dot = key.find('.');
  const auto* node = table.get(key.substr(0, dot));
  if (node == nullptr || dot == std::string_view::npos) return node;
  const auto* inner = node->as_table();
  return inner == nullptr ? nullptr : find(*inner, key.substr(dot + 1));
}

using Leaves = std::map<std::string, std::string>;

void flatten(const json::object& object, const std::string& prefix, Leaves& leaves) {
  for (const auto& member : object) {
    const auto key = prefix + std::string(member.key());
    if (const auto* inner = member.value().if_object()) {
      flatten(*inner, key + ".", leaves);
    } else {
      leaves[key] = write_json(member.value());
    }
  }
}

Leaves leaves_of(const toml::table& table) {
  Leaves leaves;
  flatten(json_of(table).get_object(), "", leaves);
  return leaves;
}

std::unexpected<Error> by_hand(const std::string& path, std::string_view key, std::size_t line) {
  return fail(Errc::unsupported, std::string(key) +
                                     " stands in a place where only a person can change it: edit " +
                                     path + (line > 0 ? ":" + std::to_string(line) : ""));
}

/// The end of the line of the last value that stands directly in the table; 0: there is none.
std::size_t last_line(const toml::table& table) {
  std::size_t last = 0;
  for (const auto& [name, node] : table) {
    const bool elsewhere =
        (node.is_table() && !node.as_table()->is_inline()) || node.is_array_of_tables();
    if (!elsewhere) last = std::max<std::size_t>(last, node.source().end.line);
  }
  return last;
}

/// Whether the table has a header of its own, [name]: one that is only implied by [name.inner] or
/// [[name.inner]] is said to be where that is.
bool has_header(const toml::table& table, std::string_view text, const Places& places) {
  const auto begin = table.source().begin;
  const auto at = places.at(begin);
  if (table.is_inline() || !text.substr(at).starts_with('[') || text.substr(at).starts_with("[["))
    return false;
  return std::ranges::none_of(table, [&](const auto& member) {
    return member.second.is_table() && member.second.source().begin == begin;
  });
}

std::string insert_line(std::string_view text, std::size_t at, const std::string& line) {
  std::string out(text.substr(0, at));
  if (!out.empty() && out.back() != '\n') out += '\n';
  out += line + "\n";
  out += text.substr(at);
  return out;
}

Result<std::string> insert(std::string_view text, const std::string& path, const toml::table& table,
                           std::string_view key, const std::string& literal) {
  const Places places(text);
  const auto dot = key.rfind('.');
  if (dot == std::string_view::npos) {
    const auto last = last_line(table);
    return insert_line(text, last > 0 ? places.line(last + 1) : 0,
                       std::string(key) + " = " + literal);
  }
  const auto parent = key.substr(0, dot);
  const auto line = std::string(key.substr(dot + 1)) + " = " + literal;
  const auto* node = find(table, parent);
  if (node != nullptr && (!node->is_table() || node->as_table()->is_inline()))
    return by_hand(path, key, node->source().begin.line);
  if (node != nullptr && has_header(*node->as_table(), text, places)) {
    const auto last =
        std::max<std::size_t>(last_line(*node->as_table()), node->source().begin.line);
    return insert_line(text, places.line(last + 1), line);
  }
  return insert_line(text, text.size(),
                     (text.empty() ? "[" : "\n[") + std::string(parent) + "]\n" + line);
}

/// The new text, if it says what it should and nothing else has changed.
Result<std::string> checked(std::string text, const std::string& path, std::string_view key,
                            const Leaves& before, const std::optional<std::string>& wanted) {
  const auto table = parse_toml(text, path);
  if (!table) return by_hand(path, key, 0);
  auto expected = before;
  expected.erase(std::string(key));
  auto after = leaves_of(*table);
  const auto now = after.find(std::string(key));
  const bool as_wanted = wanted ? now != after.end() && now->second == *wanted : now == after.end();
  if (now != after.end()) after.erase(now);
  if (!as_wanted || after != expected) return by_hand(path, key, 0);
  if (auto read = parse_settings(text, path); !read) return fail(read.error());
  return text;
}

std::string quoted(std::string_view value) {
  if (!value.contains('\'') &&
      std::ranges::none_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return "'" + std::string(value) + "'";
  return write_json(json::value(value));  // a basic string is written as JSON's is
}

bool is_number(std::string_view value, bool whole) {
  const auto digits = value.find_first_not_of("0123456789");
  if (value.empty() || digits == 0 || value.size() > 18) return false;
  if (digits == std::string_view::npos) return value.size() == 1 || value[0] != '0';
  const auto rest = value.substr(digits + 1);
  return !whole && value[digits] == '.' && !rest.empty() &&
         rest.find_first_not_of("0123456789") == std::string_view::npos &&
         (digits == 1 || value[0] != '0');
}

/// The value as TOML, and what it is.
Result<std::string> literal_of(std::string_view key, const SettingKey* known,
                               std::string_view value) {
  const auto refuse = [&](const std::string& what) {
    return fail(Errc::invalid_argument,
                std::string(key) + " is " + what + ", not \"" + std::string(value) + "\"");
  };
  const bool flag = value == "true" || value == "false";
  if (known == nullptr) {  // a provider's: by what it looks like
    return flag || is_number(value, false) ? std::string(value) : quoted(value);
  }
  switch (known->kind) {
    case SettingKind::text:
    case SettingKind::duration:  // parse_settings() reads them
    case SettingKind::size: return quoted(value);
    case SettingKind::choice: {
      if (std::ranges::find(known->choices, value) != known->choices.end()) return quoted(value);
      std::string all;
      for (const auto& choice : known->choices)
        all += (all.empty() ? "one of " : ", ") + std::string(choice);
      return refuse(all);
    }
    case SettingKind::flag:
      if (!flag) return refuse("true or false");
      return std::string(value);
    case SettingKind::number:
      if (!is_number(value, true)) return refuse("a whole number");
      return std::string(value);
    case SettingKind::amount:
      if (!is_number(value, false)) return refuse("a number");
      return std::string(value);
  }
  return refuse("something else");
}

}  // namespace

Result<std::string> with_setting(std::string_view text, const std::string& path,
                                 std::string_view key, std::string_view value) {
  const auto* known = find_setting(key);
  if (key == "retention.prune") return by_hand(path, key, 0);
  if (!is_setting(key)) return fail(no_such_setting(key));
  const auto table = parse_toml(text, path);
  if (!table) return fail(table.error());
  const auto literal = literal_of(key, known, value);
  if (!literal) return fail(literal.error());
  const auto alone = parse_toml("value = " + *literal, path);
  if (!alone) return fail(alone.error());
  const auto wanted = leaves_of(*alone).at("value");
  const auto* node = find(*table, key);
  if (node == nullptr) {
    auto inserted = insert(text, path, *table, key, *literal);
    if (!inserted) return inserted;
    return checked(std::move(*inserted), path, key, leaves_of(*table), wanted);
  }
  if (node->is_table() || node->is_array_of_tables())
    return by_hand(path, key, node->source().begin.line);
  const Places places(text);
  const auto begin = places.at(node->source().begin);
  std::string out(text);
  out.replace(begin, places.at(node->source().end) - begin, *literal);
  return checked(std::move(out), path, key, leaves_of(*table), wanted);
}

Result<std::string> without_setting(std::string_view text, const std::string& path,
                                    std::string_view key) {
  const auto table = parse_toml(text, path);
  if (!table) return fail(table.error());
  const auto* node = find(*table, key);
  if (node == nullptr) {
    if (!is_setting(key)) return fail(no_such_setting(key));
    return fail(Errc::not_found, std::string(key) + " is not set in " + path);
  }
  const auto line = node->source().begin.line;
  if (node->is_table() || node->is_array_of_tables()) return by_hand(path, key, line);
  const Places places(text);
  const auto begin = places.line(line);
  std::string out(text);
  out.erase(begin, places.line(node->source().end.line + 1) - begin);
  return checked(std::move(out), path, key, leaves_of(*table), std::nullopt);
}

}  // namespace reeve::client
