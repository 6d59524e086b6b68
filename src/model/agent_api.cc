#include "model/agent_api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::SpawnRequest);
REEVE_JSON_COMPILE(api::SpawnReply);
REEVE_JSON_COMPILE(api::ReasonRequest);
REEVE_JSON_COMPILE(api::AgentView);
REEVE_JSON_COMPILE(api::AgentPage);
REEVE_JSON_COMPILE(api::RestartRequest);
REEVE_JSON_COMPILE(api::PruneRequest);
REEVE_JSON_COMPILE(api::AgentOutcomes);
REEVE_JSON_COMPILE(api::WaitReply);

namespace api {
namespace {

/// A limit that there may not be. 0: there is none.
template <class T>
void set(std::optional<T>& limit, const std::optional<T>& wish) {
  if (!wish) return;
  limit = wish;
  if (*wish == T{}) limit.reset();
}

}  // namespace

Result<AgentLimits> limits_over(AgentLimits town, const LimitsRequest& request) {
  const auto below = [](const auto& wish) {
    return wish && *wish < std::remove_cvref_t<decltype(*wish)>{};
  };
  if (below(request.round_ms) || below(request.rounds) || below(request.tokens) ||
      below(request.cost_usd) || below(request.idle_ms))
    return fail(Errc::invalid_argument, "a limit is a number from 0 on; 0 is no limit");
  if (request.silence_ms && *request.silence_ms <= Duration(0))
    return fail(Errc::invalid_argument, "the time of silence is more than 0");
  if (request.failures && *request.failures <= 0)
    return fail(Errc::invalid_argument, "the number of failures in a row is 1 or more");
  town.silence_ms = request.silence_ms.value_or(town.silence_ms);
  town.stop_on_silence = request.stop_on_silence.value_or(town.stop_on_silence);
  town.failures = request.failures.value_or(town.failures);
  set(town.round_ms, request.round_ms);
  set(town.rounds, request.rounds);
  set(town.tokens, request.tokens);
  set(town.cost_usd, request.cost_usd);
  set(town.idle_ms, request.idle_ms);
  return town;
}

}  // namespace api
}  // namespace reeve
