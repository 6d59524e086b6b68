#include "model/emit.h"

#include "base/limits.h"

namespace reeve {

REEVE_JSON_COMPILE(EmitRequest);
REEVE_JSON_COMPILE(RunResult);
REEVE_JSON_COMPILE(api::EmitCall);
REEVE_JSON_COMPILE(api::Asked);
REEVE_JSON_COMPILE(api::RunView);

EmitRequest EmitRequest::ask(std::string provider, std::string model, std::string text) {
  EmitRequest request;
  request.provider = std::move(provider);
  request.model = std::move(model);
  request.input.emplace_back(TextPart{std::move(text)});
  return request;
}

namespace {

/// An agent has a model, tools and a conversation of its own.
Status check_for_agent(const EmitRequest& request) {
  const EmitRequest plain;
  const auto refuse = [](const char* what) {
    return fail(Errc::invalid_argument, std::string(what) + ": an agent has its own");
  };
  if (!request.model.empty()) return refuse("model");
  if (!request.system.empty()) return refuse("system");
  if (request.session) return refuse("session");
  if (request.tools) return refuse("tools");
  if (request.durability) return refuse("durability");
  if (to_json_value(request.tool_choice) != to_json_value(plain.tool_choice))
    return refuse("tool_choice");
  if (to_json_value(request.sampling) != to_json_value(plain.sampling)) return refuse("sampling");
  if (!request.metadata.is_null())
    return fail(Errc::invalid_argument, "metadata: a message to an agent has none");
  for (const auto& part : request.input) {
    if (!std::holds_alternative<TextPart>(part))
      return fail(Errc::invalid_argument, "input: an agent's inbox takes text only");
  }
  return {};
}

}  // namespace

Status check(const EmitRequest& request) {
  if (request.provider.empty() == request.agent.empty())
    return fail(Errc::invalid_argument, "name a provider, or an agent of the town: one of the two");
  if (request.input.empty()) return fail(Errc::invalid_argument, "there is no input");
  if (request.client_request_id && (request.client_request_id->empty() ||
                                    request.client_request_id->size() > limits::kIdempotencyKey)) {
    return fail(Errc::invalid_argument, "a client request id has 1 to " +
                                            std::to_string(limits::kIdempotencyKey) + " bytes");
  }
  if (request.max_steps < 1) return fail(Errc::invalid_argument, "max_steps is at least 1");
  return request.agent.empty() ? Status() : check_for_agent(request);
}

}  // namespace reeve
