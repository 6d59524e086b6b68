#include "run/redact.h"

#include "run/ending.h"

namespace reeve::run {
namespace {

/// What the redactor left of a text: nothing, if it took it out.
std::string text_at(const json::object& payload, const char* name) {
  const auto* value = payload.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

ChatMessage redacted(const log::Redactor& redactor, ChatMessage message) {
  if (!redactor) return message;
  auto value = to_json(message);
  redactor("MessagesAppended", value.as_object());
  ChatMessage kept;
  if (auto read = from_json(value, kept); read && kept.role == message.role) return kept;
  // It must stay a conversation that models take: the calls and what they are answers to are kept.
  kept = ChatMessage{.role = message.role, .parts = {TextPart{"(not kept)"}}};
  kept.tool_call_id = std::move(message.tool_call_id);
  kept.name = std::move(message.name);
  kept.tool_calls = std::move(message.tool_calls);
  for (auto& call : kept.tool_calls) call.arguments = json::object();
  return kept;
}

void redact(const log::Redactor& redactor, Ending ending, fact::RunEnd& end) {
  if (!redactor) return;
  json::object payload{{"text", end.text}, {"error", end.error}};
  redactor(kind_of(terminal_fact(ending, {})), payload);
  end.text = text_at(payload, "text");
  end.error = text_at(payload, "error");
}

void redact(const log::Redactor& redactor, fact::RunSilent& silent) {
  if (!redactor) return;
  json::object payload{{"last_lines", silent.last_lines}};
  redactor(kind_of(silent), payload);
  silent.last_lines = text_at(payload, "last_lines");
}

}  // namespace reeve::run
