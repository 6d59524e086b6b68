#include "llm/openai/request.h"

#include <algorithm>

#include "llm/tool_calls.h"
#include "model/tool.h"

namespace reeve::llm::openai {
namespace {

json::value part_of(const ChatPart& part) {
  if (const auto* text = std::get_if<TextPart>(&part))
    return json::object{{"type", "text"}, {"text", text->text}};
  const auto& image = std::get<ImagePart>(part);
  const auto url =
      image.url.empty() ? "data:" + image.media_type + ";base64," + image.data : image.url;
  return json::object{{"type", "image_url"}, {"image_url", json::object{{"url", url}}}};
}

/// One text is a text, which every server takes; more, or an image, is a list.
json::value content_of(const ChatMessage& message) {
  if (message.parts.empty()) return json::value("");
  if (message.parts.size() == 1) {
    if (const auto* text = std::get_if<TextPart>(&message.parts.front()))
      return json::value(text->text);
  }
  json::array parts;
  for (const auto& part : message.parts) parts.push_back(part_of(part));
  return parts;
}

/// A tool's result is text: this API takes no image in it.
std::string result_text(const ChatMessage& message) {
  std::string out;
  for (const auto& part : message.parts) {
    if (!out.empty()) out += '\n';
    const auto* text = std::get_if<TextPart>(&part);
    out += text != nullptr ? text->text : "[an image, which cannot be shown here]";
  }
  return out;
}

json::object assistant_of(const ChatMessage& message) {
  json::object out{{"role", "assistant"}};
  auto text = text_of(message);
  if (text.empty()) text = message.refusal;
  if (!text.empty() || message.tool_calls.empty()) out["content"] = text;
  if (message.tool_calls.empty()) return out;
  json::array calls;
  for (const auto& call : message.tool_calls) {
    calls.push_back(json::object{
        {"id", call.id},
        {"type", "function"},
        {"function", json::object{{"name", call.name}, {"arguments", arguments_text(call)}}}});
  }
  out["tool_calls"] = std::move(calls);
  return out;
}

json::object message_of(const ChatMessage& message) {
  json::object out;
  switch (message.role) {
    case ChatRole::system:
    case ChatRole::user:
      out["role"] = enum_name(message.role);
      out["content"] = content_of(message);
      break;
    case ChatRole::assistant: out = assistant_of(message); break;
    case ChatRole::tool:
      out["role"] = "tool";
      out["tool_call_id"] = message.tool_call_id;
      out["content"] = result_text(message);
      return out;
  }
  // The names that it takes are as narrow as those of tools.
  if (check_tool_name(message.name)) out["name"] = message.name;
  return out;
}

json::value choice_of(const ToolChoice& choice) {
  if (choice.mode == ToolChoice::Mode::named && choice.name) {
    return json::object{{"type", "function"}, {"function", json::object{{"name", *choice.name}}}};
  }
  return json::value(enum_name(choice.mode));
}

void add_tools(const ChatRequest& request, json::object& out) {
  if (request.tools.empty()) return;
  json::array tools;
  for (const auto& tool : request.tools) {
    json::object function{{"name", tool.name}};
    if (!tool.description.empty()) function["description"] = tool.description;
    function["parameters"] =
        tool.input_schema.is_object() ? tool.input_schema : json::object{{"type", "object"}};
    tools.push_back(json::object{{"type", "function"}, {"function", std::move(function)}});
  }
  out["tools"] = std::move(tools);
  if (request.tool_choice.mode != ToolChoice::Mode::auto_)
    out["tool_choice"] = choice_of(request.tool_choice);
}

void add_sampling(const Sampling& sampling, const Form& form, json::object& out) {
  if (sampling.temperature) out["temperature"] = *sampling.temperature;
  if (sampling.top_p) out["top_p"] = *sampling.top_p;
  if (sampling.max_output_tokens) out[form.max_tokens] = *sampling.max_output_tokens;
  if (!sampling.stop.empty()) out["stop"] = to_json_value(sampling.stop);
  if (sampling.seed) out["seed"] = *sampling.seed;
}

}  // namespace

json::object body_of(const ChatRequest& request, const std::string& model, const Form& form) {
  json::object out{{"model", model}};
  json::array messages;
  messages.reserve(request.messages.size());
  for (const auto& message : request.messages) messages.push_back(message_of(message));
  out["messages"] = std::move(messages);
  add_tools(request, out);
  add_sampling(request.sampling, form, out);
  if (!request.metadata.empty()) out["metadata"] = request.metadata;
  if (form.stream) {
    out["stream"] = true;
    if (form.stream_usage) out["stream_options"] = json::object{{"include_usage", true}};
  }
  return out;
}

}  // namespace reeve::llm::openai
