#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/task_group.h"
#include "llm/provider.h"
#include "log/durable_sink.h"
#include "model/emit.h"
#include "run/draft.h"
#include "tool/call.h"

namespace reeve::run {

using reeve::RunResult;

/// A conversation while a run is at it, and between two runs of one process: its newest messages,
/// as models are shown them, and the document with its version. Messages are copied nowhere.
struct Conversation {
  reeve::Thread thread;
  std::uint64_t version = 0;  ///< of the thread's document; 0: not in the store yet
  /// The first place is kept for the system's message.
  std::vector<ChatMessage> messages = std::vector<ChatMessage>(1);
};

/// What a native run works with.
struct NativeOptions {
  std::shared_ptr<llm::Provider> provider;
  std::string model;
  std::string system;
  ToolChoice tool_choice;
  Sampling sampling;
  std::shared_ptr<const tool::Registry> tools;  ///< never null
  tool::Approver* approver = nullptr;           ///< null: everything is allowed
  std::int64_t max_steps = 50;
  /// Messages of the conversation that a model is shown, at most; older ones stay in the store.
  std::size_t history = 200;
  log::Redactor redactor;  ///< of what is kept and shown; empty: nothing is taken out
  const Normaliser* normaliser = nullptr;  ///< null: the standard one; outlives the run
  std::size_t concurrent_calls = 1;        ///< tool calls of one step that run at the same time
};

/// How a run is ended from outside.
enum class Stop {
  cancel,   ///< RunCancelled; what the model had said by then stays in the conversation
  abort,    ///< RunCancelled; what was not committed yet is forgotten
  timeout,  ///< RunFailed with the code `timeout`
};

/// One run of a model provider: model call, tool calls, until the model asks for none.
///
///  * G7  execute() commits exactly one terminal fact, whatever happens.
///  * G8  every commit carries the run's epoch, and none comes after the end.
///  * A step's answer is committed before its calls run, and their results before the model is
///    asked again.
///  * A stop takes effect at once, inside a model call or a tool.
///  * What it holds is bounded however much the model says: it is committed while the model speaks,
///    and a listener that blocks (SlowPolicy::block) slows the model down.
///
/// Domain thread only; what it refers to outlives it.
class NativeRun {
 public:
  /// `run` and `talk` as they are once the run's start is committed; the input is in them.
  NativeRun(Env& env, log::Log& log, NativeOptions options, reeve::Run run, Conversation talk,
            std::size_t input_messages);

  /// Once. Only settling outlasts a cancellation of the caller: nothing more of the run begins.
  Async<RunResult> execute();
  /// Asks for the end; the first one counts. `interrupt` ends what execute() waits for.
  void stop(Stop how, std::string why, const std::function<void()>& interrupt);

  /// If the store refuses the run's end with the code of `why`, it is left to the next process
  /// (Invocation::recover()). The first one counts.
  void leave(Error why) {
    if (!leaving_) leaving_ = std::move(why);
  }
  /// After execute(): why the end was left and its result is none; nothing: it is committed.
  [[nodiscard]] const std::optional<Error>& left() const { return left_; }

  void set_concurrent_calls(std::size_t calls) { options_.concurrent_calls = calls; }
  [[nodiscard]] const reeve::Run& run() const { return run_; }
  /// The conversation as it stands after execute().
  [[nodiscard]] Conversation take_conversation() && { return std::move(talk_); }

 private:
  struct Verdict {
    Ending ending = Ending::completed;
    std::string reason;
    std::string error;
  };
  /// A commit whose outcome is not known.
  struct Uncertain {
    std::size_t messages = 0;
    bool ends = false;
    reeve::Thread after;
  };
  struct Stopped {
    Stop how;
    std::string why;
  };

  Async<Verdict> work();
  Async<std::optional<Verdict>> step(std::int64_t number);
  llm::OnEvent while_it_answers();
  Async<> make_room();
  Async<> call_tools(const std::vector<ToolCall>& calls);
  Async<> call_some(const std::vector<ToolCall>* calls, std::size_t* next,
                    std::vector<std::optional<ToolCallDone>>* results);
  Async<ToolCallDone> call_tool(const ToolCall& call, std::size_t index);
  Async<> settle(Verdict verdict);
  /// Commits what has been said since the last time. Throws GaveUp if that cannot be.
  Async<> checkpoint();
  Async<Result<store::Committed>> commit(const std::optional<fact::RunEnd>& end, Ending ending);
  Async<Status> learn_outcome();
  void happened(Uncertain commit);
  Async<Status> read_again();
  void add_message(ChatMessage message);
  void repair_conversation();
  void emit(const AgentEvent& event);
  [[nodiscard]] bool is_left(const Error& why) const {
    return leaving_ && why.is(leaving_->code());
  }

  Env& env_;
  log::Log& log_;
  NativeOptions options_;
  reeve::Run run_;
  Conversation talk_;
  std::vector<ToolDescriptor> tools_;
  log::DurableSink sink_;
  std::uint64_t run_version_ = 1;
  std::size_t uncommitted_ = 0;  // messages at the end of the conversation
  std::optional<Uncertain> uncertain_;
  bool ended_ = false;   // its terminal fact is committed
  std::string partial_;  // what the model has said of the answer that it is giving
  std::string text_;
  Usage usage_;
  std::int64_t steps_ = 0;
  std::size_t said_;  // messages of the run at the end of the conversation
  std::optional<Stopped> stopped_;
  bool working_ = false;  // what it waits for may be interrupted
  bool settling_ = false;
  std::optional<Error> leaving_;
  std::optional<Error> left_;
};

}  // namespace reeve::run
