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
#include "run/run_handle.h"
#include "tool/registry.h"

namespace reeve::run {

/// Asks agents of the town on behalf of Invocation, which knows of no town.
class AgentDesk {
 public:
  virtual ~AgentDesk() = default;
  /// Puts the request into the agent's inbox; once for a key. not_found: no such agent.
  virtual Async<Result<Message>> hand_over(EmitRequest request, Caller caller) = 0;
  /// No run begins for the message any more, and one that has it is stopped.
  virtual Async<Status> take_back(MessageId message, std::string reason) = 0;
  /// Stops an agent's run. Nothing happens if it has ended.
  virtual Async<Status> stop_run(RunId run, std::string reason) = 0;
};

/// `emit`: runs of model providers, and of agents, for programs.
///
/// Domain thread only; what it refers to outlives it. close() before it is destroyed.
class Invocation {
 public:
  struct Options {
    Durability durability = Durability::compacted;
    std::size_t history = 200;               ///< NativeOptions::history
    std::size_t conversations = 1024;        ///< kept in memory between two runs of theirs
    log::Redactor redactor;                  ///< NativeOptions::redactor
    const Normaliser* normaliser = nullptr;  ///< NativeOptions::normaliser
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

  /// The handle of a run, whether it goes on or is over. `with_events`: from its beginning; deltas,
  /// from now on. not_found.
  Async<Result<RunHandle>> find(RunId run, bool with_events = false);
  /// The same by what api::Asked calls it.
  Async<Result<RunHandle>> find_asked(std::string id, bool with_events = false);
  [[nodiscard]] std::size_t running() const { return active_.size(); }
  /// Returns when no native run is in progress.
  Async<> wait_idle();
  /// The store is somebody else's now, as `why` (fenced) says: every native run ends, and that is
  /// what whoever waits for one is told.
  void abandon(const Error& why);
  /// Cancels what runs, and waits for its end; where the store is away that is left to the next
  /// process (recover()). What agents were asked stays in their inboxes.
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
  ActivePtr follow_message(const Message& message, Position after, Control control);
  Async<> wait_for_message(ActivePtr active, Message message,
                           std::unique_ptr<log::Subscription> events);
  Async<> end_message(ActivePtr active, std::string why);
  RunHandle handle_of(const ActivePtr& active, std::unique_ptr<log::Subscription> events);
  std::unique_ptr<log::Subscription> events_of(Scope scope, log::From from);
  void stop(Active& active, Stop how, std::string why);
  Async<Result<RunResult>> result_of(RunId run);
  void watch_control(const ActivePtr& active);
  void look_at_control(Active& active);
  void stop_all(const std::string& reason, const Error& leave);
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
  std::map<RunId, ActivePtr> active_;                 // native runs
  std::map<MessageId, std::weak_ptr<Active>> asked_;  // of agents
  std::map<ThreadId, Session> sessions_;
  std::list<ThreadId> recent_;  // sessions that nobody is at, the longest unused first
  bool closing_ = false;
  aio::Signal forgotten_;  // one of active_
  aio::TaskGroup group_;
};

}  // namespace reeve::run
