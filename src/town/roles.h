#pragma once

#include <boost/describe.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/agent.h"
#include "model/task.h"

/// Which tasks of the backlog suit which agent. Pure.
namespace reeve::town {

enum class Role { general, frontend, backend, tester, reviewer, docs, devops, security };
BOOST_DESCRIBE_ENUM(Role, general, frontend, backend, tester, reviewer, docs, devops, security)

/// The words of a text in lower case: letters and digits that stand together.
std::vector<std::string> words_of(std::string_view text);

/// What an agent is by its role or, without one, by its name: the first row of the table that has
/// one of the words, digits at their ends aside ("api-2", "Backend developer"). No row: general.
Role role_of(std::string_view words);
Role role_of(const Agent& agent);

/// Whether a task is for such an agent: one of its tags, or a whole word of its text, is a word of
/// the role's. Everything is for a generalist.
bool suits(Role role, const reeve::Task& task);

}  // namespace reeve::town
