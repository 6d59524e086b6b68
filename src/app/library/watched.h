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

/// What the copies of a v1::Run share.
class Watched : public std::enable_shared_from_this<Watched> {
 public:
  using Timeout = std::optional<std::chrono::milliseconds>;

  /// Domain thread. Learns of the run's end by itself.
  static std::shared_ptr<Watched> make(Engine& engine, Asked live);
  Watched(std::shared_ptr<Engine> engine, Asked live);
  ~Watched();

  // --- Any thread but the domain's
  // ----------------------------------------------------------------

  [[nodiscard]] std::string id() const;
  [[nodiscard]] std::string session() const;
  [[nodiscard]] bool is_finished() const;
  v1::Result<v1::RunResult> wait(Timeout timeout) const;
  v1::Result<std::optional<v1::Event>> next(Timeout timeout);
  void stop(run::Stop how, std::string reason);

  Asked live;  ///< domain thread

 private:
  struct Read {
    std::vector<v1::Event> events;
    bool over = false;
  };
  static Async<> follow_end(std::shared_ptr<Watched> self);
  static Async<Result<Read>> read(std::shared_ptr<Watched> self, Timeout timeout);
  void finish(Result<RunResult> result);

  std::shared_ptr<Engine> engine_;
  aio::Stop* reading_ = nullptr;  // domain thread: pulled to have a reader look again
  bool is_mute_ = false;          // domain thread: no event will come

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
