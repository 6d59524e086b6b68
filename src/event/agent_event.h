#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"

/// What a driver tells of a run while it goes: the closed set of C++ types that both kinds of
/// driver (CLI rounds and native loops) produce. It is the union of awaken's 22 variants and
/// behest's 18 with its chat stream events, and of what coding CLIs say beside them. docs/events.md
/// maps each to the names of its sources.
///
/// Every member is a plain value. Its JSON is {"type":"TextDelta", ...members...}. What a reader
/// does not know survives it: members stand in `more` (members of a member too, at their place in
/// it) and are written again; an event of an unknown type, or with the name of an unknown
/// enumerator, is an UnknownEvent.
namespace reeve {

/// Token counts of one or more model calls. Absent means not reported, which is not zero.
struct Usage {
  std::optional<std::int64_t> input_tokens;
  std::optional<std::int64_t> output_tokens;
  std::optional<std::int64_t> total_tokens;
  std::optional<std::int64_t> cache_read_tokens;
  std::optional<std::int64_t> cache_write_tokens;
  std::optional<std::int64_t> reasoning_tokens;

  friend bool operator==(const Usage&, const Usage&) = default;
};
BOOST_DESCRIBE_STRUCT(Usage, (),
                      (input_tokens, output_tokens, total_tokens, cache_read_tokens,
                       cache_write_tokens, reasoning_tokens))
/// Field-wise sum; absent + absent = absent, absent + n = n.
Usage operator+(const Usage& a, const Usage& b);

/// Why a run (or one activation of it) ended.
enum class Ending {
  completed,  ///< the agent said that it is done (awaken: natural_end, behavior_requested)
  stopped,    ///< a stop condition fired: turns, budget, timeout, ...; `code` says which
  blocked,    ///< a gate refused the run
  cancelled,
  suspended,  ///< waits for a decision: not an end
  error,
};
BOOST_DESCRIBE_ENUM(Ending, completed, stopped, blocked, cancelled, suspended, error)

struct RunStarted {
  std::optional<ThreadId> thread;
  std::optional<RunId> run;
  std::optional<RunId> parent_run;
  std::string provider;  ///< "" where a CLI does not say
  std::string model;
  json::object more{};
};
/// The driver's last word about the run. What the run's end *is* (G7) is decided where it is
/// committed.
struct RunFinished {
  Ending ending = Ending::completed;
  std::string code;     ///< machine-readable, e.g. "max_turns", "authentication_failed"; "" where
                        ///< there is none
  std::string message;  ///< the error's or stop's text
  std::string text;     ///< the final answer
  std::optional<std::int64_t> steps;
  json::object more{};
};
/// The vendor's own session: what a later run resumes.
struct SessionStarted {
  std::string session;
  std::string model;
  std::string permission_mode;
  json::object more{};
};
struct StepStarted {
  std::string message_id;
  json::object more{};
};
struct StepEnded {
  json::object more{};
};
struct ContextBuilt {
  std::int64_t messages = 0;
  json::object more{};
};
struct ModelStarted {
  std::string provider;
  std::string model;
  std::int64_t iteration = 0;  ///< from 1
  json::object more{};
};
struct InferenceComplete {
  std::string model;
  std::optional<Usage> usage;
  std::optional<Duration> duration_ms;
  std::string finish_reason;
  json::object more{};
};
struct TextDelta {
  std::string delta;
  json::object more{};
};
struct ReasoningDelta {
  std::string delta;
  json::object more{};
};
/// An opaque reasoning blob of the provider, to be handed back to it.
struct ReasoningEncrypted {
  std::string value;
  json::object more{};
};
struct ToolCallStarted {
  std::string id;
  std::string name;
  json::object more{};
};
struct ToolCallDelta {
  std::string id;
  std::string args_delta;  ///< a fragment of JSON text
  json::object more{};
};
/// The model's call is complete; it has not been executed yet.
struct ToolCallReady {
  std::string id;
  std::string name;
  json::value arguments;
  json::object more{};
};
struct ToolExecutionStarted {
  std::string id;
  std::string name;
  json::object more{};
};
struct ToolOutputDelta {
  std::string id;
  std::string name;
  std::string delta;
  json::object more{};
};
enum class ToolOutcome { succeeded, failed, suspended };
BOOST_DESCRIBE_ENUM(ToolOutcome, succeeded, failed, suspended)
/// What the tool itself said, which its outcome follows as long as nobody interferes.
enum class ToolStatus { success, pending, error };
BOOST_DESCRIBE_ENUM(ToolStatus, success, pending, error)
/// How a suspended call goes on when its decision has come.
enum class ResumeMode {
  replay_tool_call,             ///< the tool runs again, with the original arguments
  use_decision_as_tool_result,  ///< what was decided is the result
  pass_decision_to_tool,        ///< the tool runs, and is given what was decided
};
BOOST_DESCRIBE_ENUM(ResumeMode, replay_tool_call, use_decision_as_tool_result,
                    pass_decision_to_tool)
/// The call that waits.
struct PendingCall {
  std::string id;
  std::string name;
  json::value arguments;
};
BOOST_DESCRIBE_STRUCT(PendingCall, (), (id, name, arguments))
/// What a suspended tool call waits for.
struct SuspendTicket {
  std::string id;      ///< of the suspension: what a decision is given for
  std::string action;  ///< what is asked for, e.g. "tool:write_file"
  std::string message;
  json::value parameters;
  std::optional<json::value> response_schema;  ///< JSON Schema of the answer
  PendingCall pending;
  ResumeMode resume_mode = ResumeMode::replay_tool_call;
};
BOOST_DESCRIBE_STRUCT(SuspendTicket, (),
                      (id, action, message, parameters, response_schema, pending, resume_mode))
struct ToolCallDone {
  std::string id;
  std::string name;
  ToolOutcome outcome = ToolOutcome::succeeded;
  json::value result;     ///< what the model is shown: a text, or structured content
  json::object metadata;  ///< `rejected`: a gate refused it; `timed_out` true: it ran out of time
  std::optional<Duration> duration_ms;
  std::optional<ToolStatus> status;  ///< absent: as the outcome says
  std::optional<SuspendTicket> suspension;
  json::object more{};
};
/// The tool's own status, told or as the outcome says.
ToolStatus status_of(const ToolCallDone& done);

enum class DecisionAction { resume, cancel };
BOOST_DESCRIBE_ENUM(DecisionAction, resume, cancel)
/// What somebody decided about a suspended call.
struct Decision {
  std::string id;  ///< chosen by whoever decides, so that it can be sent again
  DecisionAction action = DecisionAction::resume;
  json::value result;
  std::optional<std::string> reason;
  std::optional<Time> decided_at;
};
BOOST_DESCRIBE_STRUCT(Decision, (), (id, action, result, reason, decided_at))
/// A decision was applied to a suspended call. One that cancels it is told here too; in the log it
/// is no ToolCallResumed then, but a ToolCallCancelled.
struct ToolCallResumed {
  std::string id;
  json::value result;
  std::optional<Decision> decision;  ///< absent: it was resumed
  json::object more{};
};
struct ToolCallCancelled {
  std::string id;
  std::string name;
  std::string reason;
  json::object more{};
};
/// The tool would have needed a permission that nobody could give, so it was denied.
struct PermissionDenied {
  std::string id;  ///< of the tool call; "" where unknown
  std::string tool;
  json::value input;
  std::string reason;
  json::object more{};
};
/// What was streamed since the last committed message is void.
struct StreamReset {
  std::string reason;
  json::object more{};
};
/// A message of the assistant is complete.
struct AssistantMessage {
  std::string message_id;
  std::string text;
  std::string reasoning;
  std::string parent_tool_call;  ///< set when a sub-agent inside the CLI said it
  json::object more{};
};
/// A tool's result has become part of the conversation.
struct ToolMessage {
  std::string message_id;
  std::string tool_call_id;
  json::object more{};
};
struct UsageRecorded {
  Usage usage;
  std::optional<double> cost_usd;
  json::object more{};
};
struct CacheMetrics {
  std::int64_t cache_creation_input_tokens = 0;
  std::int64_t cache_read_input_tokens = 0;
  std::int64_t cached_input_tokens = 0;
  json::object more{};
};
struct MessagesSnapshot {
  json::array messages;
  json::object more{};
};
struct ActivitySnapshot {
  std::string message_id;
  std::string activity_type;
  json::value content;
  std::optional<bool> replace;
  json::object more{};
};
struct ActivityDelta {
  std::string message_id;
  std::string activity_type;
  json::array patch;  ///< JSON Patch, RFC 6902
  json::object more{};
};
struct StateSnapshot {
  json::value snapshot;
  json::object more{};
};
struct StateDelta {
  json::array delta;  ///< JSON Patch, RFC 6902
  json::object more{};
};
/// The vendor limits the rate. `resets_at` is when it lets requests through again.
struct RateLimited {
  std::string status;  ///< "warning", "rejected", "retrying"
  std::string window;  ///< which limit, e.g. "five_hour"; "" where unknown
  std::optional<Time> resets_at;
  std::string message;
  json::object more{};
};
struct DoomLoopDetected {
  std::string description;
  json::object more{};
};
struct CompactionCircuitOpened {
  std::int64_t consecutive_failures = 0;
  json::object more{};
};
/// Something went wrong; the run may go on (a retry) or be about to end. Its end is RunFinished.
struct ErrorRaised {
  std::string code;
  std::string message;
  bool retrying = false;
  json::object more{};
};
/// Progress and remarks of a CLI that fit nothing else but that a person wants to see: a plan, a
/// notice, a warning.
struct Notice {
  std::string level;  ///< "info", "warning"
  std::string topic;  ///< "plan", "file_change", "compaction", "stderr", ...
  std::string text;
  json::value detail;
  json::object more{};
};
/// A line that the dialect does not know, verbatim (cut at 64 KiB); never an error.
struct RawLine {
  std::string line;
  bool cut = false;
  json::object more{};
};
/// An event of a type that this version does not know, whole.
struct UnknownEvent {
  std::string type;
  json::object more{};
};

using AgentEvent =
    std::variant<RunStarted, RunFinished, SessionStarted, StepStarted, StepEnded, ContextBuilt,
                 ModelStarted, InferenceComplete, TextDelta, ReasoningDelta, ReasoningEncrypted,
                 ToolCallStarted, ToolCallDelta, ToolCallReady, ToolExecutionStarted,
                 ToolOutputDelta, ToolCallDone, ToolCallResumed, ToolCallCancelled,
                 PermissionDenied, StreamReset, AssistantMessage, ToolMessage, UsageRecorded,
                 CacheMetrics, MessagesSnapshot, ActivitySnapshot, ActivityDelta, StateSnapshot,
                 StateDelta, RateLimited, DoomLoopDetected, CompactionCircuitOpened, ErrorRaised,
                 Notice, RawLine, UnknownEvent>;

/// The type's name, e.g. "TextDelta"; of an event of an unknown type "UnknownEvent".
std::string_view type_name(const AgentEvent& event);
/// A token-level event: seen live, superseded by a committed one, never needed to know what
/// happened.
bool is_delta(const AgentEvent& event);

/// What the event's JSON had beside what this version knows.
const json::object& more_of(const AgentEvent& event);
json::object& more_of(AgentEvent& event);

json::value to_json(const AgentEvent& event);
/// invalid_argument: no object, no type, a member of a wrong type.
Status from_json(const json::value& value, AgentEvent& out);

}  // namespace reeve
