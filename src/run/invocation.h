#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "llm/registry.h"
#include "log/log.h"
#include "run/control.h"
#include "run/native_run.h"
#include "tool/registry.h"

namespace reeve::run {

/// What is asked of a model, or of an agent of the town: one of `provider` and `agent` is set.
struct EmitRequest {
  std::string provider;
  std::string agent;  ///< a name or an id: the input goes into its inbox
  std::string model;  ///< empty: the provider's default
  std::vector<ChatPart> input;
  std::string system;
  std::optional<ThreadId> session;  ///< empty: a new conversation
  /// The same id with the same request has no second effect, and gives the first result (for
  /// limits::kIdempotencyTtl); with another request it is a conflict.
  std::optional<std::string> client_request_id;
  json::value metadata;
  ToolChoice tool_choice;
  Sampling sampling;
  std::optional<std::vector<std::string>> tools;  ///< by name; empty: all that there are
  std::optional<Durability> durability;           ///< empty: the town's default
  std::int64_t max_steps = 50;

  static EmitRequest ask(std::string provider, std::string model, std::string text);
};
BOOST_DESCRIBE_STRUCT(EmitRequest, (),
                      (provider, agent, model, input, system, session, client_request_id, metadata,
                       tool_choice, sampling, tools, durability, max_steps))
/// invalid_argument: it names no provider and no agent, or both; or it says nothing.
Status check(const EmitRequest& request);

/// What a run is doing, for those who asked for it. Shared by all handles of one run.
class Pending {
 public:
  explicit Pending(aio::asio::any_io_executor executor) : changed(std::move(executor)) {}
  RunId run;
  ThreadId session;
  std::optional<Result<RunResult>> result;
  bool began = false;
  std::function<void(Stop, std::string)> stop;  ///< empty once it is over
  aio::Signal changed;
};

/// A run that was asked for. Letting go of it ends nothing; copies share the run. Domain thread
/// only.
class RunHandle {
 public:
  RunHandle() = default;
  RunHandle(std::shared_ptr<Pending> pending, std::shared_ptr<log::Subscription> events)
      : pending_(std::move(pending)), events_(std::move(events)) {}

  [[nodiscard]] RunId run() const { return pending_->run; }
  [[nodiscard]] ThreadId session() const { return pending_->session; }
  [[nodiscard]] bool is_finished() const { return pending_->result.has_value(); }
  /// Waits for the run's end. cancelled: it was cancelled before it began. A run that failed or was
  /// cancelled has a result, and no error.
  Async<Result<RunResult>> result();
  /// Everything of the run: its deltas, and its events from RunStarted to the terminal one. Null
  /// unless it was asked for.
  [[nodiscard]] log::Subscription* events() const { return events_.get(); }
  void cancel(std::string reason = "cancelled");
  void abort(std::string reason = "aborted");

 private:
  std::shared_ptr<Pending> pending_;
  std::shared_ptr<log::Subscription> events_;
};

/// Asks agents of the town on behalf of Invocation, which knows of no town.
class AgentDesk {
 public:
  virtual ~AgentDesk() = default;
  /// Puts the request into the agent's inbox; once for a key. not_found: no such agent.
  virtual Async<Result<Message>> hand_over(const EmitRequest& request, Caller caller) = 0;
  /// Ends the run, or takes a message back that no run has yet.
  virtual Async<Status> take_back(Message message, std::string reason) = 0;
};

/// `emit`: runs of model providers, and of agents, for programs.
///
/// Domain thread only; what it refers to outlives it. close() before it is destroyed.
class Invocation {
 public:
  struct Options {
    Durability durability = Durability::compacted;
    std::size_t history = 200;         ///< NativeOptions::history
    std::size_t conversations = 1024;  ///< kept in memory between two runs of theirs
  };

  Invocation(Env& env, aio::asio::any_io_executor executor, log::Log& log, llm::Registry& providers,
             tool::Registry& tools, Options options);
  ~Invocation();

  /// Without a desk no agent can be asked.
  void set_desk(AgentDesk& desk) { desk_ = &desk; }
  /// Data that every call's Control sees.
  [[nodiscard]] Control& shared() { return shared_; }

  /// Ends the native runs that an earlier process left open; answers how many.
  Async<Result<std::size_t>> recover();

  /// Asks. Answers when the run has begun (RunStarted is committed) or waits for its turn behind an
  /// earlier run of its session. cancelled: `control` was cancelled before. not_found: no such
  /// provider, agent, model, session or tool. conflict: the client request id with another request.
  Async<Result<RunHandle>> emit(EmitRequest request, Control control = {},
                                bool with_events = false);
  /// The same with a function that configures the call before it begins: it is given the control,
  /// and answers the request.
  using Configure = std::function<Async<Result<EmitRequest>>(Control&)>;
  Async<Result<RunHandle>> emit(Configure configure, bool with_events = false);

  /// The handle of a run that goes on here, or of one that is over. not_found: neither.
  Async<Result<RunHandle>> find(RunId run);
  [[nodiscard]] std::size_t running() const { return active_.size(); }
  /// Cancels what runs, and waits for its end.
  Async<> close();

 private:
  struct Active;
  using ActivePtr = std::shared_ptr<Active>;
  /// The runs of one session, one at a time, and its conversation between them.
  struct Session {
    std::optional<Conversation> kept;
    bool busy = false;
    std::deque<std::shared_ptr<aio::Signal>> waiting;
    std::optional<std::list<ThreadId>::iterator> recent;  // its place there, while nobody is at it
  };

  Async<Result<RunHandle>> emit_native(EmitRequest request, Control control, bool with_events);
  Async<Result<RunHandle>> emit_agent(EmitRequest request, Control control, bool with_events);
  Async<Result<NativeOptions>> options_for(const EmitRequest& request);
  Async<> execute(ActivePtr active);
  Async<> wait_and_execute(ActivePtr active);
  Async<Status> take_turn(ActivePtr active);
  void end_turn(const ThreadId& session);
  Async<Result<Conversation>> open_conversation(const Active& active);
  Async<Status> begin(ActivePtr active);
  Async<Result<store::Committed>> commit_start(Active& active, Conversation& talk, Time started_at);
  Async<> follow_run(ActivePtr active, std::unique_ptr<log::Subscription> events);
  Async<> follow_message(ActivePtr active, Message message,
                         std::unique_ptr<log::Subscription> events);
  RunHandle handle_of(const ActivePtr& active, std::shared_ptr<log::Subscription> events);
  Async<Result<RunResult>> result_of(RunId run);
  void watch_control(const ActivePtr& active);
  void look_at_control(Active& active);
  void forget(const RunId& run);
  void finish(Active& active, Result<RunResult> result);
  void forget_conversations();

  Env& env_;
  aio::asio::any_io_executor executor_;
  log::Log& log_;
  llm::Registry& providers_;
  tool::Registry& tools_;
  Options options_;
  AgentDesk* desk_ = nullptr;
  Control shared_;
  std::map<RunId, ActivePtr> active_;
  std::map<ThreadId, Session> sessions_;
  std::list<ThreadId> recent_;  // sessions that nobody is at, the longest unused first
  bool closing_ = false;
  aio::Signal forgotten_;  // one of active_
  aio::TaskGroup group_;
};

}  // namespace reeve::run
