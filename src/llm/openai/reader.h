#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/secret.h"
#include "llm/provider.h"
#include "wire/sse.h"

namespace reeve::llm::openai {

/// The body of an answer, as bytes that come in pieces of any size, becomes events and in the end
/// the answer. It takes a stream and, by itself, a plain JSON answer, which servers give that do
/// not stream.
///
/// A stream is whole when it has said why it finished and then `[DONE]`. One that ends without has
/// been cut, wherever that was: never an answer.
class Reader {
 public:
  /// `new_id` makes the id of a call that has none.
  Reader(OnEvent on_event, std::function<std::string()> new_id, Secret key);

  /// An error is final: later calls answer the same.
  std::expected<void, ProviderError> feed(std::string_view bytes);
  /// `[DONE]` has come: what follows is not looked at.
  [[nodiscard]] bool done() const { return done_; }
  /// Something of the answer has been told.
  [[nodiscard]] bool has_told() const { return told_; }
  /// Some byte has come.
  [[nodiscard]] bool has_begun() const { return begun_; }

  /// The body is over. Tells the calls that are complete now; used once.
  ChatResult finish();

 private:
  /// A tool call as its pieces come.
  struct Part {
    std::int64_t index = 0;
    std::size_t place = 0;  // in the order in which they began
    std::string own_id;     // the server's
    std::string name;
    std::string arguments;
    ToolCall call;         // as it is told of
    bool started = false;  // told of; before that, what comes is kept back
  };

  void take_bytes(std::string_view bytes);
  void take_stream(std::string_view bytes);
  void take_message(const wire::SseMessage& message);
  void take_chunk(const json::value& chunk);
  void take_choice(const json::object& choice);
  void take_words(const json::object& words, bool whole);
  void take_text(const json::value& content);
  void take_call(const json::object& call, std::optional<std::int64_t> place);
  Part& part_of(const json::object& call, std::string_view id, std::string_view name,
                std::optional<std::int64_t> place);
  void start(Part& part);
  void take_usage(const json::value& usage);
  std::vector<ToolCall> finished_calls();
  void fail_with(Trouble trouble, std::string_view message);
  bool count(std::size_t bytes);
  void tell(AgentEvent event);

  OnEvent on_event_;
  std::function<std::string()> new_id_;
  Secret key_;
  wire::SseDecoder decoder_;
  std::optional<bool> plain_;  // a JSON body, not a stream; empty: not known yet
  std::string body_;           // the plain one, or the blanks before anything
  std::optional<ProviderError> error_;
  bool begun_ = false;
  bool told_ = false;
  bool done_ = false;

  std::string text_;
  std::string reasoning_;
  std::string refusal_;
  std::vector<Part> parts_;
  std::map<std::int64_t, std::size_t> at_index_;  // the part that this index means now
  std::optional<std::string> finish_word_;
  std::optional<Usage> usage_;
  std::string model_;
  std::size_t size_ = 0;  // of all that is kept
};

}  // namespace reeve::llm::openai
