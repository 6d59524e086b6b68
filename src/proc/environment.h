#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

/// Which variables of the daemon's environment a round's CLI gets to see. Everything that is not on
/// the list stays out: a daemon is started from somebody's shell, and what lies there (tokens of
/// other services, a debugger's preload) is none of an agent's business.
namespace reeve::proc {

using Variables = std::map<std::string, std::string>;

/// One line of the allow-list. A name that ends in '*' stands for all that begin so.
struct AllowedVariable {
  std::string_view name;
  std::string_view reason;
};
std::span<const AllowedVariable> allowed_variables();
/// Never for a variable of our own (REEVE_*): those are set afresh for each round.
bool is_allowed(std::string_view name);

/// What of `parent` is allowed, then `additions` over it: what the user configured for the agent
/// and what the caller sets for the round, which may be any variable.
Variables child_environment(const Variables& parent, const Variables& additions);

/// The environment of this process.
Variables current_environment();

}  // namespace reeve::proc
