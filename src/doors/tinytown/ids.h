#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "model/agent.h"
#include "model/message.h"

/// How our ids and tinytown's stand to each other, in one place: both are UUIDs, so an agent, a
/// task and a message have the same id in both programs, and the people who run the town are the
/// same mailbox (supervisor_id()). Its readers take any UUID, whatever its version.
///
/// Two things of ours are texts: who sent something (an agent's id or "supervisor"), and what
/// belongs together (mostly a UUID). Sections 0 and 1.4 of tinytown's formats.
namespace reeve::doors::tinytown {

/// Who is meant by our `from`: the supervisor also where it is no id at all ("system").
AgentId tt_sender(std::string_view from);
/// The same, back.
std::string our_sender(const AgentId& from);

/// A correlation that tinytown can read, which is a UUID; another one stays with us.
std::optional<Uuid> tt_correlation(const std::optional<std::string>& correlation);

/// An id as tinytown writes it into a text member (task_id): none, if it is no UUID.
template <class Tag>
std::optional<Id<Tag>> id_of(std::string_view text) {
  auto parsed = Id<Tag>::parse(text);
  if (!parsed) return std::nullopt;
  return *parsed;
}

}  // namespace reeve::doors::tinytown
