#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/durable_sink.h"
#include "proc/dialect/dialect.h"
#include "proc/spawner.h"
#include "run/runs.h"

namespace reeve::run {

/// How far a round's output has got into the log: bookkeeping that is committed with the events
/// themselves, so that no byte is told twice and none is missed.
struct RoundProgress {
  std::uint64_t out = 0;
  std::uint64_t err = 0;
  std::string dialect;
  json::object dialect_state;
  Usage usage;
  double cost_usd = 0;
  log::SinkState sink;
  bool silence_told = false;
  bool resumes = false;          ///< the vendor's session of an earlier run goes on
  std::optional<Time> retry_at;  ///< when its vendor takes requests again, where it said so
};
BOOST_DESCRIBE_STRUCT(RoundProgress, (),
                      (out, err, dialect, dialect_state, usage, cost_usd, sink, silence_told,
                       resumes, retry_at))

/// One CLI round: reads what its process says, commits it, and settles its end. Owned by Runs.
class CliRound {
 public:
  /// `agent` as it was when the run began or was taken up.
  CliRound(Runs& runs, Agent agent, reeve::Run run);

  /// A fresh round: adds its progress, at the beginning, to the commit of the run's start.
  /// `resumes`: it goes on with the vendor's session of earlier runs.
  Status prepare(Draft& draft, const std::string& dialect, bool resumes);
  /// ... and begins the process, once that is committed.
  Async<Status> launch(proc::RoundSpec spec, std::string stdin_text);
  /// A round of an earlier daemon. not_found: its process was never begun. Any other error: it
  /// cannot be gone on with; where it has a process, pump() ends that first.
  Async<Status> take_up();

  /// Pumps until the run is over and its terminal fact committed. Cancellable: the round goes on
  /// without it.
  Async<> pump();
  /// Ends a run that this executor cannot go on with (a broken invariant), and its process.
  Async<> give_up(std::string why);
  /// Ends a run that has no process; as long as that fails it tries again ...
  Async<> settle(RunFinished verdict, bool started, std::optional<proc::Exit> exit);
  /// ... or says why it fails.
  Async<Status> settle_now(RunFinished verdict, bool started, std::optional<proc::Exit> exit);

  void stop(proc::Urgency urgency, std::string reason);
  /// After an error: whether it was the run's own document, which can be read again now. Its end
  /// tells of it.
  Async<bool> mended(Error error);
  [[nodiscard]] const reeve::Run& run() const { return run_; }
  [[nodiscard]] bool has_process() const { return round_ != nullptr; }

 private:
  Async<Status> restore_progress();
  Async<> abandon(Error why);
  Async<bool> read_some();
  Async<bool> read_stream(proc::OutputStream stream);
  /// Takes what the dialect read: into what is committed next, or out to whoever follows live.
  /// `number` is the event's place in the output, which numbers it if it is a delta.
  void digest(const AgentEvent& event, std::uint64_t number);
  [[nodiscard]] log::DurableSink& sink();
  /// Commits what was digested together with how far that is. False: this executor has been fenced
  /// off.
  Async<bool> flush();
  Async<Result<store::Committed>> try_flush();
  Async<Status> add_digested(Draft& draft);
  bool give_up_digested(const Error& error);
  /// After an unknown outcome or a lost race: whether the store's progress is ours already.
  Async<bool> was_committed();
  Async<bool> watch_silence();
  /// Ends a round that uses more than its agent has left (AgentLimits).
  void watch_budget();
  Async<Status> try_settle(const RunFinished& verdict, bool started,
                           const std::optional<proc::Exit>& exit);
  [[nodiscard]] proc::ProcessEnd how_it_ended() const;

  Runs& runs_;
  Agent agent_;
  reeve::Run run_;
  std::unique_ptr<proc::Dialect> dialect_;
  std::unique_ptr<proc::Round> round_;
  RoundProgress progress_;              // as of the lines that were digested
  std::uint64_t progress_version_ = 0;  // of its document; 0: not written yet
  std::optional<log::DurableSink> sink_;
  std::vector<Fact> facts_;           // digested, not committed yet
  std::chrono::nanoseconds heard_{};  // when it last said something
  std::optional<Error> unreadable_;   // why it can only be ended
  std::string damage_;                // why the run's document was made anew
  bool fenced_ = false;
  bool over_budget_ = false;  // and asked to stop for it
  bool gave_up_ = false;      // on events: what is said instead has not been committed yet
  bool out_ended_ = false;
  bool err_ended_ = false;
  aio::Signal noticed_;
  std::unique_ptr<Env::Timer> silence_;
};

}  // namespace reeve::run
