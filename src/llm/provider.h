#pragma once

#include <boost/describe.hpp>

#include <concepts>
#include <cstddef>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "aio/suspend.h"
#include "base/error.h"
#include "base/json.h"
#include "base/time.h"
#include "event/agent_event.h"
#include "model/chat.h"
#include "model/tool.h"

namespace reeve::llm {

using aio::Async;

/// One call of a model. The spans' owners keep them until the call has returned: a long history is
/// not copied for it.
struct ChatRequest {
  std::string model;  ///< empty: the provider's default
  std::span<const ChatMessage> messages;
  std::span<const ToolDescriptor> tools;
  ToolChoice tool_choice;
  Sampling sampling;
  json::object metadata;  ///< handed on to providers that take it
};

enum class FinishReason {
  stop,
  tool_calls,
  length,          ///< the limit of output tokens, or the context's end: the answer is cut
  content_filter,  ///< the provider cut it
  unknown,         ///< `finish_word` is what the provider said
};
BOOST_DESCRIBE_ENUM(FinishReason, stop, tool_calls, length, content_filter, unknown)

struct ChatResponse {
  ChatMessage message;  ///< the assistant's. Its calls decide what is next, not finish_reason
  FinishReason finish_reason = FinishReason::stop;
  std::string finish_word;     ///< the provider's own word for it
  std::optional<Usage> usage;  ///< absent: not reported, which is not zero
  std::string model;           ///< the one that answered
};

/// What went wrong, as far as it matters to who asked.
enum class Trouble {
  authentication,    ///< no key, a wrong one, or one that may not use this model
  quota_exhausted,   ///< nothing is left to spend: waiting does not help
  rate_limited,      ///< `retry_after` may say for how long
  context_too_long,  ///< the conversation does not fit: make it shorter
  content_filter,    ///< the provider does not answer to this
  overloaded,        ///< the provider's own trouble (5xx)
  bad_request,       ///< the request itself is wrong
  no_such_model,
  misconfigured,     ///< the address, a certificate, a setting: somebody must change it
  unreachable,       ///< no connection, or it broke before the answer began
  timed_out,         ///< no answer, or nothing more of it, in the time given
  truncated_stream,  ///< the answer broke off: what has come of it is not an answer
  malformed,         ///< the answer is not in the provider's format
  answer_too_large,  ///< over a limit of base/limits.h
};
BOOST_DESCRIBE_ENUM(Trouble, authentication, quota_exhausted, rate_limited, context_too_long,
                    content_filter, overloaded, bad_request, no_such_model, misconfigured,
                    unreachable, timed_out, truncated_stream, malformed, answer_too_large)

/// The code that each kind of trouble has for everybody else.
Errc errc_of(Trouble trouble);
/// Whether asking the same again may help.
bool may_pass(Trouble trouble);

/// An Error that knows more; where a plain one is wanted (`fail(answer.error())`), it is one. Its
/// text never holds a key.
class ProviderError : public Error {
 public:
  ProviderError() = default;
  ProviderError(Trouble trouble, std::string message, std::optional<Duration> retry_after = {})
      : Error(errc_of(trouble), std::move(message)), trouble(trouble), retry_after(retry_after) {}

  Trouble trouble = Trouble::malformed;
  std::optional<Duration> retry_after;  ///< what the provider asked for
  std::optional<int> http_status;
};

using ChatResult = std::expected<ChatResponse, ProviderError>;

/// Told of the answer while it comes: TextDelta, ReasoningDelta, ToolCallStarted, ToolCallDelta,
/// ToolCallReady; ErrorRaised{retrying} before a new try, and StreamReset when what has been told
/// of this answer is void. An error that is answered voids it too, without a StreamReset. Nothing
/// else: who asked knows when the call begins and ends. May be empty.
///
/// Whoever is told may have as much as it can hold. A provider asks after each event of a stream,
/// and while it awaits room() it reads nothing more, tells nothing, and counts no time-out. What
/// room() throws ends the call.
class OnEvent {
 public:
  using Tell = std::function<void(AgentEvent)>;

  OnEvent() = default;
  OnEvent(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)
  /// From whatever can be told, and never has enough.
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, OnEvent> && std::invocable<F&, AgentEvent>)
  OnEvent(F tell) : tell_(std::move(tell)) {}  // NOLINT(google-explicit-constructor)
  OnEvent(Tell tell, std::function<bool()> crowded, std::function<Async<>()> room)
      : tell_(std::move(tell)), crowded_(std::move(crowded)), room_(std::move(room)) {}

  explicit operator bool() const { return static_cast<bool>(tell_); }
  void operator()(AgentEvent event) const { tell_(std::move(event)); }
  [[nodiscard]] bool crowded() const { return crowded_ && crowded_(); }
  /// Only while it is crowded. Cancellable.
  Async<> room() const { return room_(); }

 private:
  Tell tell_;
  std::function<bool()> crowded_;
  std::function<Async<>()> room_;
};

/// A model behind some protocol. Domain thread only; any number of calls at a time.
///
/// Cancelling the coroutine that awaits chat() ends the call at once, with its connection: it
/// throws operation_aborted, as every wait does, and tells nothing more.
class Provider {
 public:
  virtual ~Provider() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  /// The model of a request that names none; may be empty.
  [[nodiscard]] virtual std::string_view default_model() const = 0;

  /// One answer of the model. An answer that broke off is an error, never a short answer. The
  /// request outlives the call.
  virtual Async<ChatResult> chat(const ChatRequest& request, OnEvent on_event) = 0;
};

}  // namespace reeve::llm
