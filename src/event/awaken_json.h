#pragma once

#include <boost/describe.hpp>

#include <optional>
#include <string>

#include "event/agent_event.h"

/// awaken's JSON of events: one flat object, told apart by `event_type`. docs/events.md has the
/// names.
namespace reeve::awaken {

enum class Origin { user, mcp, subagent, internal };
BOOST_DESCRIBE_ENUM(Origin, user, mcp, subagent, internal)
enum class RunMode { foreground, scheduled, resume, internal_wake };
BOOST_DESCRIBE_ENUM(RunMode, foreground, scheduled, resume, internal_wake)
enum class Adapter { internal, acp, ai_sdk, ag_ui, a2a, mcp };
BOOST_DESCRIBE_ENUM(Adapter, internal, acp, ai_sdk, ag_ui, a2a, mcp)

/// Who a run is, and where it came from. Its JSON leaves out what is absent, and the mode and
/// adapter that are the default.
struct RunIdentity {
  std::string thread_id;
  std::string run_id;
  std::string agent_id;
  std::optional<std::string> parent_thread_id;
  std::optional<std::string> parent_run_id;
  std::optional<std::string> parent_tool_call_id;
  std::optional<std::string> dispatch_id;
  std::optional<std::string> session_id;
  std::optional<std::string> transport_request_id;
  Origin origin = Origin::user;
  RunMode run_mode = RunMode::foreground;
  Adapter adapter = Adapter::internal;

  friend bool operator==(const RunIdentity&, const RunIdentity&) = default;
};
json::value to_json(const RunIdentity& identity);
Status from_json(const json::value& value, RunIdentity& out);

/// What awaken's events have and an AgentEvent may not: given where it is missing.
struct Context {
  RunId run;
  ThreadId thread;
  std::optional<RunIdentity> identity;
};

/// The event as awaken would write it. Nothing, where it has no counterpart there: an error that is
/// being retried is none, for `error` is terminal. An unknown duration is written as 0, which
/// awaken asks for.
std::optional<json::object> project(const AgentEvent& event, const Context& context);

/// Reads an event of awaken; project() gives the same again, and what awaken always writes where
/// that was missing. One with a type or a name in it that is not known here is an UnknownEvent.
/// invalid_argument: no object, no type, a member that is missing or of a wrong type.
Result<AgentEvent> read(const json::value& value);

}  // namespace reeve::awaken
