#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aio/signal.h"
#include "aio/within.h"
#include "app/library/engine.h"

namespace reeve::library {

/// What a v1::Listener refers to: takes events from a place in the log and has them handled on the
/// engine's workers, those of one run in order and one at a time.
class Following : public std::enable_shared_from_this<Following> {
 public:
  Following(std::shared_ptr<Engine> engine, v1::OnOptions options, v1::Handler handler,
            run::Control control);

  // --- Domain thread
  // ------------------------------------------------------------------------------

  /// Begins, once.
  static void start(const std::shared_ptr<Following>& self, std::unique_ptr<Feed> from);
  void stop_soon();

  // --- Any thread but the domain's
  // ----------------------------------------------------------------

  void drain();
  void stop();

  // --- Any thread
  // ---------------------------------------------------------------------------------

  [[nodiscard]] bool is_finished() const;
  [[nodiscard]] std::optional<v1::Error> error() const;
  [[nodiscard]] std::string cursor() const;
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> missed{0};

 private:
  struct Item {
    std::uint64_t order = 0;  // in which it came
    v1::Event event;
  };
  /// The events of one run that wait. Nobody takes from it while one of them is being handled.
  struct Lane {
    std::deque<Item> items;
    bool busy = false;
  };
  struct Job {
    std::vector<v1::Event> events;
    std::set<std::string> lanes;
  };

  static Async<> follow(std::shared_ptr<Following> self, std::unique_ptr<Feed> from);
  Async<std::optional<Result<std::vector<Frame>>>> look(Feed& from);
  static Async<> drain_to_head(std::shared_ptr<Following> self);
  void take(const Frame& frame);
  void add(v1::Event event);
  void begin_jobs();
  Job next_job(std::size_t limit);
  void pop(const std::string& lane, Job& job);
  void do_job(Job& job);
  void handle(const v1::Event& event, v1::Session& session, v1::Control& control);
  void end_job(const Job& job);
  [[nodiscard]] std::size_t limit() const;
  void note_progress();
  void wait_until_finished();

  std::shared_ptr<Engine> engine_;
  const v1::OnOptions options_;
  const v1::Handler handler_;
  run::Control control_;

  // Domain thread.
  std::map<std::string, Lane> lanes_;                     // by run; "": of none
  std::set<std::pair<std::uint64_t, std::string>> free_;  // lanes with work, by their first's order
  std::set<std::uint64_t> unhandled_;                     // positions
  std::uint64_t came_ = 0;
  std::uint64_t looked_at_ = 0;   // position
  std::size_t waiting_ = 0;       // events in lanes
  std::size_t running_ = 0;       // jobs
  std::optional<Position> last_;  // where draining ends
  std::optional<Error> broke_;
  aio::Stop* looking_ = nullptr;
  aio::Signal changed_;
  run::Control::Watch watch_;

  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> done_{0};  // position
  mutable std::mutex mutex_;
  std::condition_variable finish_;
  bool finished_ = false;
  std::optional<v1::Error> error_;
};

}  // namespace reeve::library
