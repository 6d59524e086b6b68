#include "run/cli_round.h"

#include <exception>

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/limits.h"
#include "base/logging.h"
#include "base/utf8.h"
#include "event/normaliser.h"
#include "proc/dialect/failure.h"
#include "proc/dialect/reset_time.h"
#include "proc/terminal_text.h"
#include "run/ending.h"
#include "run/redact.h"

namespace reeve::run {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kKeptText = 64 << 10;
constexpr std::size_t kLastLines = 2 << 10;
constexpr std::size_t kLastLine = 200;

std::string origin_of(const Agent& agent) { return "agent:" + agent.name; }

/// Why a CLI did not run: it cannot be run at all, or this machine is in trouble just now.
std::string spawn_code(const proc::SpawnError& error) {
  const auto code = std::string_view(error.code);
  if (code == describe(Errc::unavailable).name || code == describe(Errc::storage_full).name)
    return error.code;
  return std::string(enum_name(proc::Failure::spawn_failed));
}

}  // namespace

CliRound::CliRound(Runs& runs, Agent agent, reeve::Run run)
    : runs_(runs), agent_(std::move(agent)), run_(std::move(run)), noticed_(runs.executor_) {}

Status CliRound::prepare(Draft& draft, const std::string& dialect, bool resumes) {
  auto made = proc::make_dialect(dialect);
  if (!made) return fail(made.error());
  dialect_ = std::move(*made);
  if (resumes) dialect_->resumes(agent_.usage);
  progress_.dialect = dialect;
  progress_.resumes = resumes;
  progress_.dialect_state = dialect_->save();
  progress_version_ = 1;
  draft.write(store::PutDoc{{kRoundKind, run_.id.str()}, write_json_of(progress_), {}});
  return {};
}

Async<Status> CliRound::launch(proc::RoundSpec spec, std::string stdin_text) {
  heard_ = runs_.env_.uptime();
  proc::Spawner::Start start;
  start.dir = round_folder(runs_.options_.rounds, run_.id);
  start.spec = std::move(spec);
  start.stdin_text = std::move(stdin_text);
  start.notice = [this] { noticed_.notify(); };
  using Started = std::shared_ptr<Result<std::unique_ptr<proc::Round>>>;
  auto begin = [this, s = std::move(start)](std::move_only_function<void(Started)> resume) mutable {
    runs_.spawner_.start(
        std::move(s), [r = std::move(resume)](Result<std::unique_ptr<proc::Round>> result) mutable {
          r(std::make_shared<Result<std::unique_ptr<proc::Round>>>(std::move(result)));
        });
  };
  auto started = co_await aio::suspend<Started>(std::move(begin));
  if (!*started) co_return fail(started->error());
  round_ = std::move(**started);
  // Somebody may have asked for its end while it was being started.
  if (run_.stopping) stop(proc::Urgency::gentle, *run_.stopping);
  co_return Status();
}

/// not_found: there is none. Any other error: it cannot be read.
Async<Status> CliRound::restore_progress() {
  store::DocKey key{kRoundKind, run_.id.str()};
  auto doc = co_await runs_.log_.store().get(std::move(key));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return fail(Errc::not_found, "the round was never begun");
  const auto unreadable = [](const Error& why) {
    return fail(Error(Errc::corrupt, why.message()).during("its progress"));
  };
  auto progress = parse_json_as<RoundProgress>((*doc)->body);
  if (!progress) co_return unreadable(progress.error());
  auto made = proc::make_dialect(progress->dialect);
  if (!made) co_return unreadable(made.error());
  const auto restored = (*made)->restore(progress->dialect_state);
  if (!restored) co_return unreadable(restored.error());
  progress_ = std::move(*progress);
  progress_version_ = (*doc)->version;
  dialect_ = std::move(*made);
  co_return Status();
}

Async<Status> CliRound::take_up() {
  auto restored = co_await restore_progress();
  if (!restored && restored.error().is(Errc::not_found)) co_return restored;
  if (!restored) unreadable_ = restored.error();
  heard_ = runs_.env_.uptime();

  proc::Spawner::Attach attach;
  attach.dir = round_folder(runs_.options_.rounds, run_.id);
  attach.offsets = {.out = progress_.out, .err = progress_.err};
  attach.notice = [this] { noticed_.notify(); };
  auto attached = runs_.spawner_.attach(std::move(attach));
  if (!attached) co_return fail(unreadable_.value_or(attached.error()));
  round_ = std::move(*attached);
  if (unreadable_) co_return restored;
  if (run_.stopping) stop(proc::Urgency::gentle, *run_.stopping);
  co_return Status();
}

void CliRound::stop(proc::Urgency urgency, std::string reason) {
  if (!run_.stopping) run_.stopping = reason;
  if (!round_) return;
  proc::StopRequest request;
  request.reason = std::move(reason);
  request.urgency = urgency;
  if (auto asked = round_->stop(request); !asked) {
    logging::warn("run {}: cannot ask it to stop: {}", run_.id.str(), asked.error().message());
  }
}

/// Nobody can say what its process does from here on: it must not go on when its run has ended.
Async<> CliRound::abandon(Error why) {
  logging::error("run {} cannot be gone on with: {}", run_.id.str(), why.message());
  proc::StopRequest request;
  request.reason = "lost";
  request.urgency = proc::Urgency::now;
  for (bool asked = false; !proc::is_over(round_->state().phase);) {
    if (!asked) {
      const auto status = round_->stop(request);
      asked = status.has_value();
      if (!asked) {
        logging::warn("run {}: cannot ask it to stop: {}", run_.id.str(), status.error().message());
        co_await aio::sleep(runs_.env_, Backoff::kLast);
      }
      continue;
    }
    co_await noticed_.wait();
  }
  RunFinished verdict;
  verdict.ending = Ending::error;
  verdict.code = "lost_result";
  verdict.message = why.message();
  co_await settle(std::move(verdict), true, round_->state().exit);
}

Async<> CliRound::pump() {
  if (unreadable_) co_return co_await abandon(*unreadable_);
  for (;;) {
    watch_budget();
    const auto phase = round_->state().phase;
    if (co_await read_some()) continue;
    if (fenced_) co_return;
    if (round_->state().phase != phase) continue;
    if (proc::is_over(phase) && out_ended_ && err_ended_) break;
    if (co_await watch_silence()) continue;
    if (fenced_) co_return;
    co_await noticed_.wait();
  }
  silence_.reset();
  const auto exit = round_->state().exit;
  if (exit && exit->spawn_error) {
    RunFinished verdict;
    verdict.ending = Ending::error;
    verdict.code = spawn_code(*exit->spawn_error);
    verdict.message = exit->spawn_error->text;
    co_await settle(std::move(verdict), false, exit);
    co_return;
  }
  std::vector<AgentEvent> rest;
  auto verdict = dialect_->finish(how_it_ended(), rest);
  for (const auto& event : rest) digest(event, progress_.out);
  const auto& claim = round_->state().claim;
  const bool started = exit.has_value() || (claim && claim->child);
  co_await settle(std::move(verdict), started, exit);
}

Async<bool> CliRound::read_some() {
  const bool out = co_await read_stream(proc::OutputStream::out);
  if (fenced_) co_return false;
  const bool err = co_await read_stream(proc::OutputStream::err);
  co_return (out || err) && !fenced_;
}

/// True when there was something, or there is more; what there was is committed then.
Async<bool> CliRound::read_stream(proc::OutputStream stream) {
  const bool is_out = stream == proc::OutputStream::out;
  auto& ended = is_out ? out_ended_ : err_ended_;
  if (ended) co_return false;
  auto read = round_->read(stream);
  if (!read) {
    logging::error("run {}: its output cannot be read: {}", run_.id.str(), read.error().message());
    ended = true;
    co_return false;
  }
  ended = read->at_end;
  if (read->lines.empty()) co_return read->more;  // in the midst of a long line
  heard_ = runs_.env_.uptime();
  progress_.silence_told = false;
  std::vector<AgentEvent> events;
  for (const auto& line : read->lines) {
    if (runs_.log_.crowded(run_.id)) co_await runs_.log_.room(run_.id);
    events.clear();
    dialect_->line(is_out ? proc::Channel::out : proc::Channel::err, line.text, events);
    std::uint64_t index = 0;
    for (const auto& event : events) digest(event, line.begin + index++);
    (is_out ? progress_.out : progress_.err) = line.end;
    if (sink().full() && !co_await flush()) co_return false;
  }
  co_await flush();
  co_return !fenced_;
}

void CliRound::digest(const AgentEvent& event, std::uint64_t number) {
  if (const auto* session = std::get_if<SessionStarted>(&event)) {
    // A session that goes on is no news. One that we named ourselves exists from here on.
    if (!progress_.resumes || run_.session != session->session || !session->model.empty()) {
      run_.session = session->session;
      facts_.emplace_back(fact::SessionStarted{run_.thread, run_.id, agent_.id, session->session,
                                               session->model, session->permission_mode});
    }
    return;
  }
  if (const auto* usage = std::get_if<UsageRecorded>(&event)) {
    progress_.usage = progress_.usage + usage->usage;
    progress_.cost_usd += usage->cost_usd.value_or(0);
  }
  if (const auto* limited = std::get_if<RateLimited>(&event)) {
    // A warning's is of a limit that is not reached.
    if (limited->status == "rejected" || limited->status == "retrying") {
      auto at = limited->resets_at;
      if (!at) at = proc::reset_time_in(limited->message, runs_.env_.now());
      if (at) progress_.retry_at = at;
    }
  }
  // What cannot be captured is recorded in its place, and the round goes on.
  static_cast<void>(sink().emit(event, number));
}

log::DurableSink& CliRound::sink() {
  if (!sink_) {
    log::SinkOptions options;
    options.context = {.run = run_.id,
                       .thread = run_.thread,
                       .scopes = {Scope::of(agent_.id), Scope::of(run_.id), Scope::of(run_.thread)},
                       .origin = origin_of(agent_)};
    if (run_.task) options.context.scopes.push_back(Scope::of(*run_.task));
    options.epoch = run_.epoch;
    options.durability = run_.durability;
    options.watched = true;
    options.redactor = runs_.options_.redactor;
    options.normaliser = runs_.options_.normaliser;
    sink_.emplace(runs_.env_, runs_.log_, std::move(options), progress_.sink);
  }
  return *sink_;
}

Async<Status> CliRound::add_digested(Draft& draft) {
  for (const auto& fact : facts_) {
    if (auto added = co_await draft.add(fact); !added) co_return added;
  }
  draft.add_staged(sink().staged());
  co_return Status();
}

/// Says in their place that no store takes them. False: something else is wrong.
bool CliRound::give_up_digested(const Error& error) {
  if (!error.is(Errc::invalid_argument) && !error.is(Errc::too_large)) return false;
  if (sink().empty() && facts_.empty()) return false;
  logging::error("run {}: its events were refused: {}", run_.id.str(), error.message());
  sink().discard();
  facts_.clear();
  if (std::exchange(gave_up_, true)) return true;
  sink().note_failure("commit", error);
  return true;
}

Async<Result<store::Committed>> CliRound::try_flush() {
  Draft draft(runs_.env_, runs_.log_.store(), Caller{.origin = origin_of(agent_)});
  if (auto added = co_await add_digested(draft); !added) co_return fail(added.error());
  progress_.dialect_state = dialect_->save();
  progress_.sink = sink().state();
  store::DocKey key{kRoundKind, run_.id.str()};
  draft.require(store::RunAt{run_.id, run_.epoch});
  draft.require(store::DocAt{key, progress_version_});
  draft.write(store::PutDoc{std::move(key), write_json_of(progress_), {}});
  co_return co_await draft.commit();
}

Async<bool> CliRound::was_committed() {
  store::DocKey key{kRoundKind, run_.id.str()};
  const auto doc = co_await runs_.log_.store().get(std::move(key));
  co_return doc && *doc && (*doc)->version > progress_version_;
}

Async<bool> CliRound::flush() {
  // What cannot be committed now stays in the round's files: waiting loses nothing.
  Backoff backoff;
  for (int races = 0;;) {
    const auto done = co_await try_flush();
    if (done) break;
    const auto& error = done.error();
    if (error.is(Errc::fenced)) {
      fenced_ = true;
      co_return false;
    }
    if (error.is(Errc::conflict) || error.is(Errc::unknown_outcome)) {
      if (co_await was_committed()) break;
      // The thread's document moved on.
      if (error.is(Errc::conflict) && ++races < kAttempts) continue;
    }
    if (give_up_digested(error) || co_await mended(error)) continue;
    logging::warn("run {}: its events cannot be kept now: {}", run_.id.str(), error.message());
    co_await aio::sleep(runs_.env_, backoff.next());
  }
  ++progress_version_;
  gave_up_ = false;
  sink().committed();
  facts_.clear();
  co_return true;
}

/// True when something was done about it. Arms the timer that looks again.
Async<bool> CliRound::watch_silence() {
  const auto limit = std::chrono::nanoseconds(agent_.limits.silence_ms);
  const auto silent = runs_.env_.uptime() - heard_;
  if (limit <= 0ns || progress_.silence_told || proc::is_over(round_->state().phase))
    co_return false;
  if (silent < limit) {
    silence_ = runs_.env_.after(limit - silent, [this] { noticed_.notify(); });
    co_return false;
  }
  if (agent_.limits.stop_on_silence && !run_.stopping) {
    // Before it is told: a daemon that dies in between must not leave a round behind of which
    // everybody knows that it is silent, and which nobody stops.
    proc::StopRequest request;
    request.reason = "silence";
    if (auto asked = round_->stop(request); !asked) {
      logging::warn("run {}: cannot ask it to stop: {}", run_.id.str(), asked.error().message());
      silence_ = runs_.env_.after(Backoff::kLast, [this] { noticed_.notify(); });
      co_return false;
    }
  }
  progress_.silence_told = true;
  fact::RunSilent told{run_.id, agent_.id, std::chrono::floor<Duration>(silent),
                       proc::last_lines(round_folder(runs_.options_.rounds, run_.id), kLastLines)};
  redact(runs_.options_.redactor, told);
  auto reason = "says nothing for " +
                std::to_string(std::chrono::floor<std::chrono::seconds>(silent).count()) + " s";
  const auto line = told.last_lines.substr(told.last_lines.rfind('\n') + 1);
  if (!line.empty()) {
    reason += "; its last line: ";
    reason += head_of(line, kLastLine);
  }
  facts_.emplace_back(std::move(told));
  facts_.emplace_back(fact::AgentNeedsAttention{agent_.id, std::move(reason)});
  co_return co_await flush();
}

void CliRound::watch_budget() {
  if (over_budget_ || run_.stopping || !dialect_ || dialect_->ended() ||
      proc::is_over(round_->state().phase))
    return;
  const auto& limits = agent_.limits;
  const auto tokens = progress_.usage.input_tokens.value_or(0) +
                      progress_.usage.output_tokens.value_or(0) + agent_.spent.tokens;
  const auto cost = progress_.cost_usd + agent_.spent.cost_usd;
  if (!(limits.tokens && tokens > *limits.tokens) && !(limits.cost_usd && cost > *limits.cost_usd))
    return;
  proc::StopRequest request;
  request.reason = enum_name(proc::Failure::budget);
  const auto asked = round_->stop(request);
  over_budget_ = asked.has_value();  // else it is asked again with the next thing that it says
  if (!asked)
    logging::warn("run {}: cannot ask it to stop: {}", run_.id.str(), asked.error().message());
}

proc::ProcessEnd CliRound::how_it_ended() const {
  proc::ProcessEnd end;
  const auto& exit = round_->state().exit;
  end.lost = !exit;
  if (exit) {
    end.status = exit->code;
    end.signal = exit->signal;
    if (exit->stopped) {
      const auto& reason = exit->stopped->reason;
      end.stopped = reason == "time_limit" ? "deadline"
                    : reason == "output_limit" || reason == "silence" || reason == "budget"
                        ? reason
                        : "cancelled";
    }
  }
  if (run_.stopping) end.stopped = "cancelled";
  return end;
}

Async<> CliRound::give_up(std::string why) {
  if (round_) {
    proc::StopRequest request;
    request.reason = "internal error";
    request.urgency = proc::Urgency::now;
    static_cast<void>(round_->stop(request));
  }
  RunFinished verdict;
  verdict.ending = Ending::error;
  verdict.code = describe(Errc::internal).name;
  verdict.message = std::move(why);
  co_await settle(std::move(verdict), true, std::nullopt);
}

Async<Status> CliRound::settle_now(RunFinished verdict, bool started,
                                   std::optional<proc::Exit> exit) {
  for (int races = 0;;) {
    auto done = co_await try_settle(verdict, started, exit);
    if (done || done.error().is(Errc::fenced)) co_return Status();
    if (done.error().is(Errc::conflict) && ++races < kAttempts) continue;
    if (give_up_digested(done.error()) || co_await mended(done.error())) continue;
    co_return done;
  }
}

Async<bool> CliRound::mended(Error error) {
  if (!error.is(Errc::corrupt)) co_return false;
  auto damage = co_await runs_.mend(run_);
  if (!damage)
    logging::warn("run {}: it cannot be mended now: {}", run_.id.str(), damage.error().message());
  if (!damage || damage->empty()) co_return false;
  damage_ = std::move(*damage);
  co_return true;
}

Async<> CliRound::settle(RunFinished verdict, bool started, std::optional<proc::Exit> exit) {
  Backoff backoff;
  for (;;) {
    const auto done = co_await settle_now(verdict, started, exit);
    if (done) co_return;
    logging::warn("run {}: its end cannot be kept now: {}", run_.id.str(), done.error().message());
    co_await aio::sleep(runs_.env_, backoff.next());
  }
}

Async<Status> CliRound::try_settle(const RunFinished& verdict, bool started,
                                   const std::optional<proc::Exit>& exit) {
  Draft draft(runs_.env_, runs_.log_.store(), Caller{.origin = origin_of(agent_)});
  auto run = co_await draft.get<reeve::Run>(run_.id);
  if (!run) co_return fail(run.error());
  if (is_ended(run->state)) co_return Status();
  // What the end itself says comes with it: on its own it would be said again by a later daemon.
  if (auto added = co_await add_digested(draft); !added) co_return added;

  // A cancel wins over whatever the executor says (G8).
  auto ending = run->stopping ? Ending::cancelled : verdict.ending;
  fact::RunEnd end;
  end.run = run->id;
  end.agent = run->agent;
  end.thread = run->thread;
  end.task = run->task;
  end.code = run->stopping ? "cancelled" : verdict.code;
  end.error = run->stopping ? *run->stopping : verdict.message;
  if (ending != Ending::completed && end.code.empty()) end.code = enum_name(ending);
  end.text = head_of(verdict.text, kKeptText);
  redact(runs_.options_.redactor, ending, end);
  end.session = run_.session;
  end.usage = progress_.usage;
  end.cost_usd = progress_.cost_usd;
  if (end.code == enum_name(proc::Failure::rate_limited)) end.retry_at = progress_.retry_at;
  if (exit) {
    end.exit_status = exit->code;
    end.exit_signal = exit->signal;
  }
  if (auto joined = co_await runs_.participant_.at_end(draft, *run, ending, started, end); !joined)
    co_return joined;
  if (auto added = co_await draft.add(terminal_fact(ending, end)); !added) co_return added;
  if (!damage_.empty()) {  // last: a round that succeeds leaves nothing else to look at
    auto agent = co_await draft.get<Agent>(agent_.id);
    if (!agent) co_return fail(agent.error());
    fact::AgentNeedsAttention told{agent_.id, "its round's document was made anew: " + damage_};
    if (agent->attention) told.reason += "; and " + *agent->attention;
    if (auto added = co_await draft.add(std::move(told)); !added) co_return added;
  }
  draft.require(store::RunAt{run_.id, run_.epoch});
  draft.write(store::SetRunEpoch{run_.id, std::nullopt});
  draft.write(store::RemoveDoc{{kRoundKind, run_.id.str()}});
  const auto committed = co_await draft.commit();
  if (!committed) co_return fail(committed.error());
  co_return Status();
}

}  // namespace reeve::run
