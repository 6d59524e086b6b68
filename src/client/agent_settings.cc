#include "client/agent_settings.h"

#include "client/settings_values.h"
#include "model/agent_api.h"

namespace reeve::client {
namespace {

std::optional<std::int64_t> whole(const std::optional<std::uint64_t>& number) {
  if (!number) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

Result<api::LimitsRequest> read_limits(const toml::table& table, std::optional<bool>& claims) {
  api::LimitsRequest limits;
  std::optional<std::uint64_t> rounds;
  std::optional<std::uint64_t> failures;
  std::optional<std::uint64_t> tokens;
  for (const auto& read :
       {read_duration(table, "silence", limits.silence_ms),
        read_flag(table, "stop_on_silence", limits.stop_on_silence),
        read_duration(table, "round_limit", limits.round_ms), read_number(table, "rounds", rounds),
        read_number(table, "failures", failures), read_number(table, "max_tokens", tokens),
        read_amount(table, "max_cost", limits.cost_usd),
        read_duration(table, "idle", limits.idle_ms), read_flag(table, "claims", claims)}) {
    if (!read) return fail(read.error());
  }
  limits.rounds = whole(rounds);
  limits.failures = whole(failures);
  limits.tokens = whole(tokens);
  return limits;
}

}  // namespace

Status read_agents(const toml::table& settings, AgentLimits& limits, bool& claims) {
  const auto* node = settings.get("agents");
  if (node == nullptr) return {};
  const auto* table = node->as_table();
  if (table == nullptr) return fail(Errc::invalid_argument, "agents: expected a table");
  std::optional<bool> takes;
  const auto said = read_limits(*table, takes);
  if (!said) return fail(said.error().during("agents"));
  auto both = api::limits_over(limits, *said);
  if (!both) return fail(both.error().during("agents"));
  limits = *both;
  claims = takes.value_or(claims);
  return {};
}

}  // namespace reeve::client
