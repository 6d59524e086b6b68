#include "town/consequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "proc/dialect/failure.h"

namespace reeve::town {
namespace {

/// Whose fault a failed round is, which says what is done about it.
enum class Fault {
  messages,  ///< or nobody knows whose
  nobody,
  vendor,   ///< it takes no requests for now
  machine,  ///< this one cannot start anything for now
  agent,    ///< it cannot work until a person mends something
  limit,    ///< the round used up what its agent may
};

bool is(std::string_view code, proc::Failure failure) { return code == enum_name(failure); }
bool is(std::string_view code, Errc error) { return code == describe(error).name; }

Fault fault_of(bool started, std::string_view code) {
  using proc::Failure;
  if (code == "not_started") return Fault::nobody;  // the daemon died in between
  if (is(code, Failure::rate_limited)) return Fault::vendor;
  if (is(code, Failure::authentication_failed) || is(code, Failure::budget) ||
      is(code, Failure::spawn_failed))
    return Fault::agent;
  if (!started && (is(code, Errc::unavailable) || is(code, Errc::storage_full) ||
                   is(code, Errc::read_only) || is(code, Errc::denied)))
    return Fault::machine;
  return Fault::messages;
}

/// From nothing to `most`.
Duration share_of(Duration most, std::uint64_t random) {
  const auto choices = static_cast<std::uint64_t>(std::max<std::int64_t>(most.count(), 0)) + 1;
  return Duration(static_cast<std::int64_t>(random % choices));
}

/// In one line: a CLI's last words may be several.
std::string because(const fact::RunEnd& end) {
  std::string text = end.error;
  std::ranges::replace(text, '\n', ' ');
  while (text.ends_with(' ')) text.pop_back();
  return text.empty() ? end.code : end.code + ": " + text;
}

/// What a person has to do before a restart helps.
std::string remedy(const Agent& agent, const fact::RunEnd& end) {
  std::string text;
  if (is(end.code, proc::Failure::authentication_failed)) {
    text = fmt::format(
        "{} cannot log in ({}). Log in with it once, or give {} its key (reeve spawn --env)",
        agent.cli, because(end), agent.name);
  } else if (is(end.code, proc::Failure::budget)) {
    text = fmt::format("{} has no budget left ({}). Raise it, or wait until it is renewed",
                       agent.cli, because(end));
  } else {
    text = fmt::format(
        "{} cannot be run ({}). Install it, or mend the PATH that the daemon was started with",
        agent.cli, because(end));
  }
  return fmt::format("{}; then: reeve restart {}", text, agent.name);
}

Fact parked(const Pauses& pauses, const Agent& agent, const fact::RunEnd& end, Time now,
            std::uint64_t random) {
  fact::AgentParked fact{agent.id, end.code, because(end), {}};
  if (end.retry_at && *end.retry_at > now && *end.retry_at <= now + pauses.longest_reset) {
    fact.until = *end.retry_at + share_of(pauses.after_reset, random);
  } else {
    const auto pause =
        doubled(pauses.first_parking, pauses.last_parking, agent.failures_in_a_row + 1);
    fact.until = now + with_jitter(pause, random);
  }
  return fact;
}

}  // namespace

Duration doubled(Duration pause, Duration last, std::int64_t times) {
  for (std::int64_t i = 1; i < times && pause < last; ++i) pause *= 2;
  return std::min(pause, last);
}

Duration backoff(const Pauses& pauses, int attempt) {
  return doubled(pauses.first_backoff, pauses.last_backoff, attempt);
}

Duration with_jitter(Duration pause, std::uint64_t random) {
  return pause - share_of(pause / 4, random);
}

std::vector<Fact> decide_used_up(const Agent& agent, const Spent& spent) {
  const auto& limits = agent.limits;
  const auto stop = [&](const std::string& reason, const std::string& remedy) {
    return std::vector<Fact>{fact::AgentStopped{agent.id, agent.state, reason},
                             fact::AgentNeedsAttention{agent.id, reason + ": " + remedy}};
  };
  if (limits.rounds && spent.rounds >= *limits.rounds) {
    return stop(fmt::format("has used its {} rounds", *limits.rounds),
                fmt::format("reeve restart {} --rounds {}", agent.name,
                            std::max<std::int64_t>(*limits.rounds, 1)));
  }
  const auto again = fmt::format("reeve restart {} gives it as much again", agent.name);
  if (limits.tokens && spent.tokens >= *limits.tokens) {
    return stop(fmt::format("has used {} of its {} tokens", spent.tokens, *limits.tokens), again);
  }
  if (limits.cost_usd && spent.cost_usd >= *limits.cost_usd) {
    return stop(fmt::format("has used {:.2f} of its {:.2f} USD", spent.cost_usd, *limits.cost_usd),
                again);
  }
  return {};
}

Consequence consequence(const Pauses& pauses, const Agent& agent, Ending ending, bool started,
                        const fact::RunEnd& end, Time now, std::uint64_t random) {
  Consequence out;
  const bool failed = ending != Ending::completed && ending != Ending::cancelled;
  auto spent = agent.spent;
  ++spent.rounds;
  spent.tokens += end.usage.input_tokens.value_or(0) + end.usage.output_tokens.value_or(0);
  spent.cost_usd += end.cost_usd;
  auto used_up = decide_used_up(agent, spent);
  auto fault = failed ? fault_of(started, end.code) : Fault::nobody;
  if (!used_up.empty() && is(end.code, proc::Failure::budget)) fault = Fault::limit;
  out.counted = fault == Fault::messages;

  if (agent.state != AgentState::working || agent.stopping) return out;
  const auto failures = agent.failures_in_a_row + 1;
  const bool breaks = (fault == Fault::messages || fault == Fault::machine) &&
                      agent.limits.failures > 0 && failures >= agent.limits.failures;
  if (fault == Fault::agent) {
    out.facts.emplace_back(fact::AgentFailed{agent.id, agent.state, end.code, remedy(agent, end)});
  } else if (breaks) {
    out.facts.emplace_back(fact::AgentFailed{
        agent.id, agent.state, end.code,
        fmt::format(
            "{} failed rounds in a row, the last one: {}. See reeve logs {} --stderr; then: reeve "
            "restart {}",
            failures, because(end), agent.name, agent.name)});
  } else if (!used_up.empty()) {
    out.facts = std::move(used_up);
  } else if (fault == Fault::vendor) {
    out.facts.push_back(parked(pauses, agent, end, now, random));
  } else if (fault == Fault::machine) {
    out.facts.push_back(parked(pauses, agent, end, now, random));
    out.facts.emplace_back(fact::AgentNeedsAttention{
        agent.id, "no round of it could be begun (" + because(end) + "); it is tried again"});
  }
  return out;
}

std::optional<Time> idle_until(const Agent& agent) {
  if (!agent.limits.idle_ms || *agent.limits.idle_ms <= Duration::zero()) return std::nullopt;
  return agent.last_active_at + *agent.limits.idle_ms;
}

std::vector<Fact> decide_idle(const Agent& agent, Time now) {
  const auto until = idle_until(agent);
  if (agent.state != AgentState::idle || agent.current_run || agent.stopping || !until ||
      now < *until)
    return {};
  return {fact::AgentStopped{
      agent.id, agent.state,
      fmt::format("had nothing to do for {} s",
                  std::chrono::floor<std::chrono::seconds>(*agent.limits.idle_ms).count())}};
}

}  // namespace reeve::town
