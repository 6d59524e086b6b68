#include <boost/asio/this_coro.hpp>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "aio/signal.h"
#include "app/library/engine.h"
#include "app/library/face.h"
#include "llm/scripted.h"
#include "llm/settings.h"
#include "llm/tool_calls.h"

/// Model providers that a program brings along.
namespace reeve::library {

/// What a call of the program's function and the coroutine that waits for it share: the pieces that
/// the function told and nobody has taken yet. The function's thread sets `answer` before the Env's
/// hop back; it waits while too many pieces lie here, so a listener that blocks slows it down.
struct StreamState {
  StreamState(Env& env, asio::any_io_executor executor) : env(env), changed(std::move(executor)) {}

  static constexpr std::size_t kAhead = 64;

  Env& env;
  std::stop_source stop;  // nobody waits any more
  std::optional<v1::Result<v1::ModelAnswer>> answer;
  bool done = false;
  aio::Signal changed;  // of `done` and of what was told

  /// Any thread.
  static void tell(const std::shared_ptr<StreamState>& self, AgentEvent event) {
    {
      std::unique_lock lock(self->mutex_);
      const auto token = self->stop.get_token();
      if (!self->room_.wait(lock, token, [&] { return self->told_.size() < kAhead; })) return;
      self->told_.push_back(std::move(event));
      if (std::exchange(self->waking_, true)) return;
    }
    self->env.defer([self] {
      {
        const std::scoped_lock lock(self->mutex_);
        self->waking_ = false;
      }
      self->changed.notify();
    });
  }
  /// The next piece. The domain thread's.
  std::optional<AgentEvent> take() {
    const std::scoped_lock lock(mutex_);
    if (told_.empty()) return std::nullopt;
    auto event = std::move(told_.front());
    told_.pop_front();
    room_.notify_all();
    return event;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any room_;
  std::deque<AgentEvent> told_;
  bool waking_ = false;  // the domain thread is about to look
};

namespace {

/// Ends the listening, however the wait ends.
class Listening {
 public:
  explicit Listening(std::shared_ptr<StreamState> state) : state_(std::move(state)) {}
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  ~Listening() { state_->stop.request_stop(); }

 private:
  std::shared_ptr<StreamState> state_;
};

/// What kind of trouble a code is, as far as a code can say it.
llm::Trouble trouble_of(v1::Code code) {
  switch (code) {
    case v1::Code::unauthenticated:
    case v1::Code::denied: return llm::Trouble::authentication;
    case v1::Code::timeout: return llm::Trouble::timed_out;
    case v1::Code::too_large: return llm::Trouble::context_too_long;
    case v1::Code::not_found: return llm::Trouble::no_such_model;
    case v1::Code::unavailable: return llm::Trouble::unreachable;
    case v1::Code::corrupt: return llm::Trouble::malformed;
    default: return llm::Trouble::bad_request;
  }
}

llm::ChatResponse response_of(v1::ModelAnswer answer, const std::string& asked) {
  llm::ChatResponse out;
  out.message = ChatMessage::assistant(std::move(answer.text));
  out.message.reasoning = std::move(answer.reasoning);
  for (auto& call : answer.tool_calls) {
    ToolCall made;
    made.id = std::move(call.id);
    made.name = std::move(call.name);
    llm::read_arguments(call.arguments, made);
    llm::tell_apart(out.message.tool_calls, made);
    out.message.tool_calls.push_back(std::move(made));
  }
  out.finish_reason =
      enum_from_name<llm::FinishReason>(answer.finish_reason).value_or(llm::FinishReason::unknown);
  out.finish_word = std::move(answer.finish_reason);
  if (auto usage = inner(answer.usage); usage != Usage()) out.usage = usage;
  out.model = answer.model.empty() ? asked : answer.model;
  return out;
}

class FunctionProvider final : public llm::Provider {
 public:
  FunctionProvider(std::string name, std::string model, Env& env, v1::ModelFunction function)
      : name_(std::move(name)),
        model_(std::move(model)),
        env_(env),
        function_(std::make_shared<const v1::ModelFunction>(std::move(function))) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view default_model() const override { return model_; }

  Async<llm::ChatResult> chat(const llm::ChatRequest& request, llm::OnEvent on_event) override {
    // All of it is copied: the function may outlast the call, if that is cancelled.
    v1::ModelRequest asked;
    asked.model = request.model.empty() ? model_ : request.model;
    for (const auto& message : request.messages) asked.messages.push_back(face(message));
    for (const auto& tool : request.tools) asked.tools.push_back(face(tool));
    asked.tool_choice = face(request.tool_choice);
    asked.sampling = face(request.sampling);
    const auto model = asked.model;

    const auto state = std::make_shared<StreamState>(env_, co_await asio::this_coro::executor);
    const Listening listening(state);
    auto work = [state, function = function_, given = std::move(asked)] {
      auto stream = Engine::stream(state);
      try {
        state->answer = (*function)(given, stream);
      } catch (const v1::Failure& failure) {
        state->answer = v1::Error{failure.code, failure.what()};
      } catch (const std::exception& thrown) {
        state->answer = v1::Error{v1::Code::invalid_argument, thrown.what()};
      } catch (...) {
        state->answer =
            v1::Error{v1::Code::invalid_argument, "what was thrown is no std::exception"};
      }
    };
    env_.offload(std::move(work), [state] {
      state->done = true;
      state->changed.notify();
    });
    for (bool last = false; !last;) {
      last = state->done;  // then everything has been told
      while (auto event = state->take()) {
        if (on_event) on_event(std::move(*event));
        if (on_event.crowded()) co_await on_event.room();
      }
      if (!last && !state->done) co_await state->changed.wait();
    }

    if (!*state->answer) {
      const auto& error = state->answer->error();
      co_return std::unexpected(llm::ProviderError(trouble_of(error.code), error.message));
    }
    co_return response_of(std::move(**state->answer), model);
  }

 private:
  std::string name_;
  std::string model_;
  Env& env_;
  std::shared_ptr<const v1::ModelFunction> function_;
};

Async<Result<std::monostate>> put(Engine* engine, std::string name, std::string model,
                                  v1::ModelFunction function) {
  auto& house = engine->house();
  auto* providers = house.host->providers();
  if (providers == nullptr) co_return fail(elsewhere("a provider"));
  providers->put(std::make_shared<FunctionProvider>(std::move(name), std::move(model), house.env,
                                                    std::move(function)));
  co_return std::monostate();
}

Async<Result<std::monostate>> put_scripted(Engine* engine, std::string name, llm::Script script) {
  auto& house = engine->house();
  auto* providers = house.host->providers();
  if (providers == nullptr) co_return fail(elsewhere("a provider"));
  providers->put(
      std::make_shared<llm::ScriptedProvider>(std::move(name), house.env, std::move(script)));
  co_return std::monostate();
}

Async<Result<std::monostate>> configure(Engine* engine, std::string name, json::value settings) {
  auto& house = engine->house();
  auto* providers = house.host->providers();
  if (providers == nullptr) co_return fail(elsewhere("a provider"));
  auto made = llm::make_registry({{name, std::move(settings)}}, std::filesystem::current_path(),
                                 house.env, house.loop.get_executor());
  if (!made) co_return fail(made.error());
  auto provider = made->find(name);
  if (!provider) co_return fail(provider.error());
  providers->put(std::move(*provider));
  co_return std::monostate();
}

v1::Status done(const Result<std::monostate>& result) {
  if (!result) return face(result.error());
  return {};
}

}  // namespace
}  // namespace reeve::library

namespace reeve::v1 {

void Stream::text(std::string_view piece) {
  library::StreamState::tell(state_, TextDelta{.delta = std::string(piece)});
}
void Stream::reasoning(std::string_view piece) {
  library::StreamState::tell(state_, ReasoningDelta{.delta = std::string(piece)});
}
bool Stream::is_stopped() const { return state_->stop.stop_requested(); }

Status Town::add_provider(std::string name, std::string default_model, ModelFunction function) {
  if (name.empty() || !function)
    return Error{Code::invalid_argument, "a provider needs a name and its function"};
  return library::done(engine_->call<std::monostate>([engine = engine_.get(), n = std::move(name),
                                                      m = std::move(default_model),
                                                      f = std::move(function)]() mutable {
    return library::put(engine, std::move(n), std::move(m), std::move(f));
  }));
}

Status Town::configure_provider(std::string name, const std::string& settings_json) {
  if (name.empty()) return Error{Code::invalid_argument, "a provider needs a name"};
  auto settings = library::read_text("the provider's settings", settings_json);
  if (!settings) return library::face(settings.error());
  return library::done(engine_->call<std::monostate>(
      [engine = engine_.get(), n = std::move(name), s = std::move(*settings)]() mutable {
        return library::configure(engine, std::move(n), std::move(s));
      }));
}

Status Town::add_scripted_provider(std::string name, const std::string& script_json) {
  if (name.empty()) return Error{Code::invalid_argument, "a provider needs a name"};
  auto value = library::read_text("the script", script_json);
  if (!value) return library::face(value.error());
  auto script = llm::read_script(*value);
  if (!script) return library::face(script.error().during("the script"));
  return library::done(engine_->call<std::monostate>(
      [engine = engine_.get(), n = std::move(name), s = std::move(*script)]() mutable {
        return library::put_scripted(engine, std::move(n), std::move(s));
      }));
}

}  // namespace reeve::v1
