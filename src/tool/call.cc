#include "tool/call.h"

#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

#include "aio/task_group.h"
#include "aio/within.h"
#include "base/near_names.h"
#include "base/utf8.h"
#include "tool/output.h"

namespace reeve::tool {
namespace {

ToolCallDone failed(std::string id, std::string name, std::string_view code,
                    std::string_view text) {
  ToolCallDone done;
  done.id = std::move(id);
  done.name = std::move(name);
  done.outcome = ToolOutcome::failed;
  done.result = json::value(text);
  done.metadata["code"] = code;
  return done;
}

std::string join(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string unknown_tool(const Registry& tools, const std::string& name) {
  auto text = "There is no tool \"" + name + "\".";
  const auto all = tools.names();
  const auto near = near_names(name, all);
  if (!near.empty()) {
    text += " Did you mean " + join(near) + "?";
  } else if (all.empty()) {
    text += " There are no tools.";
  } else {
    text += " There are: " + join(all) + ".";
  }
  return text;
}

/// The same function for UTF-8 only, and up to a limit; what is beyond is in the result.
std::function<void(std::string_view)> limited(std::function<void(std::string_view)> tell) {
  if (!tell) return nullptr;
  return [inner = std::move(tell), left = limits::kToolDeltas](std::string_view text) mutable {
    const auto mended = to_utf8(text);
    const auto part = head_of(mended, left);
    left = part.size() < mended.size() ? 0 : left - part.size();
    if (!part.empty()) inner(part);
  };
}

/// Runs the tool; whatever it throws but its cancellation is a failed output.
Async<Output> run_guarded(std::shared_ptr<Tool> tool, Context context, json::object arguments) {
  std::exception_ptr thrown;
  try {
    auto work = tool->run(std::move(context), std::move(arguments));
    co_return co_await std::move(work);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (co_await aio::is_cancelled()) std::rethrow_exception(thrown);
  auto output = Output::failed("The tool failed: " + to_utf8(aio::what(thrown)));
  output.metadata["code"] = "exception";
  co_return output;
}

std::string in_words(Duration time) {
  if (time % std::chrono::seconds(1) == Duration::zero())
    return std::to_string(std::chrono::floor<std::chrono::seconds>(time).count()) + " s";
  return std::to_string(time.count()) + " ms";
}

}  // namespace

Output Output::text(std::string_view text) {
  return {ToolOutcome::succeeded, json::value(text), {}};
}
Output Output::failed(std::string_view text) {
  return {ToolOutcome::failed, json::value(text), {}};
}

std::variant<Admitted, ToolCallDone> admit(const Registry& tools, const ToolCall& call) {
  if (!call.problem.empty())
    return failed(call.id, call.name, "malformed_call", "This call was not run: " + call.problem);
  const auto* entry = tools.find(call.name);
  if (entry == nullptr)
    return failed(call.id, call.name, "unknown_tool", unknown_tool(tools, call.name));
  // No arguments at all: what a model says for a tool that takes none.
  const json::value none = json::object();
  const auto& arguments = call.arguments.is_null() ? none : call.arguments;
  if (!arguments.is_object()) {
    return failed(call.id, call.name, "invalid_arguments",
                  "The arguments of " + call.name + " must be a JSON object.");
  }
  if (auto allowed = entry->schema.check(arguments); !allowed) {
    return failed(call.id, call.name, "invalid_arguments",
                  "The arguments of " + call.name +
                      " are not what its schema allows: " + allowed.error().message());
  }
  return Admitted{entry->tool, call.id, arguments.get_object()};
}

Async<std::optional<ToolCallDone>> ask(Approver& approver, const RunId& run,
                                       const Admitted& admitted) {
  ApprovalRequest request{run, admitted.id, admitted.tool->descriptor(), admitted.arguments};
  Decision decision = Allow();
  std::exception_ptr thrown;
  try {
    auto asked = approver.decide(std::move(request));
    decision = co_await std::move(asked);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) {
    if (co_await aio::is_cancelled()) std::rethrow_exception(thrown);
    decision = Deny{"nobody could decide: " + to_utf8(aio::what(thrown))};
  }
  const auto& name = admitted.tool->descriptor().name;
  if (const auto* denied = std::get_if<Deny>(&decision)) {
    auto done = failed(admitted.id, name, "denied",
                       "This call was denied" +
                           (denied->reason.empty() ? std::string(".") : ": " + denied->reason));
    done.metadata["rejected"] = true;
    co_return done;
  }
  if (const auto* later = std::get_if<Suspend>(&decision)) {
    ToolCallDone done;
    done.id = admitted.id;
    done.name = name;
    done.outcome = ToolOutcome::suspended;
    done.metadata["ticket"] = later->ticket;
    co_return done;
  }
  co_return std::nullopt;
}

Async<ToolCallDone> execute(Env& env, Admitted admitted, Context context) {
  const auto descriptor = admitted.tool->descriptor();
  context.call_id = admitted.id;
  context.on_output = limited(std::move(context.on_output));
  const auto began = env.uptime();
  auto work =
      run_guarded(std::move(admitted.tool), std::move(context), std::move(admitted.arguments));
  auto output = co_await aio::within(env, descriptor.timeout, std::move(work));

  ToolCallDone done;
  if (!output) {
    done = failed(std::move(admitted.id), descriptor.name, "timed_out",
                  "The tool did not finish within " + in_words(descriptor.timeout) +
                      " and was stopped; what it had begun may have happened.");
    done.metadata["timed_out"] = true;
  } else {
    done.id = std::move(admitted.id);
    done.name = descriptor.name;
    done.outcome = output->outcome;
    done.metadata = std::move(output->metadata);
    auto fitted = fit(std::move(output->content), descriptor.output_limit);
    done.result = std::move(fitted.content);
    if (fitted.cut > 0) done.metadata["cut_bytes"] = fitted.cut;
  }
  done.duration_ms = std::chrono::floor<Duration>(env.uptime() - began);
  co_return done;
}

ChatMessage result_message(const ToolCallDone& done) {
  return ChatMessage::tool_result(done.id, text_of(done.result),
                                  done.outcome == ToolOutcome::failed);
}

}  // namespace reeve::tool
