#include "run/runs.h"

#include <algorithm>
#include <charconv>
#include <exception>
#include <fstream>
#include <ranges>
#include <set>

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/limits.h"
#include "base/logging.h"
#include "proc/environment.h"
#include "proc/preset.h"
#include "run/cli_round.h"

namespace reeve::run {

std::string round_token(const RunId& run, std::uint64_t epoch) {
  return run.str() + "." + std::to_string(epoch);
}

Result<Caller::Round> parse_round_token(std::string_view token) {
  const auto dot = token.rfind('.');
  const auto bad = [] {
    return fail(Errc::invalid_argument, "not a round's token (REEVE_TOKEN is set by reeve)");
  };
  if (dot == std::string_view::npos) return bad();
  const auto run = RunId::parse(token.substr(0, dot));
  Caller::Round round;
  const auto digits = token.substr(dot + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), round.epoch);
  if (!run || error != std::errc() || end != digits.data() + digits.size()) return bad();
  round.run = *run;
  return round;
}

Runs::Runs(Env& env, aio::asio::any_io_executor executor, log::Log& log, proc::Spawner& spawner,
           Participant& participant, Options options)
    : env_(env),
      executor_(executor),
      log_(log),
      spawner_(spawner),
      participant_(participant),
      options_(std::move(options)),
      changed_(executor),
      group_(std::move(executor)) {
  log::EventFilter stops;
  stops.kinds = {"RunStopRequested"};
  log::Follower requests(env_, log_, std::move(stops), "stop requests");
  group_.spawn("stop requests", follow_stops(std::move(requests)));
}

Runs::~Runs() = default;

/// Requests to stop are facts of the log, so it does not matter who made them.
Async<> Runs::follow_stops(log::Follower requests) {
  for (;;) {
    for (const auto& event : co_await requests.next()) {
      const auto request = parse_json_as<fact::RunStopRequested>(event->payload);
      if (!request) continue;
      const auto round = rounds_.find(request->run);
      if (round != rounds_.end()) round->second->stop(proc::Urgency::gentle, request->reason);
    }
  }
}

Async<Result<std::size_t>> Runs::recover() {
  auto open = co_await open_rounds();
  if (!open) co_return fail(open.error());
  // All of them are known before the first one goes on, and is tidied up after.
  std::vector<std::shared_ptr<CliRound>> rounds;
  for (auto& run : *open) {
    auto agent = co_await load<Agent>(log_.store(), *run.agent);
    if (!agent && is_unreadable(agent.error())) {
      // Without it the round's end could not be kept. It goes on without us, as it did until now.
      logging::error("run {}: its agent cannot be read: {}; a daemon takes it up once it can",
                     run.id.str(), agent.error().message());
      kept_.insert(run.id);
      continue;
    }
    if (!agent) co_return fail(agent.error());
    rounds.push_back(std::make_shared<CliRound>(*this, std::move(*agent), run));
    rounds_.emplace(run.id, rounds.back());
  }
  co_await tidy_leftovers();
  std::size_t found = 0;
  for (auto& round : rounds) {
    const auto id = round->run().id;
    auto taken = co_await round->take_up();
    if (!taken && !round->has_process()) {
      // not_found: committed, but its process was never begun; the daemon died in between.
      const bool begun = !taken.error().is(Errc::not_found);
      RunFinished verdict;
      verdict.ending = Ending::error;
      verdict.code = begun ? "lost_result" : "not_started";
      verdict.message = taken.error().message();
      // One that cannot be ended now does not keep the town from coming up.
      if (const auto done = co_await round->settle_now(verdict, begun, std::nullopt); done)
        ended(id);
      else
        group_.spawn("end of run " + id.str(),
                     settle_later(std::move(round), std::move(verdict), begun));
      continue;
    }
    if (taken) ++found;
    group_.spawn("run " + id.str(), execute(std::move(round)));
  }
  co_return found;
}

Async<> Runs::execute(std::shared_ptr<CliRound> round) {
  const auto id = round->run().id;
  std::exception_ptr thrown;
  try {
    co_await round->pump();
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) {
    if (aio::is_cancellation(thrown)) std::rethrow_exception(thrown);
    auto why = aio::what(thrown);
    logging::error("run {}: {}", id.str(), why);
    co_await round->give_up(std::move(why));
  }
  round.reset();
  ended(id);
  co_await tidy({id});
}

/// Of a run that has no process.
Async<> Runs::settle_later(std::shared_ptr<CliRound> round, RunFinished verdict, bool begun) {
  const auto id = round->run().id;
  co_await round->settle(std::move(verdict), begun, std::nullopt);
  ended(id);
}

/// What an earlier daemon did not get to remove.
Async<> Runs::tidy_leftovers() {
  auto look = [rounds = options_.rounds] { return rounds_on_disk(rounds); };
  auto leftovers = co_await aio::blocking(env_, std::move(look));
  std::erase_if(leftovers,
                [&](const RunId& run) { return rounds_.contains(run) || kept_.contains(run); });
  co_await tidy(std::move(leftovers));
}

Async<> Runs::tidy(std::vector<RunId> ended) {
  std::set<RunId> open = kept_;
  for (const auto& [id, round] : rounds_) open.insert(id);
  auto work = [rounds = options_.rounds, ids = std::move(ended), open = std::move(open),
               keep = options_.kept_rounds] {
    tidy_rounds(rounds, ids, open, keep);
    return true;
  };
  co_await aio::blocking(env_, std::move(work));
}

void Runs::ended(RunId run) {
  rounds_.erase(run);
  changed_.notify();
}

namespace {

/// Whether the process is told of the file.
bool reads(const proc::Plan& plan, const std::filesystem::path& file) {
  const auto names_it = [&](const std::string& text) { return text.contains(file.string()); };
  return std::ranges::any_of(plan.argv, names_it) ||
         std::ranges::any_of(plan.env | std::views::values, names_it);
}

/// A prompt's own file, for CLIs that read it from one.
Status write_private_file(const std::filesystem::path& path, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
  file << text;
  file.close();
  if (!file) return fail(Errc::unavailable, "cannot write " + path.string());
  return {};
}

}  // namespace

/// The values behind Agent::env.
Async<Result<proc::Variables>> Runs::variables_of(AgentId agent) {
  store::DocKey key{kEnvKind, agent.str()};
  auto doc = co_await log_.store().get(std::move(key));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return proc::Variables();
  co_return parse_json_as<proc::Variables>((*doc)->body);
}

Async<Result<RunId>> Runs::start(RunRequest request) {
  if (holding_) co_return fail(Errc::unavailable, "the daemon is about to stop");
  struct Starting {
    explicit Starting(Runs& all) : runs(all) { ++runs.starting_; }
    ~Starting() {
      --runs.starting_;
      runs.changed_.notify();
    }
    Runs& runs;
  };
  const Starting starting(*this);
  co_return co_await begin(std::move(request));
}

Async<Result<RunId>> Runs::begin(RunRequest request) {
  Draft draft(env_, log_.store(), Caller{.origin = "town"});
  auto agent = co_await draft.get<Agent>(request.agent.id);
  if (!agent) co_return fail(agent.error());
  if (agent->state != AgentState::idle || agent->current_run || agent->stopping) {
    co_return fail(Errc::conflict, agent->name + " is " + std::string(enum_name(agent->state)));
  }
  proc::Variables variables;
  if (!agent->env.empty()) {
    auto values = co_await variables_of(agent->id);
    if (!values) co_return fail(values.error());
    variables = std::move(*values);
  }
  Thread thread;
  if (agent->thread) {
    auto known = co_await draft.get<Thread>(*agent->thread);
    if (!known) co_return fail(known.error());
    thread = std::move(*known);
  } else {
    thread.id = ThreadId(env_.uuid4());
    thread.agent = agent->id;
    thread.created_at = thread.updated_at = env_.now();
    if (auto added = co_await draft.add(fact::ThreadStarted{thread}); !added)
      co_return fail(added.error());
  }
  reeve::Run run;
  run.id = RunId(env_.uuid4());
  run.agent = agent->id;
  run.thread = thread.id;
  run.task = request.task;
  run.messages = request.messages;
  run.cli = agent->cli;
  run.durability = agent->durability;
  run.session = thread.session;
  run.started_at = env_.now();

  proc::Launch launch;
  launch.prompt = request.prompt;
  launch.permissions = agent->permissions;
  const auto* preset = proc::find_preset(agent->cli);
  if (preset != nullptr && preset->resumes) launch.resume = thread.session;
  if (!thread.session) {
    launch.fork = thread.fork_of;
    launch.new_session = env_.uuid4().str();
  }
  launch.model = agent->model;
  launch.extra = agent->args;
  launch.prompt_file = prompt_file(options_.rounds, run.id);
  auto plan = proc::plan(agent->cli, launch);
  if (plan) {
    if (plan->session) run.session = plan->session;
    run.permissions = plan->permissions;
  }

  if (auto added = co_await draft.add(fact::RunStarted{run}); !added) co_return fail(added.error());
  draft.write(store::SetRunEpoch{run.id, run.epoch});
  if (auto joined = co_await participant_.at_start(draft, run); !joined)
    co_return fail(joined.error());
  auto round = std::make_shared<CliRound>(*this, *agent, run);
  if (plan) {
    if (auto prepared = round->prepare(draft, plan->dialect, launch.resume.has_value()); !prepared)
      co_return fail(prepared.error());
  }
  const auto committed = co_await draft.commit();
  if (!committed) {
    if (!committed.error().is(Errc::unknown_outcome)) co_return fail(committed.error());
    // A run that is in the log and that nobody executes would keep its agent at work for ever.
    if (!co_await is_there(run.id)) co_return fail(committed.error());
  }

  rounds_.emplace(run.id, round);
  if (stopping_all_) {
    if (auto asked = co_await request_stop(run.id, *stopping_all_); !asked)
      logging::warn("run {}: cannot be stopped: {}", run.id.str(), asked.error().message());
  }
  Status begun = plan ? Status() : Status(fail(plan.error()));
  if (begun && reads(*plan, launch.prompt_file))
    begun = write_private_file(launch.prompt_file, request.prompt);
  if (begun) {
    auto additions = options_.additions;
    for (const auto& [name, value] : plan->env) additions[name] = value;
    for (const auto& [name, value] : variables) additions[name] = value;
    additions["REEVE_TOWN"] = options_.root.string();
    additions["REEVE_AGENT"] = agent->name;
    additions["REEVE_AGENT_ID"] = agent->id.str();
    additions["REEVE_RUN"] = run.id.str();
    additions["REEVE_TOKEN"] = round_token(run.id, run.epoch);
    if (run.task) additions["REEVE_TASK"] = run.task->str();
    proc::RoundSpec spec;
    spec.run = run.id;
    spec.epoch = static_cast<std::int64_t>(run.epoch);
    spec.mark = env_.uuid4().str();
    spec.argv = plan->argv;
    spec.env = proc::child_environment(options_.environment, additions);
    spec.cwd = options_.root.string();
    spec.input = plan->stdin_text.empty() ? proc::Input::none : proc::Input::file;
    spec.time_limit = agent->limits.round_ms;
    begun = co_await round->launch(std::move(spec), std::move(plan->stdin_text));
  }
  if (!begun) {
    RunFinished verdict;
    verdict.ending = Ending::error;
    verdict.code = describe(begun.error().code()).name;
    verdict.message = begun.error().message();
    co_await round->settle(std::move(verdict), false, std::nullopt);
    ended(run.id);
    co_return run.id;
  }
  group_.spawn("run " + run.id.str(), execute(std::move(round)));
  co_return run.id;
}

Async<bool> Runs::is_there(RunId run) {
  for (Backoff backoff;;) {
    const auto found = co_await load<reeve::Run>(log_.store(), run);
    if (found) co_return true;
    if (found.error().is(Errc::not_found)) co_return false;
    co_await aio::sleep(env_, backoff.next());
  }
}

void Runs::stop(RunId run, proc::Urgency urgency) {
  const auto round = rounds_.find(run);
  if (round != rounds_.end()) round->second->stop(urgency, "stopped");
}

Async<Status> Runs::request_stop(RunId id, std::string reason) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Draft draft(env_, log_.store(), Caller{});
    auto run = co_await draft.get<reeve::Run>(id);
    const auto found = rounds_.find(id);
    if (!run && found != rounds_.end()) {
      const auto round = found->second;
      if (co_await round->mended(run.error())) continue;
    }
    if (!run) co_return fail(run.error());
    if (is_ended(run->state) || run->stopping) co_return Status();
    if (auto added = co_await draft.add(fact::RunStopRequested{id, run->agent, reason}); !added)
      co_return added;
    const auto committed = co_await draft.commit();
    if (committed) co_return Status();
    if (!committed.error().is(Errc::conflict)) co_return fail(committed.error());
  }
  co_return fail(Errc::conflict, "run " + id.str() + " does not stand still");
}

Async<Status> Runs::stop_all(std::string reason) {
  hold();
  stopping_all_ = reason;  // whose start is not committed yet hears of it there
  std::vector<RunId> running;
  for (const auto& [id, round] : rounds_) running.push_back(id);
  for (const auto& id : running) {
    if (auto asked = co_await request_stop(id, reason); !asked) co_return asked;
  }
  co_return Status();
}

void Runs::stop_unkept(const std::string& reason) {
  hold();
  for (const auto& [id, round] : rounds_) round->stop(proc::Urgency::gentle, reason);
}

Async<> Runs::wait_idle() {
  while (!rounds_.empty() || starting_ > 0) co_await changed_.wait();
}

Async<> Runs::close() {
  group_.cancel();
  co_await group_.join();
  rounds_.clear();
}

}  // namespace reeve::run
