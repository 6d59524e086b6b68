#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "aio/real_env.h"
#include "aio/task_group.h"
#include "app/library/host.h"
#include "app/library/workers.h"
#include "reeve/town.hpp"

namespace reeve::library {

using aio::Async;
namespace asio = boost::asio;

/// What a v1::Control refers to.
struct Controlled {
  run::Control control;
  run::Control::Watch watch;
};

/// A town behind the public face, wherever it is: its domain thread in this process, what lives on
/// it, and the way to it from other threads. Nothing of the user's ever runs on the domain thread.
///
/// Handles of every kind share it; after close() it only says that it is closed.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  static Result<std::shared_ptr<Engine>> open(const v1::OpenOptions& options);
  static Result<std::shared_ptr<Engine>> connect(const v1::ConnectOptions& options);
  Engine();
  ~Engine();

  // --- Any thread but the domain's
  // ----------------------------------------------------------------

  /// Has `work` done on the domain thread and waits for its answer. unavailable: the town is
  /// closed, or closes meanwhile. `work` makes a coroutine whose parameters are values.
  template <class T>
  Result<T> call(std::function<Async<Result<T>>()> work);
  void close();

  // --- Any thread
  // ---------------------------------------------------------------------------------

  /// Has `work` done on the domain thread, some time. False: the town is closed; it is not done.
  bool post(std::move_only_function<void()> work);
  [[nodiscard]] v1::Control& shared() { return shared_; }
  [[nodiscard]] Workers& workers() { return *workers_; }
  [[nodiscard]] const LogId& log_id() const { return log_id_; }
  /// What a handler gets: the town's data; its cancel() ends the run, if there is one.
  v1::Control control_of(const std::string& run);
  /// Keeps account of what holds a place in the log: it is let go of before the log is.
  void keep(Watched& watched);
  void forget(Watched& watched);

  static run::Control& inner(const v1::Control& control) { return control.state_->control; }
  static v1::Run face(std::shared_ptr<Watched> watched) { return v1::Run(std::move(watched)); }
  static v1::Listener face(std::shared_ptr<Following> following) {
    return v1::Listener(std::move(following));
  }
  v1::Session session(std::string id) { return {shared_from_this(), std::move(id)}; }
  static v1::ToolCall tool_call(std::shared_ptr<ToolState> state) {
    v1::ToolCall call;
    call.state_ = std::move(state);
    return call;
  }
  static v1::Stream stream(std::shared_ptr<StreamState> state) {
    v1::Stream made;
    made.state_ = std::move(state);
    return made;
  }

  // --- Domain thread
  // ------------------------------------------------------------------------------

  struct House;
  [[nodiscard]] House& house() { return *house_; }

 private:
  template <class T>
  static Async<> answer(std::function<Async<Result<T>>()> work,
                        std::shared_ptr<std::promise<Result<T>>> promise);
  static Result<std::shared_ptr<Engine>> start(std::shared_ptr<Engine> engine,
                                               std::unique_ptr<House> house,
                                               std::size_t handler_threads);
  bool spawn(std::move_only_function<Async<>()> work);
  Async<> shut();

  std::unique_ptr<House> house_;
  std::unique_ptr<Workers> workers_;
  v1::Control shared_;
  LogId log_id_;
  std::thread thread_;

  std::mutex mutex_;
  bool closing_ = false;  // no more calls
  bool gone_ = false;     // nothing more at all
  std::promise<void> closed_;
  std::shared_future<void> is_closed_;
  std::set<Watched*> watched_;
};

/// What lives on the domain thread, in the order in which one thing refers to another.
struct Engine::House {
  explicit House(std::size_t blocking_threads);

  asio::io_context loop{1};
  asio::executor_work_guard<asio::io_context::executor_type> open;
  aio::RealEnv env;
  std::unique_ptr<Host> host;
  std::set<std::shared_ptr<Following>> listeners;
  bool closing = false;  ///< nothing that lasts is begun any more
  std::unique_ptr<aio::TaskGroup> group;
};

Error closed_error();
/// Why a town in a daemon takes no function of this program.
Error elsewhere(const char* what);

template <class T>
Async<> Engine::answer(std::function<Async<Result<T>>()> work,
                       std::shared_ptr<std::promise<Result<T>>> promise) {
  Result<T> result = fail(closed_error());
  try {
    result = co_await work();
  } catch (...) {
    const auto thrown = std::current_exception();
    if (!aio::is_cancellation(thrown)) result = fail(Errc::internal, aio::what(thrown));
  }
  promise->set_value(std::move(result));
}

template <class T>
Result<T> Engine::call(std::function<Async<Result<T>>()> work) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  auto future = promise->get_future();
  // The coroutine alone keeps the promise: if it is never begun, the promise breaks.
  if (!spawn([w = std::move(work), p = std::move(promise)]() mutable {
        return answer<T>(std::move(w), std::move(p));
      })) {
    return fail(closed_error());
  }
  try {
    return future.get();
  } catch (const std::future_error&) {
    return fail(closed_error());
  }
}

}  // namespace reeve::library
