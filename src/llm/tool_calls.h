#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/chat.h"

namespace reeve::llm {

/// The arguments as a model wrote them, read into `call`: no text at all is no arguments. What is
/// not a JSON object becomes the call's `problem`, for the model.
void read_arguments(std::string_view text, ToolCall& call);

/// Gives a second call of the same id another one, and a `problem`: which of them the model meant
/// to be run nobody knows, and each needs a result of its own.
void part_equal_ids(std::vector<ToolCall>& calls);

/// The arguments as text for a model that is reminded of its call: always a JSON object, since
/// servers refuse anything else.
std::string arguments_text(const ToolCall& call);

}  // namespace reeve::llm
