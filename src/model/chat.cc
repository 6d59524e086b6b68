#include "model/chat.h"

#include <utility>

namespace reeve {
namespace {

std::unexpected<Error> inside(std::string_view member, const Error& error) {
  return fail(json_detail::inside(member, error));
}

/// Reads `object[name]` into `out` if it is there.
template <class T>
Status read_member(const json::object& object, std::string_view name, T& out) {
  const auto* found = object.if_contains(name);
  if (found == nullptr || found->is_null()) return {};
  if (auto read = read_json(*found, out); !read) return inside(name, read.error());
  return {};
}

ChatMessage message_of(ChatRole role, std::string text) {
  ChatMessage message;
  message.role = role;
  message.parts.emplace_back(TextPart{std::move(text)});
  return message;
}

}  // namespace

json::value to_json(const ChatPart& part) {
  if (const auto* text = std::get_if<TextPart>(&part))
    return json::object{{"type", "text"}, {"text", text->text}};
  const auto& image = std::get<ImagePart>(part);
  json::object out{{"type", "image"}};
  if (!image.url.empty()) out["url"] = image.url;
  if (!image.media_type.empty()) out["media_type"] = image.media_type;
  if (!image.data.empty()) out["data"] = image.data;
  return out;
}

Status from_json(const json::value& value, ChatPart& out) {
  if (!value.is_object()) return json_detail::expected("an object");
  const auto& object = value.get_object();
  std::string type;
  if (auto read = read_member(object, "type", type); !read) return read;
  if (type == "text") {
    TextPart text;
    auto read = read_member(object, "text", text.text);
    out = std::move(text);
    return read;
  }
  if (type == "image") {
    ImagePart image;
    for (const auto& [name, target] :
         {std::pair{"url", &image.url}, {"media_type", &image.media_type}, {"data", &image.data}}) {
      if (auto read = read_member(object, name, *target); !read) return read;
    }
    if (image.url.empty() == image.data.empty())
      return fail(Errc::invalid_argument, "an image has either a url or data");
    if (!image.data.empty() && image.media_type.empty())
      return fail(Errc::invalid_argument, "an image's data needs its media_type");
    out = std::move(image);
    return {};
  }
  return inside("type", Error(Errc::invalid_argument, "\"" + type + "\" is none of text, image"));
}

ChatMessage ChatMessage::system(std::string text) {
  return message_of(ChatRole::system, std::move(text));
}
ChatMessage ChatMessage::user(std::string text) {
  return message_of(ChatRole::user, std::move(text));
}
ChatMessage ChatMessage::assistant(std::string text) {
  return message_of(ChatRole::assistant, std::move(text));
}
ChatMessage ChatMessage::tool_result(std::string call_id, std::string text, bool failed) {
  auto message = message_of(ChatRole::tool, std::move(text));
  message.tool_call_id = std::move(call_id);
  message.failed = failed;
  return message;
}

json::value to_json(const ChatMessage& message) {
  json::object out{{"role", enum_name(message.role)}};
  if (!message.parts.empty()) out["parts"] = to_json_value(message.parts);
  if (!message.tool_calls.empty()) {
    json::array calls;
    for (const auto& call : message.tool_calls) {
      json::object one{{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}};
      if (!call.problem.empty()) one["problem"] = call.problem;
      calls.emplace_back(std::move(one));
    }
    out["tool_calls"] = std::move(calls);
  }
  const auto put = [&out](std::string_view name, const std::string& text) {
    if (!text.empty()) out[name] = text;
  };
  put("tool_call_id", message.tool_call_id);
  put("name", message.name);
  put("reasoning", message.reasoning);
  put("refusal", message.refusal);
  if (message.failed) out["failed"] = true;
  return out;
}

Status from_json(const json::value& value, ChatMessage& out) {
  if (!value.is_object()) return json_detail::expected("an object");
  const auto& object = value.get_object();
  if (!object.contains("role")) return fail(Errc::invalid_argument, "a message needs its role");
  if (auto read = read_member(object, "role", out.role); !read) return read;
  if (auto read = read_member(object, "parts", out.parts); !read) return read;
  if (auto read = read_member(object, "tool_calls", out.tool_calls); !read) return read;
  if (auto read = read_member(object, "failed", out.failed); !read) return read;
  for (const auto& [name, target] : {std::pair{"tool_call_id", &out.tool_call_id},
                                     {"name", &out.name},
                                     {"reasoning", &out.reasoning},
                                     {"refusal", &out.refusal}}) {
    if (auto read = read_member(object, name, *target); !read) return read;
  }
  return {};
}

std::string text_of(const ChatMessage& message) {
  std::string out;
  for (const auto& part : message.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) out += text->text;
  }
  return out;
}

REEVE_JSON_COMPILE(ToolCall);
REEVE_JSON_COMPILE(ToolChoice);
REEVE_JSON_COMPILE(Sampling);

}  // namespace reeve
