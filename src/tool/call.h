#pragma once

#include <memory>
#include <variant>

#include "base/env.h"
#include "event/agent_event.h"
#include "model/chat.h"
#include "tool/approver.h"
#include "tool/registry.h"
#include "tool/tool.h"

/// How a model's call becomes a result: admit, then ask, then run. Three steps, so that whoever
/// keeps a journal can write between them; each gives either what the next one needs or the
/// result that the model gets instead. Every call has exactly one result, whatever is wrong with
/// it.
///
/// `metadata.code` of a result that did not come from the tool says why: unknown_tool,
/// malformed_call (no JSON, or an id used twice), invalid_arguments, denied (with `rejected`:
/// true), timed_out (with `timed_out`: true), exception. A suspended one has its `ticket`.
namespace reeve::tool {

/// A call that may be run as far as its form goes.
struct Admitted {
  std::shared_ptr<Tool> tool;
  std::string id;
  json::object arguments;
};

/// Pure. An unknown tool, malformed arguments and arguments that the schema does not allow give a
/// failed result that says what to do better.
std::variant<Admitted, ToolCallDone> admit(const Registry& tools, const ToolCall& call);

/// Empty: it may run. Otherwise its result: denied, or suspended with a ticket. An approver that
/// throws has denied.
Async<std::optional<ToolCallDone>> ask(Approver& approver, const RunId& run,
                                       const Admitted& admitted);

/// Runs it within its timeout, and cuts what it answers to its output limit. The context's call_id
/// is set here. Cancelled: the tool is cancelled, and operation_aborted is thrown when it has
/// ended.
Async<ToolCallDone> execute(Env& env, Admitted admitted, Context context);

/// The result as the message that the model is sent.
ChatMessage result_message(const ToolCallDone& done);

}  // namespace reeve::tool
