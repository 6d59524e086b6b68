#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/json.h"

/// What is said between us and a model: the words that conversations are kept in, and that every
/// provider is spoken to with.
namespace reeve {

enum class ChatRole { system, user, assistant, tool };
BOOST_DESCRIBE_ENUM(ChatRole, system, user, assistant, tool)

struct TextPart {
  std::string text;

  friend bool operator==(const TextPart&, const TextPart&) = default;
};
/// Where an image is, or the image itself: one of `url` and `data` is set.
struct ImagePart {
  std::string url;
  std::string media_type;  ///< "image/png"; needed beside `data`
  std::string data;        ///< base64

  friend bool operator==(const ImagePart&, const ImagePart&) = default;
};
/// JSON: {"type":"text","text":...}, {"type":"image","url":...},
/// {"type":"image","media_type":...,"data":...}.
using ChatPart = std::variant<TextPart, ImagePart>;

json::value to_json(const ChatPart& part);
/// invalid_argument: an unknown type, or an image that is nowhere, in two places, or of no type.
Status from_json(const json::value& value, ChatPart& out);

/// What the model wants done.
struct ToolCall {
  std::string id;  ///< unique within its message; the result names it
  std::string name;
  json::value
      arguments;  ///< an object; what the model wrote, as a text, where there is a `problem`
  /// Why this call cannot be run as it stands (its arguments are no JSON object, its id is that of
  /// another call): a sentence for the model, which gets it as the call's result. Empty: none.
  std::string problem;

  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};
BOOST_DESCRIBE_STRUCT(ToolCall, (), (id, name, arguments, problem))

/// One entry of a conversation. Its JSON leaves out what is empty, except the role.
struct ChatMessage {
  ChatRole role = ChatRole::user;
  std::vector<ChatPart> parts;
  std::vector<ToolCall> tool_calls;  ///< of the assistant
  std::string tool_call_id;          ///< of a tool's result: the call that it answers
  std::string name;                  ///< who speaks, where there are several; of a result: the tool
  std::string reasoning;             ///< what the assistant thought aloud; not sent back
  std::string refusal;               ///< why the assistant would not answer
  bool failed = false;               ///< of a tool's result: the call did not succeed

  friend bool operator==(const ChatMessage&, const ChatMessage&) = default;

  static ChatMessage system(std::string text);
  static ChatMessage user(std::string text);
  static ChatMessage assistant(std::string text);
  static ChatMessage tool_result(std::string call_id, std::string text, bool failed = false);
};
json::value to_json(const ChatMessage& message);
Status from_json(const json::value& value, ChatMessage& out);

/// Its text parts, one after the other.
std::string text_of(const ChatMessage& message);

/// May the model call tools, must it, and which?
struct ToolChoice {
  enum class Mode { auto_, none, required, named };
  BOOST_DESCRIBE_NESTED_ENUM(Mode, auto_, none, required, named)

  Mode mode = Mode::auto_;
  std::optional<std::string> name;  ///< of the tool, if `named`

  friend bool operator==(const ToolChoice&, const ToolChoice&) = default;
};
BOOST_DESCRIBE_STRUCT(ToolChoice, (), (mode, name))

/// How the model draws its words. What is absent is the provider's default.
struct Sampling {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::int64_t> max_output_tokens;
  std::vector<std::string> stop;
  std::optional<std::int64_t> seed;

  friend bool operator==(const Sampling&, const Sampling&) = default;
};
BOOST_DESCRIBE_STRUCT(Sampling, (), (temperature, top_p, max_output_tokens, stop, seed))

REEVE_JSON_DECLARE(ToolCall);
REEVE_JSON_DECLARE(ToolChoice);
REEVE_JSON_DECLARE(Sampling);

}  // namespace reeve
