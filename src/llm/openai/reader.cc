#include "llm/openai/reader.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "llm/openai/error.h"
#include "llm/tool_calls.h"

namespace reeve::llm::openai {
namespace {

const json::object* object_in(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found == nullptr ? nullptr : found->if_object();
}
const json::array* array_in(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found == nullptr ? nullptr : found->if_array();
}
std::string_view text_in(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  const auto* text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}
std::optional<std::int64_t> number_in(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (found == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto number = found->to_number<std::int64_t>(error);
  return error ? std::nullopt : std::optional(number);
}
std::optional<std::int64_t> number_in(const json::object& object, std::string_view inner,
                                      std::string_view name) {
  const auto* found = object_in(object, inner);
  return found == nullptr ? std::nullopt : number_in(*found, name);
}

FinishReason reason_of(std::string_view word) {
  if (word == "stop") return FinishReason::stop;
  if (word == "length") return FinishReason::length;
  if (word == "tool_calls" || word == "function_call") return FinishReason::tool_calls;
  if (word == "content_filter") return FinishReason::content_filter;
  return FinishReason::unknown;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

Reader::Reader(OnEvent on_event, std::function<std::string()> new_id, Secret key)
    : on_event_(std::move(on_event)),
      new_id_(std::move(new_id)),
      key_(std::move(key)),
      decoder_(limits::kModelMessage) {}

std::expected<void, ProviderError> Reader::feed(std::string_view bytes) {
  if (!error_ && !done_ && !bytes.empty()) take_bytes(bytes);
  if (error_) return std::unexpected(*error_);
  return {};
}

void Reader::take_bytes(std::string_view bytes) {
  begun_ = true;
  if (!plain_) {
    // No line of a stream begins with a brace. Blanks before the first word are kept until it says
    // what this is.
    const auto first = bytes.find_first_not_of(" \t\r\n");
    if (first == bytes.npos) {
      if (count(bytes.size())) body_ += bytes;
      return;
    }
    plain_ = bytes[first] == '{';
    if (!*plain_) {
      const auto blanks = std::move(body_);
      if (!blanks.empty()) take_stream(blanks);
    }
  }
  if (*plain_) {
    if (count(bytes.size())) body_ += bytes;
  } else {
    take_stream(bytes);
  }
}

void Reader::take_stream(std::string_view bytes) {
  const auto messages = decoder_.feed(bytes);
  if (!messages) {
    return fail_with(Trouble::answer_too_large, messages.error().message());
  }
  for (const auto& message : *messages) {
    if (error_ || done_) return;
    take_message(message);
  }
}

void Reader::take_message(const wire::SseMessage& message) {
  const auto data = trimmed(message.data);
  if (data == "[DONE]") {
    done_ = true;
    return;
  }
  if (data.empty()) return;
  const auto chunk = parse_json(data);
  if (chunk && message.event == "error") {
    const auto* object = chunk->if_object();
    const auto* inner = object == nullptr ? nullptr : object->if_contains("error");
    error_ = read_error(inner == nullptr ? *chunk : *inner, key_);
    return;
  }
  if (!chunk)
    return fail_with(Trouble::malformed, "the stream holds no JSON: " + chunk.error().message());
  take_chunk(*chunk);
}

void Reader::take_chunk(const json::value& chunk) {
  const auto* object = chunk.if_object();
  if (object == nullptr) return fail_with(Trouble::malformed, "the answer holds no JSON object");
  if (const auto* error = object->if_contains("error"); error != nullptr && !error->is_null()) {
    error_ = read_error(*error, key_);
    return;
  }
  if (const auto model = text_in(*object, "model"); !model.empty() && model_.empty())
    model_ = model;
  if (const auto* usage = object->if_contains("usage")) take_usage(*usage);
  const auto* choices = array_in(*object, "choices");
  if (choices == nullptr) return;
  for (const auto& choice : *choices) {
    // Only one was asked for.
    const auto* one = choice.if_object();
    if (one != nullptr && number_in(*one, "index").value_or(0) == 0) take_choice(*one);
  }
}

void Reader::take_choice(const json::object& choice) {
  // The last piece may say something and finish.
  if (const auto* delta = object_in(choice, "delta")) take_words(*delta, false);
  if (const auto* message = object_in(choice, "message")) take_words(*message, true);
  const auto word = text_in(choice, "finish_reason");
  if (word == "error") return fail_with(Trouble::truncated_stream, "the provider gave up");
  if (!word.empty()) finish_word_ = word;
}

void Reader::take_words(const json::object& words, bool whole) {
  // Two names for the same; who sends both sends it twice.
  auto thought = text_in(words, "reasoning_content");
  if (thought.empty()) thought = text_in(words, "reasoning");
  if (!thought.empty() && count(thought.size())) {
    reasoning_ += thought;
    tell(ReasoningDelta{std::string(thought)});
  }
  if (const auto* content = words.if_contains("content")) take_text(*content);
  if (const auto refusal = text_in(words, "refusal"); count(refusal.size())) refusal_ += refusal;
  const auto* calls = array_in(words, "tool_calls");
  if (calls == nullptr) return;
  std::int64_t place = 0;
  for (const auto& call : *calls) {
    const auto* one = call.if_object();
    if (one != nullptr) take_call(*one, whole ? std::optional(place) : std::nullopt);
    ++place;
  }
}

void Reader::take_text(const json::value& content) {
  if (const auto* text = content.if_string(); text != nullptr && !text->empty()) {
    if (!count(text->size())) return;
    text_ += *text;
    tell(TextDelta{std::string(*text)});
  }
  // Some servers write it in parts.
  if (const auto* list = content.if_array()) {
    for (const auto& item : *list) {
      const auto* part = item.if_object();
      const auto* text = part == nullptr ? nullptr : part->if_contains("text");
      if (text != nullptr && text->is_string()) take_text(*text);
    }
  }
}

Reader::Part& Reader::part_of(const json::object& call, std::string_view id, std::string_view name,
                              std::optional<std::int64_t> place) {
  const auto next = [this] { return at_index_.empty() ? 0 : at_index_.rbegin()->first + 1; };
  auto index = number_in(call, "index");
  if (!index && place) index = place;
  const bool is_new = !id.empty() && !name.empty();
  if (!index) {
    // Without an index: the call of that id, or else a new one where it has a name.
    const auto same = std::ranges::find(parts_, id, &Part::own_id);
    if (!id.empty() && same != parts_.end()) return *same;
    if (parts_.empty() || !name.empty()) {
      index = next();
    } else {
      return parts_.back();
    }
  }
  const auto found = at_index_.find(*index);
  if (found != at_index_.end()) {
    auto& there = parts_[found->second];
    if (!is_new || there.own_id.empty() || there.own_id == id) return there;
    // Another call under an index that was used up: some servers call each of them 0.
  }
  const auto place_of_part = parts_.size();
  at_index_[*index] = place_of_part;
  auto& part = parts_.emplace_back();
  part.index = *index;
  part.place = place_of_part;
  return part;
}

void Reader::take_call(const json::object& call, std::optional<std::int64_t> place) {
  const auto id = text_in(call, "id");
  static const json::object kNone;
  const auto* function = object_in(call, "function");
  if (function == nullptr) function = &kNone;
  const auto name = text_in(*function, "name");
  auto& part = part_of(call, id, name, place);
  if (parts_.size() > limits::kOpenCalls) {
    return fail_with(
        Trouble::answer_too_large,
        "the answer has more than " + std::to_string(limits::kOpenCalls) + " tool calls");
  }
  if (part.own_id.empty() && count(id.size())) part.own_id = id;
  if (part.name.empty() && count(name.size())) part.name = name;
  const auto* arguments = function->if_contains("arguments");
  std::string written;
  if (arguments != nullptr && arguments->is_string()) written = arguments->get_string();
  if (arguments != nullptr && arguments->is_object()) written = write_json(*arguments);
  if (!count(written.size())) return;
  part.arguments += written;
  if (part.started) {
    if (!written.empty()) tell(ToolCallDelta{part.call.id, std::move(written)});
  } else if (!part.name.empty()) {
    start(part);
  }
}

void Reader::start(Part& part) {
  part.started = true;
  part.call.id = part.own_id.empty() ? new_id_() : part.own_id;
  part.call.name = part.name;
  std::vector<ToolCall> others;
  for (const auto& other : parts_) {
    if (other.started && &other != &part) others.push_back(other.call);
  }
  tell_apart(others, part.call);
  tell(ToolCallStarted{part.call.id, part.call.name});
  if (!part.arguments.empty()) tell(ToolCallDelta{part.call.id, part.arguments});
}

void Reader::take_usage(const json::value& value) {
  const auto* usage = value.if_object();
  if (usage == nullptr) return;
  Usage read;
  read.input_tokens = number_in(*usage, "prompt_tokens");
  read.output_tokens = number_in(*usage, "completion_tokens");
  read.total_tokens = number_in(*usage, "total_tokens");
  read.cache_read_tokens = number_in(*usage, "prompt_tokens_details", "cached_tokens");
  if (!read.cache_read_tokens)
    read.cache_read_tokens = number_in(*usage, "prompt_cache_hit_tokens");
  read.reasoning_tokens = number_in(*usage, "completion_tokens_details", "reasoning_tokens");
  if (read != Usage()) usage_ = read;  // the last one counts: some servers count as they go
}

ChatResult Reader::finish() {
  if (!error_ && plain_.value_or(false)) {
    const auto body = parse_json(body_);
    if (body) {
      take_chunk(*body);
      done_ = true;
    } else {
      // Cut or garbled: from here they look the same.
      fail_with(Trouble::truncated_stream, "the answer is not whole: " + body.error().message());
    }
  }
  if (error_) return std::unexpected(*error_);
  if (!done_) {
    return std::unexpected(
        ProviderError(Trouble::truncated_stream, "the answer broke off before its end"));
  }
  if (!finish_word_) {
    return std::unexpected(ProviderError(Trouble::truncated_stream,
                                         "the answer ended without saying why it finished"));
  }
  ChatResponse response;
  auto& message = response.message;
  message.role = ChatRole::assistant;
  message.tool_calls = finished_calls();
  if (error_) return std::unexpected(*error_);
  if (!text_.empty()) message.parts.emplace_back(TextPart{std::move(text_)});
  message.reasoning = std::move(reasoning_);
  message.refusal = std::move(refusal_);
  response.finish_reason = reason_of(*finish_word_);
  if (response.finish_reason == FinishReason::stop && !message.tool_calls.empty())
    response.finish_reason = FinishReason::tool_calls;
  response.finish_word = std::move(*finish_word_);
  response.usage = usage_;
  response.model = std::move(model_);
  return response;
}

std::vector<ToolCall> Reader::finished_calls() {
  std::ranges::sort(parts_, {}, [](const Part& part) { return std::pair(part.index, part.place); });
  std::vector<ToolCall> calls;
  for (auto& part : parts_) {
    if (!part.started) start(part);
    read_arguments(part.arguments, part.call);
    if (part.name.empty()) part.call.problem = "it names no tool.";
    calls.push_back(std::move(part.call));
  }
  for (const auto& call : calls) tell(ToolCallReady{call.id, call.name, call.arguments});
  return calls;
}

void Reader::fail_with(Trouble trouble, std::string_view message) {
  // It may quote what came.
  if (!error_) error_ = ProviderError(trouble, key_.hide_in(to_utf8(message)));
}

bool Reader::count(std::size_t bytes) {
  size_ += bytes;
  if (size_ <= limits::kModelAnswer) return true;
  fail_with(Trouble::answer_too_large,
            "the answer is larger than " + std::to_string(limits::kModelAnswer >> 20) + " MiB");
  return false;
}

void Reader::tell(AgentEvent event) {
  if (error_) return;
  told_ = true;
  if (on_event_) on_event_(std::move(event));
}

}  // namespace reeve::llm::openai
