#include "run/native_run.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/logging.h"
#include "base/utf8.h"
#include "run/ending.h"
#include "run/redact.h"

namespace reeve::run {
namespace {

constexpr std::size_t kKeptText = 64 << 10;

/// A commit of the run that will never succeed: it has been fenced off, or nothing takes it.
struct GaveUp {
  Error why;
};

log::SinkOptions sink_options(const reeve::Run& run, const NativeOptions& native) {
  log::SinkOptions options;
  options.context = {.run = run.id,
                     .thread = run.thread,
                     .scopes = {Scope::of(run.id), Scope::of(run.thread)},
                     .origin = "provider:" + run.provider};
  if (run.agent) options.context.scopes.push_back(Scope::of(*run.agent));
  options.epoch = run.epoch;
  options.durability = run.durability;
  options.watched = true;
  options.redactor = native.redactor;
  options.normaliser = native.normaliser;
  return options;
}

bool wants_calls(const ChatMessage& message) { return !message.tool_calls.empty(); }

}  // namespace

NativeRun::NativeRun(Env& env, log::Log& log, NativeOptions options, reeve::Run run,
                     Conversation talk, std::size_t input_messages)
    : env_(env),
      log_(log),
      options_(std::move(options)),
      run_(std::move(run)),
      talk_(std::move(talk)),
      sink_(env, log, sink_options(run_, options_)),
      said_(input_messages) {
  if (!options_.system.empty()) talk_.messages[0] = ChatMessage::system(options_.system);
}

void NativeRun::emit(const AgentEvent& event) {
  // What cannot be captured is recorded in its place, and the run goes on.
  static_cast<void>(sink_.emit(event));
}

void NativeRun::stop(Stop how, std::string why, const std::function<void()>& interrupt) {
  if (stopped_ || settling_) return;
  stopped_ = Stopped{how, std::move(why)};
  if (working_) interrupt();
}

Async<RunResult> NativeRun::execute() {
  Verdict verdict;
  std::exception_ptr thrown;
  try {
    working_ = true;
    if (!stopped_) verdict = co_await work();
  } catch (const GaveUp& gave_up) {
    verdict = {Ending::error, std::string(describe(gave_up.why.code()).name),
               std::string(gave_up.why.message())};
  } catch (...) {
    thrown = std::current_exception();
  }
  working_ = false;
  settling_ = true;
  // What follows must come to its end, also when the owner has cancelled us.
  co_await aio::asio::this_coro::reset_cancellation_state(aio::asio::disable_cancellation());
  if (thrown && !aio::is_cancellation(thrown)) {
    logging::error("run {}: {}", run_.id.str(), aio::what(thrown));
    verdict = {Ending::error, std::string(describe(Errc::internal).name), aio::what(thrown)};
  } else if (thrown && !stopped_) {
    stopped_ = Stopped{Stop::cancel, "the town stops"};
  }
  if (uncertain_) {
    // It is repeated as it was, before there is more to commit: what had happened and what had not
    // could not be told apart afterwards.
    try {
      co_await checkpoint();
    } catch (const GaveUp&) {  // its end is told all the same
    }
  }
  if (stopped_) {
    // A cancel wins over whatever the run has come to (G8).
    const bool late = stopped_->how == Stop::timeout;
    verdict = {late ? Ending::error : Ending::cancelled, late ? "timeout" : "cancelled",
               stopped_->why};
    if (stopped_->how != Stop::abort && !partial_.empty())
      add_message(ChatMessage::assistant(partial_));
  }
  const auto reason = verdict.reason;
  const auto error = verdict.error;
  const auto ending = verdict.ending;
  co_await settle(std::move(verdict));

  RunResult result;
  result.run = run_.id;
  result.session = run_.thread;
  result.state = ending == Ending::completed   ? RunState::completed
                 : ending == Ending::cancelled ? RunState::cancelled
                                               : RunState::failed;
  result.reason = reason;
  result.error = error;
  result.text = text_;
  result.usage = usage_;
  result.steps = steps_;
  const auto kept = std::min(said_, talk_.messages.size() - 1);
  result.messages.assign(talk_.messages.end() - static_cast<std::ptrdiff_t>(kept),
                         talk_.messages.end());
  co_return result;
}

Async<NativeRun::Verdict> NativeRun::work() {
  for (std::int64_t number = 1; number <= options_.max_steps; ++number) {
    if (auto verdict = co_await step(number)) co_return std::move(*verdict);
  }
  co_return Verdict{Ending::stopped, "max_steps",
                    "the model asked for tools " + std::to_string(options_.max_steps) +
                        " times without an answer"};
}

Async<std::optional<NativeRun::Verdict>> NativeRun::step(std::int64_t number) {
  steps_ = number;
  const std::size_t first = options_.system.empty() ? 1 : 0;
  emit(StepStarted{});
  emit(ContextBuilt{static_cast<std::int64_t>(talk_.messages.size() - first)});
  emit(ModelStarted{.provider = run_.provider, .model = run_.model, .iteration = number});

  llm::ChatRequest request;
  request.model = options_.model;
  request.messages = std::span(talk_.messages).subspan(first);
  request.tools = options_.tools->descriptors();
  request.tool_choice = options_.tool_choice;
  request.sampling = options_.sampling;
  const auto began = env_.uptime();
  partial_.clear();
  auto answer = co_await options_.provider->chat(request, while_it_answers());
  if (!answer) {
    const auto& why = answer.error();
    emit(ErrorRaised{.code = std::string(enum_name(why.trouble)),
                     .message = std::string(why.message())});
    co_return Verdict{Ending::error, std::string(enum_name(why.trouble)),
                      std::string(why.message())};
  }
  partial_.clear();
  InferenceComplete done;
  done.model = answer->model;
  done.usage = answer->usage;
  done.duration_ms = std::chrono::floor<Duration>(env_.uptime() - began);
  done.finish_reason = answer->finish_reason == llm::FinishReason::unknown
                           ? answer->finish_word
                           : std::string(enum_name(answer->finish_reason));
  auto reason = done.finish_reason;
  emit(done);
  if (answer->usage) {
    usage_ = usage_ + *answer->usage;
    emit(UsageRecorded{.usage = *answer->usage});
  }
  text_ = text_of(answer->message);
  const ThreadMessageId id{run_.thread, talk_.thread.messages + uncommitted_ + 1};
  emit(AssistantMessage{
      .message_id = id.str(), .text = text_, .reasoning = answer->message.reasoning});
  add_message(std::move(answer->message));
  if (!wants_calls(talk_.messages.back())) {
    if (!talk_.messages.back().refusal.empty() && text_.empty())
      text_ = talk_.messages.back().refusal;
    emit(StepEnded{});
    co_return Verdict{Ending::completed, std::move(reason), {}};
  }
  co_await checkpoint();
  const auto calls = talk_.messages.back().tool_calls;
  co_await call_tools(calls);
  emit(StepEnded{});
  co_await checkpoint();
  co_return std::nullopt;
}

/// What the model says goes into the log while it says it, as fast as the log and whoever blocks
/// can take it.
llm::OnEvent NativeRun::while_it_answers() {
  auto tell = [this](AgentEvent event) {
    if (stopped_) return;  // nothing is said in the name of a run that has been ended
    if (const auto* text = std::get_if<TextDelta>(&event)) partial_ += text->delta;
    if (std::holds_alternative<StreamReset>(event)) partial_.clear();
    emit(event);
  };
  return {std::move(tell), [this] { return !stopped_ && (sink_.full() || log_.crowded(run_.id)); },
          [this] { return make_room(); }};
}

Async<> NativeRun::make_room() {
  if (sink_.full()) co_await checkpoint();
  if (log_.crowded(run_.id)) co_await log_.room(run_.id);
}

/// The results are added in the order of the calls, whichever came first.
Async<> NativeRun::call_tools(const std::vector<ToolCall>& calls) {
  std::vector<std::optional<ToolCallDone>> results(calls.size());
  std::size_t next = 0;
  if (options_.concurrent_calls <= 1 || calls.size() == 1) {
    co_await call_some(&calls, &next, &results);
  } else {
    std::exception_ptr failed;
    aio::TaskGroup group(co_await aio::asio::this_coro::executor,
                         [&](std::string_view, const std::exception_ptr& why) { failed = why; });
    const auto lanes = std::min(options_.concurrent_calls, calls.size());
    for (std::size_t lane = 0; lane < lanes; ++lane)
      group.spawn("tool calls", call_some(&calls, &next, &results));
    std::exception_ptr cancelled;
    // The calls are cancelled with us; whatever happens, they are waited for.
    auto state = co_await aio::asio::this_coro::cancellation_state;
    auto slot = state.slot();
    if (slot.is_connected()) slot.assign([&](auto) { group.cancel(); });
    if (state.cancelled() != aio::asio::cancellation_type::none) group.cancel();
    co_await group.join();
    if (slot.is_connected()) slot.clear();
    if (failed) std::rethrow_exception(failed);
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (!results[i]) throw boost::system::system_error(aio::asio::error::operation_aborted);
    add_message(tool::result_message(*results[i]));
    const ThreadMessageId id{run_.thread, talk_.thread.messages + uncommitted_};
    emit(ToolMessage{.message_id = id.str(), .tool_call_id = calls[i].id});
  }
}

Async<> NativeRun::call_some(const std::vector<ToolCall>* calls, std::size_t* next,
                             std::vector<std::optional<ToolCallDone>>* results) {
  while (*next < calls->size() && !stopped_) {
    const auto index = (*next)++;
    auto done = co_await call_tool((*calls)[index], index);
    if (stopped_) co_return;
    emit(done);
    (*results)[index] = std::move(done);
  }
}

Async<ToolCallDone> NativeRun::call_tool(const ToolCall& call, std::size_t index) {
  auto form = tool::admit(*options_.tools, call);
  if (auto* refused = std::get_if<ToolCallDone>(&form)) co_return std::move(*refused);
  auto admitted = std::get<tool::Admitted>(std::move(form));
  auto& approver = options_.approver != nullptr ? *options_.approver : tool::allow_all();
  if (auto refused = co_await tool::ask(approver, run_.id, admitted)) {
    if (refused->outcome == ToolOutcome::suspended) {
      // Nobody can decide later yet: the model is told so, and goes on.
      refused->outcome = ToolOutcome::failed;
      refused->metadata["rejected"] = true;
      refused->result = "This needs an approval, and nobody is there to give it.";
    }
    co_return std::move(*refused);
  }
  emit(ToolExecutionStarted{.id = call.id, .name = call.name});
  tool::Context context;
  context.run = run_.id;
  context.idempotency_key =
      run_.id.str() + ":" + std::to_string(steps_) + ":" + std::to_string(index);
  context.on_output = [this, id = call.id, name = call.name](std::string_view part) {
    if (!stopped_) emit(ToolOutputDelta{.id = id, .name = name, .delta = std::string(part)});
  };
  co_return co_await tool::execute(env_, std::move(admitted), std::move(context));
}

void NativeRun::add_message(ChatMessage message) {
  talk_.messages.push_back(std::move(message));
  ++uncommitted_;
  ++said_;
}

/// A call without a result would make the conversation unusable: what was cut off is said so.
void NativeRun::repair_conversation() {
  std::vector<const ToolCall*> open;
  std::vector<std::string> answered;
  for (auto at = talk_.messages.rbegin(); at != talk_.messages.rend(); ++at) {
    if (at->role == ChatRole::tool) {
      answered.push_back(at->tool_call_id);
      continue;
    }
    if (at->role != ChatRole::assistant) break;
    for (const auto& call : at->tool_calls) {
      if (std::ranges::find(answered, call.id) == answered.end()) open.push_back(&call);
    }
    break;
  }
  std::vector<ChatMessage> results;
  for (const auto* call : open) {
    results.push_back(ChatMessage::tool_result(
        call->id, "The run was ended before this call had a result.", true));
  }
  for (auto& result : results) add_message(std::move(result));
}

Async<> NativeRun::checkpoint() {
  Backoff backoff;
  for (;;) {
    const auto done = co_await commit(std::nullopt, Ending::completed);
    if (done) co_return;
    const auto& why = done.error();
    if (why.is(Errc::fenced) || why.is(Errc::conflict) || why.is(Errc::invalid_argument) ||
        why.is(Errc::too_large) || is_left(why)) {
      throw GaveUp{why};
    }
    logging::warn("run {}: its events cannot be kept now: {}", run_.id.str(), why.message());
    co_await aio::sleep(env_, backoff.next());
  }
}

Async<> NativeRun::settle(Verdict verdict) {
  repair_conversation();
  fact::RunEnd end;
  end.run = run_.id;
  end.agent = run_.agent;
  end.thread = run_.thread;
  end.code = verdict.ending == Ending::completed && verdict.reason == "stop" ? "" : verdict.reason;
  end.error = std::move(verdict.error);
  end.text = head_of(text_, kKeptText);
  redact(options_.redactor, verdict.ending, end);
  end.usage = usage_;
  Backoff backoff;
  for (int refused = 0;;) {
    const auto done = co_await commit(end, verdict.ending);
    if (done) co_return;
    const auto& why = done.error();
    if (is_left(why)) {
      logging::warn("run {}: its end is left to the next process: {}", run_.id.str(),
                    why.message());
      left_ = leaving_;
      co_return;
    }
    if (why.is(Errc::fenced)) co_return;
    if ((why.is(Errc::invalid_argument) || why.is(Errc::too_large)) && ++refused < 3) {
      // Its end is told without what no store takes.
      sink_.discard();
      if (refused == 1) sink_.note_failure("commit", why);
      talk_.messages.resize(talk_.messages.size() - uncommitted_);
      said_ -= std::min(said_, uncommitted_);
      uncommitted_ = 0;
      continue;
    }
    logging::warn("run {}: its end cannot be kept now: {}", run_.id.str(), why.message());
    co_await aio::sleep(env_, backoff.next());
  }
}

Async<Result<store::Committed>> NativeRun::commit(const std::optional<fact::RunEnd>& end,
                                                  Ending ending) {
  if (uncertain_ && (uncertain_->messages > 0 || uncertain_->ends)) {
    if (auto learnt = co_await learn_outcome(); !learnt) co_return fail(learnt.error());
    if (ended_ || (!end && uncommitted_ == 0 && sink_.empty())) co_return store::Committed();
  }
  Caller caller{.origin = "provider:" + run_.provider};
  if (const auto& events = sink_.staged().events; uncommitted_ == 0 && !end && !events.empty()) {
    // Nothing else in it would tell its repetition: no document changes.
    caller.key = store::IdempotencyKey{"run:" + run_.id.str(), events.front().id.str(),
                                       events.back().id.str()};
  }
  Draft draft(env_, log_.store(), std::move(caller));
  if (uncommitted_ > 0 || end) draft.adopt<reeve::Thread>(talk_.version, talk_.thread, run_.thread);
  if (uncommitted_ > 0) {
    fact::MessagesAppended appended{run_.thread, run_.id, talk_.thread.messages + 1, {}};
    for (auto said = talk_.messages.end() - static_cast<std::ptrdiff_t>(uncommitted_);
         said != talk_.messages.end(); ++said)
      appended.messages.push_back(redacted(options_.redactor, *said));
    const auto added = run_.durability == Durability::disabled
                           ? co_await draft.fold_only(appended, env_.now())
                           : co_await draft.add(std::move(appended));
    if (!added) co_return fail(added.error());
  }
  draft.add_staged(sink_.staged());
  draft.require(store::RunAt{run_.id, run_.epoch});
  if (end) {
    draft.adopt<reeve::Run>(run_version_, run_, run_.id);
    if (auto added = co_await draft.add(terminal_fact(ending, *end)); !added)
      co_return fail(added.error());
    draft.write(store::SetRunEpoch{run_.id, std::nullopt});
  }
  const auto* thread = draft.held<reeve::Thread>(run_.thread);
  Uncertain attempt{uncommitted_, end.has_value(),
                    thread != nullptr && *thread ? **thread : talk_.thread};
  auto done = co_await draft.commit();
  if (!done) {
    if (done.error().is(Errc::unknown_outcome)) uncertain_ = std::move(attempt);
    if (done.error().is(Errc::conflict) && end) {
      if (auto read = co_await read_again(); !read) co_return fail(read.error());
    }
    co_return fail(done.error());
  }
  uncertain_.reset();
  happened(std::move(attempt));
  co_return done;
}

void NativeRun::happened(Uncertain commit) {
  sink_.committed();
  uncommitted_ -= commit.messages;
  ended_ = commit.ends;
  if (commit.messages == 0 && !commit.ends) return;  // the conversation was not touched
  talk_.thread = std::move(commit.after);
  ++talk_.version;
}

/// Whether the commit whose outcome was not known has happened: only this run writes to its
/// conversation, each time with messages or its end. What follows may be another commit, since the
/// run may have been stopped meanwhile; nothing has been emitted since.
Async<Status> NativeRun::learn_outcome() {
  auto key = key_of<reeve::Thread>(run_.thread);
  const auto thread = co_await log_.store().get(std::move(key));
  if (!thread) co_return fail(thread.error());
  auto commit = std::move(*uncertain_);
  uncertain_.reset();
  if (*thread && (*thread)->version > talk_.version) happened(std::move(commit));
  co_return Status();
}

/// Somebody has written to our documents: as they are now, then.
Async<Status> NativeRun::read_again() {
  auto run_key = key_of<reeve::Run>(run_.id);
  const auto run = co_await log_.store().get(std::move(run_key));
  if (!run) co_return fail(run.error());
  if (*run) {
    auto now = decode<reeve::Run>(**run);
    if (!now) co_return fail(now.error());
    if (is_ended(now->state)) co_return fail(Errc::fenced, "the run has ended");
    run_ = std::move(*now);
    run_version_ = (*run)->version;
  }
  auto thread_key = key_of<reeve::Thread>(run_.thread);
  const auto thread = co_await log_.store().get(std::move(thread_key));
  if (!thread) co_return fail(thread.error());
  if (!*thread) co_return Status();
  auto now = decode<reeve::Thread>(**thread);
  if (!now) co_return fail(now.error());
  talk_.thread = std::move(*now);
  talk_.version = (*thread)->version;
  co_return Status();
}

}  // namespace reeve::run
