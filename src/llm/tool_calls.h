#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/chat.h"

namespace reeve::llm {

/// The arguments as a model wrote them, read into `call`: no text at all is no arguments. What is
/// not a JSON object becomes the call's `problem`, for the model.
void read_arguments(std::string_view text, ToolCall& call);

/// Where an earlier call of the message has its id, gives `call` another one, and a `problem`:
/// which of them the model meant to be run nobody knows, and each needs a result of its own.
void tell_apart(std::span<const ToolCall> earlier, ToolCall& call);

/// The arguments as text for a model that is reminded of its call: always a JSON object, since
/// servers refuse anything else.
std::string arguments_text(const ToolCall& call);

}  // namespace reeve::llm
