#include "model/agent.h"

#include <algorithm>
#include <array>

#include "base/limits.h"

namespace reeve {

bool may_become(AgentState from, AgentState to) {
  using enum AgentState;
  if (from == to) return true;
  switch (from) {
    case cold: return to == starting || to == idle || to == stopped;
    case starting: return to == idle || to == error || to == stopped;
    case idle:
    case working: return to != cold && to != starting;
    case paused: return to == idle || to == draining || to == stopped || to == error;
    case draining: return to == stopped || to == error;
    case stopped: return to == idle || to == starting;
    case error: return to == idle || to == starting || to == stopped;
  }
  return false;
}

bool is_ended(AgentState state) {
  return state == AgentState::stopped || state == AgentState::error || state == AgentState::cold;
}

bool takes_work(AgentState state) { return !is_ended(state) && state != AgentState::draining; }

AgentId supervisor_id() {
  Uuid uuid;
  uuid.bytes.back() = 1;
  return AgentId(uuid);
}

Status check_name(std::string_view name) {
  constexpr std::array<std::string_view, 5> kReserved{"supervisor", "conductor", "human", "town",
                                                      "all"};
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto fits = [&](char c) { return letter(c) || c == '-' || c == '_' || c == '.'; };
  if (name.empty() || name.size() > limits::kName || !letter(name.front()) ||
      !std::ranges::all_of(name, fits)) {
    return fail(Errc::invalid_argument, "\"" + std::string(name.substr(0, limits::kName)) +
                                            "\" is not a name: use up to 64 letters, digits, '-', "
                                            "'_' or '.', and begin with a letter or digit");
  }
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  if (std::ranges::find(kReserved, lower) != kReserved.end()) {
    return fail(Errc::invalid_argument,
                "\"" + std::string(name) + "\" is reserved: choose another name");
  }
  return {};
}

REEVE_JSON_COMPILE(Agent);

}  // namespace reeve
