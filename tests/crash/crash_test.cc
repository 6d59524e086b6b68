// Kills a town's processes at random moments under load, and checks afterwards that nothing was
// lost and nothing happened twice. README.md tells what is checked.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "inquest.h"
#include "load.h"
#include "processes.h"
#include "reaper.h"

namespace reeve::crash {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A town must answer again this soon, whatever was killed.
constexpr auto kBackLimit = 15s;
/// ... and have done all its work this soon after the last kill.
constexpr auto kIdleLimit = 180s;

struct Options {
  int kills = 12;
  std::optional<std::chrono::minutes> time;
  std::uint64_t seed = 0;
  fs::path program;
  fs::path agent;
  bool keep = false;
};

/// What may be done to a town, by turns.
enum class Blow { daemon, daemon_kept, keeper, both, shim, stop };

/// Every dozen has each of them, in an order of its own.
std::vector<Blow> deal(Random& random) {
  std::vector<Blow> deck{Blow::daemon,      Blow::daemon, Blow::daemon, Blow::daemon,
                         Blow::daemon_kept, Blow::shim,   Blow::shim,   Blow::shim,
                         Blow::daemon_kept, Blow::keeper, Blow::both,   Blow::stop};
  std::ranges::shuffle(deck, random);
  return deck;
}

class CrashTest {
 public:
  explicit CrashTest(Options options) : options_(std::move(options)), random_(options_.seed) {}

  int run();

 private:
  bool prepare();
  void torture();
  bool strike(Blow blow);
  int kill_all(Role role);
  bool kill_a_shim();
  void note_survivors();
  bool wait_for_daemon(std::chrono::milliseconds limit);
  void settle();
  void end_following();
  void end_town();
  void complain(std::string what, std::vector<std::string> offences) {
    findings_.push_back({std::move(what), offences.size(), std::move(offences)});
  }
  void note(const std::string& line);
  int report();

  Options options_;
  Random random_;
  fs::path root_;
  std::optional<Place> place_;
  std::vector<std::string> agents_;
  std::unique_ptr<Load> load_;
  Evidence evidence_;
  std::vector<Finding> findings_;
  std::vector<std::jthread> threads_;
  std::jthread follower_;
  std::ofstream journal_;
  Clock::time_point began_ = Clock::now();
  int kills_ = 0;
  std::map<Role, int> killed_;
  int stops_ = 0;
  int kept_ = 0;  ///< daemons brought back by their keeper
  Clock::duration longest_{};
};

/// A line of the journal in the town's folder: what was done when.
void CrashTest::note(const std::string& line) {
  const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_);
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  journal_ << fmt::format("{:>8} {} {}\n", at.count(), now.count(), line) << std::flush;
}

bool CrashTest::prepare() {
  std::string pattern = (fs::temp_directory_path() / "reeve-crash-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return false;
  root_ = pattern;
  journal_.open(root_ / "journal");
  const auto side = root_ / "side";
  fs::create_directory(side);
  fs::copy_file(options_.agent, root_ / "agent.sh");
  const client::TownFolder town(root_);
  if (auto made = client::create_town(town, {.name = "crash"}); !made) {
    fmt::print("cannot make the town: {}\n", made.error().message());
    return false;
  }
  place_ = Place{town, options_.program};
  const int count = pick(random_, 4, 6);
  for (int i = 0; i < count; ++i) agents_.push_back("a" + std::to_string(i));
  auto client = connect(*place_, true);
  api::SpawnRequest request;
  request.cli = "bash " + (root_ / "agent.sh").string();
  request.env["CRASH_SIDE"] = side.string();
  for (int i = 0; i < count; ++i) {
    request.name = agents_[static_cast<std::size_t>(i)];
    request.durability = i % 2 == 0 ? Durability::compacted : Durability::full_fidelity;
    request.limits.failures = 1'000'000;  // shims are killed as often as it comes
    request.env["CRASH_SIDE"] = side.string();
    request.env["CRASH_PEER"] = agents_[static_cast<std::size_t>((i + 1) % count)];
    if (auto spawned = client.spawn(request); !spawned) {
      fmt::print("cannot spawn {}: {}\n", request.name, spawned.error().message());
      return false;
    }
  }
  load_ = std::make_unique<Load>(*place_, agents_, request);
  return true;
}

int CrashTest::run() {
  fmt::print("crash test: seed {}\n", options_.seed);
  std::fflush(stdout);
  if (!prepare()) return 1;
  load_->with_doomed(options_.kills >= 50 || options_.time);
  // Each thread's random numbers come from the one seed.
  follower_ = std::jthread([this, seed = random_()] { load_->follow(seed); });
  for (int i = 0; i < 4; ++i) {
    threads_.emplace_back([this, i, seed = random_()] { load_->write(seed, i, /*starts=*/i < 2); });
  }
  threads_.emplace_back([this, seed = random_()] { load_->retire(seed); });
  threads_.emplace_back([this, seed = random_()] { load_->steer(seed); });
  torture();
  // What the load has begun it brings to an end, if somebody is there to ask: it may be that the
  // last blow left neither a daemon nor a keeper.
  if (auto up = connect(*place_, true).town(); !up)
    complain("the town came back", {up.error().message()});
  load_->stop_writing();
  threads_.clear();
  settle();
  {
    auto client = connect(*place_, true);
    findings_.push_back(question(client, evidence_));
  }
  findings_.push_back(look_for_zombies(root_));
  end_town();
  for (auto& finding : examine(evidence_)) findings_.push_back(std::move(finding));
  return report();
}

void CrashTest::torture() {
  std::vector<Blow> deck;
  const auto over = [&] {
    return options_.time ? Clock::now() - began_ > *options_.time : kills_ >= options_.kills;
  };
  while (!over()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(pick(random_, 20, 400)));
    if (deck.empty()) deck = deal(random_);
    const auto blow = deck.back();
    deck.pop_back();
    strike(blow);
    // Sometimes the next blow falls while the town is still coming up.
    if (blow == Blow::daemon_kept || chance(random_, 40)) continue;
    const auto down = Clock::now();
    if (!wait_for_daemon(kBackLimit)) {
      complain("the town came back",
               {fmt::format("no daemon {} s after kill {}", kBackLimit / 1s, kills_)});
      return;
    }
    longest_ = std::max(longest_, Clock::now() - down);
  }
}

bool CrashTest::wait_for_daemon(std::chrono::milliseconds limit) {
  auto client = connect(*place_, false);
  for (const auto deadline = Clock::now() + limit; Clock::now() < deadline;) {
    if (client.town()) return true;
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

/// Rounds that are claimed go on whatever becomes of the daemon.
void CrashTest::note_survivors() {
  for (const auto& process : processes_of(root_)) {
    if (process.role != Role::shim) continue;
    if (fs::exists(place_->town.rounds() / process.run / "claim"))
      ++evidence_.daemons_outlived[process.run];
  }
}

int CrashTest::kill_all(Role role) {
  int count = 0;
  for (const auto& process : processes_of(root_)) {
    if (process.role != role || !proc::signal_process(process.stat.ref, SIGKILL)) continue;
    note("killed " + process.command);
    ++count;
  }
  killed_[role] += count;
  return count;
}

bool CrashTest::kill_a_shim() {
  for (const auto deadline = Clock::now() + 2s; Clock::now() < deadline;) {
    auto processes = processes_of(root_);
    std::erase_if(processes, [](const TownProcess& it) { return it.role != Role::shim; });
    if (processes.empty()) {
      std::this_thread::sleep_for(20ms);
      continue;
    }
    const auto& chosen = processes[static_cast<std::size_t>(
        pick(random_, 0, static_cast<int>(processes.size()) - 1))];
    evidence_.shims_killed.insert(chosen.run);
    if (!proc::signal_process(chosen.stat.ref, SIGKILL)) continue;
    note("killed " + chosen.command);
    ++killed_[Role::shim];
    return true;
  }
  return false;
}

bool CrashTest::strike(Blow blow) {
  bool hit = false;
  switch (blow) {
    case Blow::daemon:
      note_survivors();
      hit = kill_all(Role::daemon) > 0;
      break;
    case Blow::daemon_kept: {
      const std::unique_lock nobody_starts(load_->starters());
      note_survivors();
      const auto processes = processes_of(root_);
      const bool kept = std::ranges::any_of(
          processes, [](const TownProcess& it) { return it.role == Role::keeper; });
      hit = kill_all(Role::daemon) > 0;
      if (hit && kept && wait_for_daemon(1500ms)) ++kept_;
      break;
    }
    case Blow::keeper: hit = kill_all(Role::keeper) > 0; break;
    case Blow::both:
      note_survivors();
      hit = chance(random_, 50) ? kill_all(Role::keeper) + kill_all(Role::daemon) > 0
                                : kill_all(Role::daemon) + kill_all(Role::keeper) > 0;
      break;
    case Blow::shim: hit = kill_a_shim(); break;
    case Blow::stop: {
      note_survivors();
      note("stop --daemon");
      auto client = connect(*place_, false);
      if (client.stop(api::StopMode::daemon)) ++stops_;
      return true;
    }
  }
  if (hit) ++kills_;
  return hit;
}

/// Nobody kills any more: the town does what is left to do.
void CrashTest::settle() {
  note("settling");
  auto client = connect(*place_, true);
  const auto deadline = Clock::now() + kIdleLimit;
  std::vector<std::string> busy;
  // Twice: an agent's last round may have written to another.
  for (int turn = 0; turn < 2; ++turn) {
    for (const auto& agent : agents_) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      const auto waited = client.wait_agent(agent, std::max(left, 1000ms));
      if (!waited) busy.push_back(agent + ": " + waited.error().message());
    }
  }
  findings_.push_back({"agents went on until all work was done", agents_.size(), std::move(busy)});
}

/// One more event lets the follower see that it has all that it came for.
void CrashTest::end_following() {
  load_->follow_until(evidence_.log.size());
  auto client = connect(*place_, true);
  api::SendRequest last;
  last.to = kSupervisor;
  last.text = "the end";
  last.type = MessageType::informational;
  static_cast<void>(client.send(last));
  for (const auto deadline = Clock::now() + 20s; load_->follows() && Clock::now() < deadline;)
    std::this_thread::sleep_for(20ms);
  if (load_->follows()) {
    complain("the follower reached the end", {"it is at " + std::to_string(load_->reached())});
    follower_.detach();  // this process ends soon, and it with it
  } else {
    follower_.join();
  }
}

/// Stops the daemon and looks at what is left.
void CrashTest::end_town() {
  end_following();
  auto client = connect(*place_, false);
  std::vector<std::string> left;
  if (auto stopped = client.stop(api::StopMode::daemon); !stopped)
    left.push_back("stop: " + stopped.error().message());
  std::vector<TownProcess> processes;
  for (const auto deadline = Clock::now() + 10s; Clock::now() < deadline;) {
    processes = processes_of(root_, true);
    if (processes.empty()) break;
    std::this_thread::sleep_for(50ms);
  }
  for (const auto& process : processes) left.push_back(process.command);
  findings_.push_back({"no process of the town is left", 1, std::move(left)});
  load_->testify(evidence_);
  evidence_.traces = traces_in(root_ / "side");

  findings_.push_back(look_at_database(place_->town.database()));
}

int CrashTest::report() {
  std::size_t failed = 0;
  for (const auto& finding : findings_) {
    fmt::print("{}  {:<58} {:>7}\n", finding.offences.empty() ? "ok  " : "FAIL", finding.what,
               finding.count);
    if (finding.offences.empty()) continue;
    ++failed;
    constexpr std::size_t kShown = 10;
    for (std::size_t i = 0; i < std::min(kShown, finding.offences.size()); ++i)
      fmt::print("        {}\n", finding.offences[i]);
    if (finding.offences.size() > kShown)
      fmt::print("        ... and {} more\n", finding.offences.size() - kShown);
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began_);
  fmt::print(
      "{} kills ({} daemons, {} keepers, {} shims) and {} stops; {} came back by their keeper; "
      "longest wait {} ms; {} requests unacknowledged\n",
      kills_, killed_[Role::daemon], killed_[Role::keeper], killed_[Role::shim], stops_, kept_,
      std::chrono::duration_cast<std::chrono::milliseconds>(longest_).count(),
      evidence_.unacknowledged.size());
  if (failed > 0 || options_.keep) fmt::print("the town is kept: {}\n", root_.string());
  fmt::print("crash test: {} of {} checks failed, seed {}, {} s\n", failed, findings_.size(),
             options_.seed, seconds.count());
  journal_.close();
  std::error_code error;
  if (failed == 0 && !options_.keep) fs::remove_all(root_, error);
  return failed == 0 ? 0 : 1;
}

std::optional<Options> read_options(int argc, char** argv) {
  Options options;
  std::random_device device;
  options.seed = device();
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--keep") {
      options.keep = true;
      continue;
    }
    if (++i == argc) return std::nullopt;
    const char* value = argv[i];
    if (name == "--kills")
      options.kills = std::atoi(value);
    else if (name == "--minutes")
      options.time = std::chrono::minutes(std::atoi(value));
    else if (name == "--seed")
      options.seed = std::strtoull(value, nullptr, 10);
    else if (name == "--program")
      options.program = fs::absolute(value);
    else if (name == "--agent")
      options.agent = fs::absolute(value);
    else
      return std::nullopt;
  }
  if (options.program.empty() || options.agent.empty()) return std::nullopt;
  return options;
}

}  // namespace
}  // namespace reeve::crash

int main(int argc, char** argv) {
  const auto options = reeve::crash::read_options(argc, argv);
  if (!options) {
    std::fputs(
        "usage: reeve_crash --program REEVE --agent SCRIPT [--kills N | --minutes M] [--seed N] "
        "[--keep]\n",
        stderr);
    return 2;
  }
  return reeve::crash::run_under_reaper([&] { return reeve::crash::CrashTest(*options).run(); });
}
