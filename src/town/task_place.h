#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/agent.h"
#include "model/message.h"
#include "model/task.h"

namespace reeve::town {

/// The invariant of work: whether a task is where it belongs. An open one that has an agent is that
/// agent's current task, or a message in its inbox, waiting or taken, brings it; an open one
/// without an agent is in the backlog, and no other is there.
///
/// Nothing: it is; else what is wrong, for a person. `agent`: the task's, if it has one that
/// exists. `bringers`: the messages that bring it (task_steps.h: bringers_of). Pure.
std::optional<std::string> misplaced(const reeve::Task& task, const Agent* agent,
                                     const std::vector<Message>& bringers, bool in_backlog);

}  // namespace reeve::town
