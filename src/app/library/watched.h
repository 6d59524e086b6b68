#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aio/within.h"
#include "app/library/engine.h"

namespace reeve::library {

/// What of a run is tied to the domain thread.
struct Live {
  run::RunHandle handle;
  std::shared_ptr<log::Subscription> replay;  ///< instead of the handle's events

  [[nodiscard]] log::Subscription* events() const {
    return replay ? replay.get() : handle.events();
  }
};

/// What the copies of a v1::Run share.
class Watched : public std::enable_shared_from_this<Watched> {
 public:
  using Timeout = std::optional<std::chrono::milliseconds>;

  /// Domain thread. Learns of the run's end by itself.
  static std::shared_ptr<Watched> make(Engine& engine, Live live);
  Watched(std::shared_ptr<Engine> engine, Live live);
  ~Watched();

  // --- Any thread but the domain's
  // ----------------------------------------------------------------

  [[nodiscard]] std::string id() const;
  [[nodiscard]] std::string session() const;
  [[nodiscard]] bool is_finished() const;
  v1::Result<v1::RunResult> wait(Timeout timeout) const;
  v1::Result<std::optional<v1::Event>> next(Timeout timeout);
  void stop(run::Stop how, std::string reason);

  Live live;  ///< domain thread

 private:
  struct Read {
    std::vector<v1::Event> events;
    bool over = false;
  };
  static Async<> follow_end(std::shared_ptr<Watched> self);
  static Async<Result<Read>> read(std::shared_ptr<Watched> self, Timeout timeout);
  void finish(Result<run::RunResult> result);

  std::shared_ptr<Engine> engine_;
  aio::Stop* reading_ = nullptr;  // domain thread: pulled to have a reader look again
  bool is_mute_ = false;          // domain thread: no event will come
  const RunId first_id_;

  mutable std::mutex mutex_;
  mutable std::condition_variable finished_;
  std::string id_;
  std::string session_;
  std::optional<v1::Result<v1::RunResult>> result_;

  std::mutex reader_;  // one at a time
  std::deque<v1::Event> ready_;
  bool over_ = false;
};

}  // namespace reeve::library
