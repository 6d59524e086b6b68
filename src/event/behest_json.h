#pragma once

#include <optional>

#include "event/agent_event.h"

/// behest's JSON of events: of agents, {"TextDelta":{"run_id":...,"delta":...,"timestamp":...}},
/// and of what a model streams, {"type":"text_delta","delta":...}. docs/events.md has the names.
namespace reeve::behest {

/// What behest's events have and an AgentEvent may not: given where it is missing.
struct Context {
  RunId run;
  ThreadId session;  ///< what behest calls a session is a thread here
  Time time{};
};

/// The event as behest would write it. Nothing, where it has no counterpart there: a suspended run
/// or tool call, an error that is not the run's end. Counts and durations that are unknown are
/// written as 0, which behest asks for.
std::optional<json::object> project(const AgentEvent& event, const Context& context);
/// Reads an event of an agent; project() gives the same again, its run and time included. One of an
/// unknown type is an UnknownEvent. invalid_argument: not an object of one member that is an
/// object, a member that is missing or of a wrong type.
Result<AgentEvent> read(const json::value& value);

/// The event as one of a model's stream.
std::optional<json::object> project_chat(const AgentEvent& event);
/// Reads an event of a model's stream; project_chat() gives the same again.
Result<AgentEvent> read_chat(const json::value& value);

}  // namespace reeve::behest
