#pragma once

#include "model/agent.h"
#include "model/message.h"
#include "model/task.h"
#include "reeve/agents.hpp"
#include "reeve/messages.hpp"
#include "reeve/tasks.hpp"

/// Agents, tasks and messages from outside, and back.
namespace reeve::library {

v1::AgentInfo face(const Agent& agent);
v1::TaskInfo face(const Task& task);
v1::LetterInfo face(const Message& message);

AgentState inner(v1::AgentState state);
TaskState inner(v1::TaskState state);
Priority inner(v1::Priority priority);
Delivery inner(v1::Delivery delivery);
Permissions inner(v1::Permissions permissions);

}  // namespace reeve::library
