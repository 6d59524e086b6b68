#include "client/retention_settings.h"

#include <string>

#include "base/quantity.h"

namespace reeve::client {
namespace {

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

Status read_rule(const toml::table& table, PruneRule& rule) {
  if (auto read = read_texts(table, "kinds", rule.kinds); !read) return read;
  if (auto read = read_texts(table, "scopes", rule.scopes); !read) return read;
  std::optional<Duration> after;
  if (auto read = read_duration(table, "after", after); !read) return read;
  if (!after) return expected("after", "a time in quotes, such as \"7d\"");
  rule.after = *after;
  return {};
}

Status read_policy(const toml::table& table, RetentionPolicy& policy) {
  if (auto read = read_duration(table, "max_age", policy.max_age); !read) return read;
  if (auto read = read_size(table, "max_size", policy.max_bytes); !read) return read;
  if (auto read = read_number(table, "max_events", policy.max_events); !read) return read;
  std::optional<std::uint64_t> keep;
  if (auto read = read_number(table, "keep_events", keep); !read) return read;
  policy.keep_events = keep.value_or(policy.keep_events);
  const auto* rules = table.get("prune");
  if (rules == nullptr) return {};
  if (!rules->is_array_of_tables()) return expected("prune", "tables: [[retention.prune]]");
  for (const auto& rule : *rules->as_array()) {
    if (auto read = read_rule(*rule.as_table(), policy.prune.emplace_back()); !read)
      return fail(read.error().during("prune"));
  }
  return {};
}

}  // namespace

Result<RetentionPolicy> read_retention(const toml::table& settings) {
  RetentionPolicy policy;
  const auto* node = settings.get("retention");
  if (node == nullptr) return policy;
  const auto* table = node->as_table();
  if (table == nullptr) return fail(Errc::invalid_argument, "retention: expected a table");
  auto read = read_policy(*table, policy);
  if (read) read = check(policy);
  if (!read) return fail(read.error().during("retention"));
  return policy;
}

}  // namespace reeve::client
