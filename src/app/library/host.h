#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/registry.h"
#include "log/log.h"
#include "reeve/town.hpp"
#include "run/run_handle.h"
#include "tool/registry.h"

/// The town behind the public face, wherever it is: in this process (local_host.h) or in a daemon
/// (remote_host.h).
namespace reeve::library {

using aio::Async;

/// Frames, from somewhere. One reader; domain thread.
class Feed {
 public:
  virtual ~Feed() = default;
  /// Waits for more. Empty: that was all (of one run; what follows a log never ends).
  virtual Async<Result<std::vector<Frame>>> next() = 0;
  /// Everything up to here has been told, or is not for this reader.
  [[nodiscard]] virtual Position position() const = 0;
};

/// A run that was asked for, and its events where they were asked for too.
struct Asked {
  run::RunHandle handle;
  std::shared_ptr<Feed> events;
};

struct FollowOptions {
  v1::From from;
  store::EventFilter filter;
  bool deltas = false;
  std::size_t delta_capacity = 1024;
  bool block = false;
};

struct Page {
  std::vector<EventPtr> events;
  Position reached;
  bool at_end = false;
};

/// Domain thread only. Errors: those of the public function that asks.
class Host {
 public:
  virtual ~Host() = default;

  /// Before everything else.
  virtual Async<Status> begin() = 0;
  [[nodiscard]] virtual LogId log_id() const = 0;
  virtual Async<Result<Asked>> emit(EmitRequest request, run::Control control,
                                    bool with_events) = 0;
  virtual Async<Result<Asked>> find(RunId run) = 0;
  /// Of an agent, too. Nothing happens if it is over.
  virtual Async<> cancel_run(RunId run, std::string reason) = 0;

  virtual Async<Result<std::unique_ptr<Feed>>> follow(FollowOptions options) = 0;
  virtual Async<Result<Page>> read(std::string after, store::EventFilter filter,
                                   std::size_t limit) = 0;
  virtual Async<Result<Position>> head() = 0;

  virtual Async<Status> put_data(ThreadId session, std::string key, std::string json) = 0;
  virtual Async<Result<std::optional<std::string>>> get_data(ThreadId session, std::string key) = 0;
  virtual Async<Status> remove_data(ThreadId session, std::string key) = 0;

  /// A request of the API (docs/api.md); the answer's body. Errors: what the town says; timeout.
  virtual Async<Result<std::string>> ask(std::string method, std::string target, std::string body,
                                         std::optional<std::chrono::milliseconds> timeout) = 0;

  /// Null: the town is not in this process, and cannot call what is.
  [[nodiscard]] virtual llm::Registry* providers() = 0;
  [[nodiscard]] virtual tool::Registry* tools() = 0;
  virtual void count_handler_failure() = 0;

  /// What runs here is cancelled and joined.
  virtual Async<> close() = 0;
  /// ... and nobody has a feed any more.
  virtual Async<> close_store() = 0;
};

}  // namespace reeve::library
