// The program as its users meet it: how long a command takes from start to end, how long until the
// first one has started its daemon, and what a daemon without work keeps in memory. Whole
// processes, measured from outside.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <stdexcept>

#include "client/client.h"
#include "harness.h"

extern char** environ;  // NOLINT: POSIX' own name

namespace reeve::bench {
namespace {

constexpr int kRuns = 60;

/// Runs a program to its end with its output thrown away; answers the seconds that it took.
double run_program(std::vector<std::string> args) {
  std::vector<char*> argv;
  for (auto& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  const auto begin = Clock::now();
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot run " + args[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(args[0] + " failed");
  return Seconds(Clock::now() - begin).count();
}

double median_of(const std::vector<std::string>& args) {
  std::vector<double> times;
  for (int i = 0; i < kRuns; ++i) times.push_back(run_program(args));
  return median(std::move(times));
}

/// Resident memory of a process, in MB, without the pages that it shares with files.
double anonymous_mb(std::int64_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  double kb = 0;
  while (status >> word) {
    if (word == "RssAnon:") status >> kb;
  }
  return kb / 1024;
}

double resident_mb(std::int64_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  double size = 0;
  double pages = 0;
  statm >> size >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void measure(Run& run) {
  const auto reeve =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "reeve").string();
  const auto town = run.fresh_folder("program").string();
  run_program({reeve, "--town", town, "init", "--name", "bench"});
  const auto first = run_program({reeve, "--town", town, "list"});
  run_program({reeve, "--town", town, "spawn", "ada", "--cli", "cat"});
  const double nothing = median_of({"/bin/true"});
  run.report("command/list", median_of({reeve, "--town", town, "list"}) * 1e3, "ms",
             {{"/bin/true", nothing * 1e3}});
  run.report("command/version", median_of({reeve, "--version"}) * 1e3, "ms",
             {{"/bin/true", nothing * 1e3}});
  run.report("command/first, which starts the daemon", first * 1e3, "ms", {});

  client::Client client(client::TownFolder(town), client::ClientSettings{});
  const auto view = client.town();
  if (!view) throw std::runtime_error(view.error().message());
  run.report("daemon/idle resident", resident_mb(view->pid), "MB", {});
  run.report("daemon/idle resident, its own", anonymous_mb(view->pid), "MB", {});
  run_program({reeve, "--town", town, "stop"});
}

const Registration kProgram{"program", "a command from start to end; an idle daemon's memory",
                            &measure};

}  // namespace
}  // namespace reeve::bench
