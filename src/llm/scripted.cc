#include "llm/scripted.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/system/system_error.hpp>

#include "aio/real_env.h"
#include "aio/signal.h"
#include "aio/within.h"
#include "base/near_names.h"
#include "base/utf8.h"
#include "llm/tool_calls.h"

namespace reeve::llm {
namespace {

/// How many answers stand behind the last user message.
std::size_t step_of(std::span<const ChatMessage> messages) {
  std::size_t answers = 0;
  for (auto at = messages.rbegin(); at != messages.rend() && at->role != ChatRole::user; ++at)
    answers += at->role == ChatRole::assistant ? 1 : 0;
  return answers;
}

/// One answer, as it comes to be.
class Answer {
 public:
  Answer(const ChatRequest& request, const std::string& model, const OnEvent& on_event)
      : request_(request), on_event_(on_event) {
    response_.model = request.model.empty() ? model : request.model;
    response_.message.role = ChatRole::assistant;
  }

  void think(const act::Think& thought) {
    response_.message.reasoning += thought.text;
    tell(ReasoningDelta{thought.text});
  }
  void say(const std::string& piece) {
    text_ += piece;
    tell(TextDelta{piece});
  }
  void call(const act::Call& wanted) {
    auto& calls = response_.message.tool_calls;
    ToolCall call;
    call.id = wanted.id;
    call.name = wanted.name;
    if (call.id.empty()) {
      call.id = "call_" + std::to_string(request_.messages.size()) + "_" +
                std::to_string(calls.size() + 1);
    }
    read_arguments(wanted.arguments, call);
    tell_apart(calls, call);
    calls.push_back(std::move(call));
    const auto& made = calls.back();
    tell(ToolCallStarted{made.id, made.name});
    tell(ToolCallDelta{made.id, wanted.arguments});
    tell(ToolCallReady{made.id, made.name, made.arguments});
  }
  void count(const act::Count& counted) { response_.usage = counted.usage; }
  void finish(const act::Finish& finish) { finish_ = finish.reason; }
  void reset(const act::Reset& reset) {
    text_.clear();
    response_.message.reasoning.clear();
    response_.message.tool_calls.clear();
    tell(StreamReset{reset.reason});
  }

  ChatResponse done() {
    const auto& calls = response_.message.tool_calls;
    response_.finish_reason =
        finish_.value_or(calls.empty() ? FinishReason::stop : FinishReason::tool_calls);
    response_.finish_word = enum_name(response_.finish_reason);
    if (!text_.empty()) response_.message.parts.emplace_back(TextPart{std::move(text_)});
    return std::move(response_);
  }

 private:
  void tell(AgentEvent event) {
    if (on_event_) on_event_(std::move(event));
  }

  const ChatRequest& request_;
  const OnEvent& on_event_;
  ChatResponse response_;
  std::string text_;
  std::optional<FinishReason> finish_;
};

}  // namespace

Script Script::saying(std::string text) {
  Script script;
  script.repeat = true;
  act::Say say;
  say.pieces.push_back(std::move(text));
  script.turns.emplace_back().emplace_back(std::move(say));
  return script;
}

ScriptedProvider::ScriptedProvider(std::string name, Env& env, Script script)
    : name_(std::move(name)), env_(env), script_(std::move(script)) {}

const std::vector<Act>* ScriptedProvider::turn_of(const ChatRequest& request) {
  auto turn = script_.by == Script::By::call ? calls_ : step_of(request.messages);
  ++calls_;
  const auto turns = script_.turns.size();
  if (script_.repeat && turns > 0) turn %= turns;
  return turn < turns ? &script_.turns[turn] : nullptr;
}

Async<ChatResult> ScriptedProvider::chat(const ChatRequest& request, OnEvent on_event) {
  const auto* turn = turn_of(request);
  if (turn == nullptr) {
    co_return std::unexpected(ProviderError(
        Trouble::bad_request, "the script of " + name_ + " has " +
                                  std::to_string(script_.turns.size()) + " turns and no more"));
  }
  const auto state = co_await aio::asio::this_coro::cancellation_state;
  // Whoever is told may cancel the call.
  const auto go_on = [&state] {
    if (state.cancelled() != aio::asio::cancellation_type::none)
      throw boost::system::system_error(aio::asio::error::operation_aborted);
  };
  Answer answer(request, script_.model, on_event);
  for (const auto& act : *turn) {
    go_on();
    if (const auto* said = std::get_if<act::Say>(&act)) {
      for (const auto& piece : said->pieces) {
        answer.say(piece);
        if (on_event.crowded()) co_await on_event.room();
        go_on();
      }
    } else if (const auto* thought = std::get_if<act::Think>(&act)) {
      answer.think(*thought);
    } else if (const auto* call = std::get_if<act::Call>(&act)) {
      answer.call(*call);
    } else if (const auto* wait = std::get_if<act::Wait>(&act)) {
      co_await aio::sleep(env_, wait->time);
    } else if (std::holds_alternative<act::Hang>(act)) {
      aio::Signal never(co_await aio::asio::this_coro::executor);
      for (;;) co_await never.wait();
    } else if (const auto* reset = std::get_if<act::Reset>(&act)) {
      answer.reset(*reset);
    } else if (const auto* failure = std::get_if<act::Fail>(&act)) {
      co_return std::unexpected(
          ProviderError(failure->trouble, failure->message, failure->retry_after));
    } else if (const auto* counted = std::get_if<act::Count>(&act)) {
      answer.count(*counted);
    } else {
      answer.finish(std::get<act::Finish>(act));
    }
    if (on_event.crowded()) co_await on_event.room();
  }
  go_on();
  co_return answer.done();
}

}  // namespace reeve::llm
