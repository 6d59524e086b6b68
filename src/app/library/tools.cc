#include <stop_token>

#include "app/library/engine.h"
#include "app/library/face.h"

/// Tools of the program's own.
namespace reeve::library {

struct ToolState {
  std::stop_token stop;
  std::function<void(std::string_view)> output;
};

namespace {

tool::BlockingFunction adapt(v1::ToolFunction function) {
  return [f = std::move(function)](const json::object& arguments,
                                   const tool::BlockingContext& context) -> Result<json::value> {
    auto state = std::make_shared<ToolState>();
    state->stop = context.stop;
    state->output = context.output;
    auto call = Engine::tool_call(std::move(state));
    call.run = context.run.str();
    call.id = context.call_id;
    call.idempotency_key = context.idempotency_key;
    call.arguments = write_json(json::value(arguments));
    auto answer = f(call);
    if (!answer) return fail(inner(answer.error()));
    if (answer->is_json) return read_text("what the tool answered", answer->content);
    return json::value(answer->content);
  };
}

Async<Result<std::monostate>> add(Engine* engine, ToolDescriptor descriptor,
                                  v1::ToolFunction function) {
  auto& house = engine->house();
  auto* tools = house.host->tools();
  if (tools == nullptr) co_return fail(elsewhere("a tool"));
  auto added = tools->add(
      tool::make_blocking_tool(house.env, std::move(descriptor), adapt(std::move(function))));
  if (!added) co_return fail(added.error());
  co_return std::monostate();
}

}  // namespace
}  // namespace reeve::library

namespace reeve::v1 {

bool ToolCall::is_stopped() const { return state_ && state_->stop.stop_requested(); }
void ToolCall::output(std::string_view text) const {
  if (state_ && state_->output) state_->output(text);
}

Status Town::add_tool(ToolSpec spec, ToolFunction function) {
  if (!function) return Error{Code::invalid_argument, "a tool needs its function"};
  auto descriptor = library::inner(std::move(spec));
  if (!descriptor) return library::face(descriptor.error());
  auto added = engine_->call<std::monostate>(
      [engine = engine_.get(), d = std::move(*descriptor), f = std::move(function)]() mutable {
        return library::add(engine, std::move(d), std::move(f));
      });
  if (!added) return library::face(added.error());
  return {};
}

}  // namespace reeve::v1
