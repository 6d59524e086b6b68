#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/agent.h"
#include "model/message.h"
#include "model/task.h"

/// What is taken over from another program's town, and what came of it (docs/api.md).
namespace reeve::api {

/// Something that happened there. It is told again as an event of kind `ImportedEvent`.
struct ImportedEvent {
  std::string id;  ///< its place there: texts that grow
  Time time{};
  std::string what;  ///< "agent_spawned": its kind there
  std::optional<AgentId> agent;
  std::optional<TaskId> task;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(ImportedEvent, (), (id, time, what, agent, task, text))

/// A part of a town, taken over in one commit. What is here already, by its id, is passed over, so
/// a part may be sent again.
struct ImportRequest {
  std::string origin;  ///< the program: "tinytown"; of the events that tell of it
  std::string town;    ///< its name there
  std::vector<Agent> agents;
  /// Open ones without an agent wait in the backlog, in this order.
  std::vector<Task> tasks;
  std::vector<Message> messages;      ///< in the order in which each inbox is served
  std::vector<ImportedEvent> events;  ///< in their order; up to the last known one passed over
};
BOOST_DESCRIBE_STRUCT(ImportRequest, (), (origin, town, agents, tasks, messages, events))

struct ImportReport {
  std::int64_t agents = 0;
  std::int64_t tasks = 0;
  std::int64_t messages = 0;
  std::int64_t events = 0;
  std::int64_t known = 0;          ///< of all of them: were here already
  std::vector<std::string> notes;  ///< what could not be taken over as it was, and why
};
BOOST_DESCRIBE_STRUCT(ImportReport, (), (agents, tasks, messages, events, known, notes))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::ImportRequest);
REEVE_JSON_DECLARE(api::ImportReport);
}  // namespace reeve
