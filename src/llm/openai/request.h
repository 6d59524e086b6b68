#pragma once

#include <string>

#include "base/json.h"
#include "llm/provider.h"

/// OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat. The form that
/// most servers of models speak.
namespace reeve::llm::openai {

/// How the servers of this form differ.
struct Form {
  bool stream = true;
  /// Asks a stream to end with its token counts (`stream_options`).
  bool stream_usage = true;
  /// What the limit of output tokens is called.
  std::string max_tokens = "max_tokens";
};

/// The body of a request. Tools and their choice are left out where there are none, and so is an
/// empty content: strict servers refuse them.
json::object body_of(const ChatRequest& request, const std::string& model, const Form& form);

}  // namespace reeve::llm::openai
