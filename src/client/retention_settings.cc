#include "client/retention_settings.h"

#include <string>

#include "client/settings_values.h"

namespace reeve::client {
namespace {

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
