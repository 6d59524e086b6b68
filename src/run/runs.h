#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "log/durable_sink.h"
#include "log/follower.h"
#include "log/log.h"
#include "model/agent.h"
#include "model/run.h"
#include "proc/spawner.h"
#include "run/draft.h"
#include "run/round_folders.h"

namespace reeve::run {

class CliRound;

/// Lets others join a run's beginning and end: what changes with it is in the same commit.
class Participant {
 public:
  virtual ~Participant() = default;
  /// Adds what goes with the start: tasks that begin, messages that leave their queue.
  virtual Async<Status> at_start(Draft& draft, const reeve::Run& run) = 0;
  /// Adds what goes with the end, and names in `end.messages` those that are handled. `ending` is
  /// what the run's terminal fact will be; `started` is false when its CLI never ran.
  virtual Async<Status> at_end(Draft& draft, const reeve::Run& run, Ending ending, bool started,
                               fact::RunEnd& end) = 0;
};

/// What a run is started with.
struct RunRequest {
  Agent agent;
  std::vector<MessageId> messages;
  std::optional<TaskId> task;
  std::string prompt;
};

/// Executes runs: starts them, turns what their processes say into the log, ends them, and takes up
/// after a restart what an earlier daemon began.
///
///  * G7  every run gets exactly one terminal fact: from here, in one commit with what the
///  Participant adds.
///  * G8  every commit of a run carries its epoch.
///  * G12 destroying a Runs lets go of the processes; they go on, and recover() of the next one
///  takes them up.
///
/// Domain thread only. What it refers to outlives it. close() before it is destroyed.
class Runs {
 public:
  struct Options {
    std::filesystem::path rounds;  ///< a folder for each round
    std::filesystem::path root;    ///< where agents work
    std::string town;              ///< its name
    /// The environment that children are made from (proc/environment.h filters it).
    std::map<std::string, std::string> environment;
    /// Added to every child's: the socket, the path to this program, ...
    std::map<std::string, std::string> additions;
    log::Redactor redactor;                  ///< of what runs say; empty: nothing is taken out
    const Normaliser* normaliser = nullptr;  ///< null: the standard one
    std::size_t kept_rounds = 100;  ///< folders of ended rounds that are kept for `reeve logs`
  };

  Runs(Env& env, aio::asio::any_io_executor executor, log::Log& log, proc::Spawner& spawner,
       Participant& participant, Options options);
  ~Runs();

  /// Takes up every run that is not over; answers how many go on. One whose document is damaged is
  /// given up; one whose agent cannot be read is left as it is, for a later daemon.
  Async<Result<std::size_t>> recover();
  /// Commits RunStarted and lets the round begin. conflict: somebody else changed what it takes:
  /// look again.
  Async<Result<RunId>> start(RunRequest request);
  /// Ends a run whose stop has been requested in the log (fact::RunStopRequested); else nothing
  /// happens.
  void stop(RunId run, proc::Urgency urgency);
  /// From now on no run begins; start() answers unavailable.
  void hold() { holding_ = true; }
  /// Holds, commits the request for every run in progress, and ends them.
  Async<Status> stop_all(std::string reason);
  /// Where the store takes nothing any more: holds, and asks the processes of every run in progress
  /// to end. What became of them stays in their folders.
  void stop_unkept(const std::string& reason);
  [[nodiscard]] std::size_t running() const { return rounds_.size(); }
  /// Returns when no run is in progress or about to begin.
  Async<> wait_idle();
  /// Lets go of what runs; it goes on without this daemon.
  Async<> close();

 private:
  friend class CliRound;
  Async<> follow_stops(log::Follower requests);
  Async<Result<std::map<std::string, std::string>>> variables_of(AgentId agent);
  Async<Result<RunId>> begin(RunRequest request);
  /// Whether the run is in the store: asked until the store answers.
  Async<bool> is_there(RunId run);
  Async<Status> request_stop(RunId run, std::string reason);
  Async<> execute(std::shared_ptr<CliRound> round);
  Async<> settle_later(std::shared_ptr<CliRound> round, RunFinished verdict, bool begun);
  /// Which runs there are to be taken up, and of which the folders are kept (damaged_runs.cc).
  Async<Result<std::vector<reeve::Run>>> open_rounds();
  Async<> give_up(Damaged damaged);
  Async<Status> try_give_up(const Damaged& damaged);
  Async<Result<reeve::Run>> run_of_log(reeve::Run known);
  /// Makes the document of a run in progress anew if it cannot be read, and answers why it could
  /// not be; empty: nothing was wrong with it. `known`: the run as it was at some time.
  Async<Result<std::string>> mend(reeve::Run known);
  Async<> end_process(RunId run);
  Async<> tidy_leftovers();
  Async<> tidy(std::vector<RunId> ended);
  void ended(RunId run);

  Env& env_;
  aio::asio::any_io_executor executor_;
  log::Log& log_;
  proc::Spawner& spawner_;
  Participant& participant_;
  Options options_;
  std::map<RunId, std::shared_ptr<CliRound>> rounds_;
  std::set<RunId> kept_;  // whose folders stay: they could not be read, or their agents
  bool holding_ = false;
  std::optional<std::string> stopping_all_;
  std::size_t starting_ = 0;  // calls of start() that have not answered yet
  aio::Signal changed_;
  aio::TaskGroup group_;
};

/// The token that commands inside a round carry (G8): "RUN.EPOCH".
std::string round_token(const RunId& run, std::uint64_t epoch);
Result<Caller::Round> parse_round_token(std::string_view token);

}  // namespace reeve::run
