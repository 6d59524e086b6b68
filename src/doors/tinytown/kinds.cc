#include "doors/tinytown/kinds.h"

#include <boost/mp11/algorithm.hpp>

#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "model/fact.h"

namespace reeve::doors::tinytown {
namespace {

template <class T, class... Others>
constexpr bool kIsOneOf = (std::is_same_v<T, Others> || ...);

template <class T>
Aspects aspects_of_fact() {
  using namespace fact;
  Aspects out;
  out.line = kIsOneOf<T, AgentInterrupted, AgentFailed, RunCompleted, RunFailed, RunCancelled>;
  out.told = out.line ||
             kIsOneOf<T, AgentSpawned, AgentStateChanged, AgentStopRequested, AgentStopped,
                      AgentRestarted, AgentResumed, AgentCompleted, TaskAssigned, TaskDelegated,
                      TaskCompleted, TaskFailed, fact::RunStarted, ConductorEscalation>;
  // An agent's parent hears of it; stop flags; texts that later facts show; what stands in lists,
  // and whose (a message's sender is among its scopes, too).
  out.whole = kIsOneOf<T, AgentSpawned, AgentStopRequested, AgentStopped, AgentRestarted,
                       AgentResumed, TaskCreated, MessageSent, MessageMoved, MessageWithdrawn>;
  // A look at a long inbox is not for nothing.
  out.mail = !kIsOneOf<T, MessageSent, AgentStateChanged, AgentStopRequested, AgentInterrupted,
                       AgentResumed, AgentParked, AgentNeedsAttention, TaskProgressed,
                       fact::SessionStarted, RunSilent, RunStopRequested>;
  out.backlog = kIsOneOf<T, TaskCreated, TaskAssigned, TaskDelegated, TaskRequeued, TaskCancelled,
                         TaskCompleted, TaskFailed, TaskStarted, OrphanMended>;
  return out;
}

std::unordered_map<std::string_view, Aspects> all_aspects() {
  std::unordered_map<std::string_view, Aspects> all;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, AnyFact>>(
      [&]<class T>(std::type_identity<T>) {
        all.emplace(kind_of(Fact(T{})), aspects_of_fact<T>());
      });
  return all;
}

const std::unordered_map<std::string_view, Aspects>& by_kind() {
  static const auto kAll = all_aspects();
  return kAll;
}

}  // namespace

std::optional<Aspects> aspects_of(const Event& event) {
  if (event.fidelity != Fidelity::domain) return std::nullopt;
  const auto found = by_kind().find(event.kind);
  if (found == by_kind().end()) return std::nullopt;
  auto aspects = found->second;
  // One state sets a stop flag.
  if (event.kind == "AgentStateChanged") aspects.whole = event.payload.contains("draining");
  return aspects;
}

const std::vector<std::string>& told_kinds() {
  static const auto kKinds = [] {
    std::vector<std::string> kinds;
    for (const auto& [kind, aspects] : by_kind()) {
      if (aspects.told) kinds.emplace_back(kind);
    }
    return kinds;
  }();
  return kKinds;
}

}  // namespace reeve::doors::tinytown
