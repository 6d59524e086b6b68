#include "client/settings_values.h"

#include "base/quantity.h"

namespace reeve::client {

std::unexpected<Error> expected(std::string_view key, const char* what) {
  return fail(Errc::invalid_argument, std::string(key) + ": expected " + what);
}

Status read_duration(const toml::table& table, std::string_view key, std::optional<Duration>& out) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  const auto text = node->value_exact<std::string>();
  if (!text) return expected(key, "a time in quotes, such as \"30d\"");
  auto duration = parse_duration(*text);
  if (!duration) return fail(duration.error().during(key));
  out = *duration;
  return {};
}

Status read_size(const toml::table& table, std::string_view key,
                 std::optional<std::uint64_t>& out) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  const auto text = node->value_exact<std::string>();
  if (!text) return expected(key, "a size in quotes, such as \"2GB\"");
  auto size = parse_size(*text);
  if (!size) return fail(size.error().during(key));
  out = *size;
  return {};
}

Status read_number(const toml::table& table, std::string_view key,
                   std::optional<std::uint64_t>& out) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  const auto number = node->value_exact<std::int64_t>();
  if (!number || *number < 0) return expected(key, "a whole number");
  out = static_cast<std::uint64_t>(*number);
  return {};
}

Status read_texts(const toml::table& table, std::string_view key, std::vector<std::string>& out) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  if (array == nullptr) return expected(key, "a list of texts, such as [\"RawLine\"]");
  for (const auto& item : *array) {
    const auto text = item.value_exact<std::string>();
    if (!text) return expected(key, "a list of texts, such as [\"RawLine\"]");
    out.push_back(*text);
  }
  return {};
}

Status read_amount(const toml::table& table, std::string_view key, std::optional<double>& out) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  const auto number = node->value<double>();  // whole ones, too
  if (!number || !(*number >= 0)) return expected(key, "a number from 0 on");
  out = number;
  return {};
}

Status read_flag(const toml::table& table, std::string_view key, std::optional<bool>& out) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  out = node->value_exact<bool>();
  if (!out) return expected(key, "true or false");
  return {};
}

}  // namespace reeve::client
