// Subscribers that save their cursor together with their effect, killed and started again at random
// beside a daemon that is killed too: each durable event has exactly one effect (G5).

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <thread>

#include "base/json.h"
#include "effects.h"
#include "load.h"
#include "processes.h"
#include "reaper.h"

namespace reeve::once {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using crash::chance;
using crash::pick;
using crash::Role;

/// How long subscribers may need for what is left, once nobody kills any more.
constexpr auto kCatchUp = 60s;

struct Options {
  std::chrono::seconds time{5};
  std::uint64_t seed = std::random_device()();
  fs::path program;
  fs::path subscriber;
  fs::path agent;
};

/// One of them, alive or dead, and what it keeps.
struct Subscriber {
  std::string name;
  std::vector<std::string> kinds;
  fs::path database;
  pid_t pid = 0;
  int starts = 0;
  int kills = 0;
};

class OnceTest {
 public:
  explicit OnceTest(Options options) : options_(std::move(options)), random_(options_.seed) {}
  int run();

 private:
  bool prepare();
  void start(Subscriber& subscriber);
  void kill(Subscriber& subscriber);
  void torture();
  int kill_all(Role role);
  std::vector<Event> read_log();
  std::vector<std::string> examine(Subscriber& subscriber, const std::vector<Event>& log);
  bool has_reached(Subscriber& subscriber, Position position);
  void end_following(std::jthread& follower);

  Options options_;
  crash::Random random_;
  fs::path root_;
  std::optional<crash::Place> place_;
  std::unique_ptr<crash::Load> load_;
  std::vector<Subscriber> subscribers_;
  int daemons_ = 0;
  int keepers_ = 0;
};

bool OnceTest::prepare() {
  std::string pattern = (fs::temp_directory_path() / "reeve-once-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return false;
  root_ = pattern;
  fs::create_directory(root_ / "side");
  fs::copy_file(options_.agent, root_ / "agent.sh");
  const client::TownFolder town(root_);
  if (auto made = client::create_town(town, {.name = "once"}); !made) {
    fmt::print("cannot make the town: {}\n", made.error().message());
    return false;
  }
  place_ = crash::Place{town, options_.program};
  const std::vector<std::string> agents{"ada", "ben"};
  auto client = crash::connect(*place_, true);
  for (const auto& name : agents) {
    api::SpawnRequest request;
    request.name = name;
    request.cli = "bash " + (root_ / "agent.sh").string();
    request.durability = Durability::full_fidelity;
    request.env["CRASH_SIDE"] = (root_ / "side").string();
    request.env["CRASH_PEER"] = name == "ada" ? "ben" : "ada";
    if (auto spawned = client.spawn(request); !spawned) {
      fmt::print("cannot spawn {}: {}\n", name, spawned.error().message());
      return false;
    }
  }
  load_ = std::make_unique<crash::Load>(*place_, agents);
  subscribers_ = {{"everything", {}, root_ / "everything.db"},
                  {"messages", {"MessageSent", "TaskCreated"}, root_ / "messages.db"}};
  return true;
}

void OnceTest::start(Subscriber& subscriber) {
  std::vector<std::string> words{options_.subscriber.string(), root_.string(),
                                 subscriber.database.string()};
  words.insert(words.end(), subscriber.kinds.begin(), subscriber.kinds.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (::posix_spawn(&subscriber.pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0)
    subscriber.pid = 0;
  ++subscriber.starts;
}

void OnceTest::kill(Subscriber& subscriber) {
  if (subscriber.pid == 0) return;
  ::kill(subscriber.pid, SIGKILL);
  int status = 0;
  ::waitpid(subscriber.pid, &status, 0);
  if (WIFSIGNALED(status)) ++subscriber.kills;
  subscriber.pid = 0;
}

int OnceTest::kill_all(Role role) {
  int count = 0;
  for (const auto& process : crash::processes_of(root_)) {
    if (process.role == role && proc::signal_process(process.stat.ref, SIGKILL)) ++count;
  }
  return count;
}

void OnceTest::torture() {
  for (const auto end = Clock::now() + options_.time; Clock::now() < end;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(pick(random_, 5, 150)));
    for (auto& subscriber : subscribers_) {
      // Sometimes it stays away for a while, and much happens meanwhile.
      if (subscriber.pid == 0) {
        if (chance(random_, 60)) start(subscriber);
      } else if (chance(random_, 35)) {
        kill(subscriber);
      }
    }
    if (chance(random_, 12)) daemons_ += kill_all(Role::daemon);
    if (chance(random_, 2)) {
      keepers_ += kill_all(Role::keeper);
      daemons_ += kill_all(Role::daemon);
    }
  }
}

std::vector<Event> OnceTest::read_log() {
  auto client = crash::connect(*place_, true);
  std::vector<Event> log;
  client::Client::EventQuery query;
  for (;;) {
    const auto page = client.events(query);
    if (!page || page->events.empty()) return log;
    for (const auto& text : page->events) log.push_back(parse_json_as<Event>(text).value());
    query.after = page->cursor;
  }
}

bool OnceTest::has_reached(Subscriber& subscriber, Position position) {
  const auto cursor = Cursor::parse(Effects(subscriber.database).cursor());
  return cursor && cursor->position >= position;
}

/// Its effects against the log, event by event.
std::vector<std::string> OnceTest::examine(Subscriber& subscriber, const std::vector<Event>& log) {
  Effects effects(subscriber.database);
  auto wrong = effects.complaints();
  std::vector<const Event*> wanted;
  for (const auto& event : log) {
    if (subscriber.kinds.empty() || std::ranges::count(subscriber.kinds, event.kind) > 0)
      wanted.push_back(&event);
  }
  auto had = effects.all();
  std::erase_if(had, [&](const auto& effect) { return effect.position > log.size(); });
  for (std::size_t i = 0; i < std::max(had.size(), wanted.size()); ++i) {
    if (i < had.size() && i < wanted.size() && had[i].id == wanted[i]->id.str() &&
        had[i].position == wanted[i]->position.value)
      continue;
    wrong.push_back(
        fmt::format("effect {} is of position {}, not of {}", i + 1,
                    i < had.size() ? std::to_string(had[i].position) : "none",
                    i < wanted.size() ? std::to_string(wanted[i]->position.value) : "none"));
    break;  // what follows is wrong, too
  }
  if (!has_reached(subscriber, log.back().position)) wrong.emplace_back("it never caught up");
  if (wanted.empty()) wrong.emplace_back("there was nothing to have an effect: it tested nothing");
  fmt::print("{}  {:<12} {:>7} events, {} effects, killed {} times of {} starts\n",
             wrong.empty() ? "ok  " : "FAIL", subscriber.name, wanted.size(), had.size(),
             subscriber.kills, subscriber.starts);
  for (const auto& what : wrong) fmt::print("        {}\n", what);
  return wrong;
}

/// It ends with the event that it is sent.
void OnceTest::end_following(std::jthread& follower) {
  load_->follow_until(1);
  auto client = crash::connect(*place_, true);
  api::SendRequest last;
  last.to = kSupervisor;
  last.text = "the end";
  last.type = MessageType::informational;
  static_cast<void>(client.send(last));
  follower.join();
}

int OnceTest::run() {
  fmt::print("once test: seed {}\n", options_.seed);
  std::fflush(stdout);
  if (!prepare()) return 1;
  std::jthread follower([this, seed = random_()] { load_->follow(seed); });
  std::vector<std::jthread> writers;
  for (int i = 0; i < 3; ++i)
    writers.emplace_back([this, i, seed = random_()] { load_->write(seed, i, /*starts=*/i < 2); });
  torture();
  load_->stop_writing();
  writers.clear();
  for (auto& subscriber : subscribers_) {
    if (subscriber.pid == 0) start(subscriber);
  }
  const auto log = read_log();
  bool good = !log.empty();
  for (const auto end = Clock::now() + kCatchUp; good && Clock::now() < end;) {
    const bool there = std::ranges::all_of(
        subscribers_, [&](auto& one) { return has_reached(one, log.back().position); });
    if (there) break;
    std::this_thread::sleep_for(50ms);
  }
  for (auto& subscriber : subscribers_) {
    const int kills = subscriber.kills;
    kill(subscriber);
    subscriber.kills = kills;
  }
  if (good) {
    for (auto& subscriber : subscribers_) good = examine(subscriber, log).empty() && good;
  }
  fmt::print("once test: {}, {} events, {} daemons and {} keepers killed, seed {}\n",
             good ? "passed" : "FAILED", log.size(), daemons_, keepers_, options_.seed);
  std::fflush(stdout);
  if (!good) fmt::print("the town is kept: {}\n", root_.string());
  end_following(follower);
  // The reaper ends what is left of the town.
  keepers_ += kill_all(Role::keeper);
  daemons_ += kill_all(Role::daemon);
  std::error_code error;
  if (good) fs::remove_all(root_, error);
  return good ? 0 : 1;
}

std::optional<Options> read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--seconds")
      options.time = std::chrono::seconds(std::atoi(value));
    else if (name == "--seed")
      options.seed = std::strtoull(value, nullptr, 10);
    else if (name == "--program")
      options.program = fs::absolute(value);
    else if (name == "--subscriber")
      options.subscriber = fs::absolute(value);
    else if (name == "--agent")
      options.agent = fs::absolute(value);
    else
      return std::nullopt;
  }
  if (options.program.empty() || options.subscriber.empty() || options.agent.empty())
    return std::nullopt;
  return options;
}

}  // namespace
}  // namespace reeve::once

int main(int argc, char** argv) {
  const auto options = reeve::once::read_options(argc, argv);
  if (!options) {
    std::fputs(
        "usage: reeve_once --program REEVE --subscriber PROGRAM --agent SCRIPT [--seconds N] "
        "[--seed N]\n",
        stderr);
    return 2;
  }
  return reeve::crash::run_under_reaper([&] { return reeve::once::OnceTest(*options).run(); });
}
