#include "proc/rounds.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace reeve::proc {
namespace {

/// posix_spawn's two argument blocks, freed whatever happens.
struct SpawnSettings {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};

  SpawnSettings() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
};

/// What the shim itself needs to be loaded and to be found: the CLI's environment is in the spec.
/// A daemon that itself runs inside of a round passes that round's mark on.
std::vector<std::string> shim_environment() {
  std::vector<std::string> variables;
  for (const char* name : {"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "REEVE_ROUND"}) {
    if (const char* value = std::getenv(name)) {
      variables.push_back(std::string(name) + "=" + value);
    }
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Result<pid_t> spawn_shim(const ShimProgram& shim, const std::filesystem::path& dir) {
  std::vector<std::string> words{shim.program.string()};
  words.insert(words.end(), shim.arguments.begin(), shim.arguments.end());
  words.push_back(dir.string());
  auto variables = shim_environment();
  const auto argv = pointers(words);
  const auto env = pointers(variables);

  SpawnSettings settings;
  for (int fd = 0; fd <= 2; ++fd) {
    ::posix_spawn_file_actions_addopen(&settings.files, fd, "/dev/null", O_RDWR, 0);
  }
  ::posix_spawn_file_actions_addclosefrom_np(&settings.files, 3);
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
  ::posix_spawnattr_setsigmask(&settings.attributes, &none);
  ::posix_spawnattr_setflags(&settings.attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, shim.program.c_str(), &settings.files, &settings.attributes,
                                  argv.data(), env.data());
  if (error != 0) return fail(os_error(error, "start the shim " + shim.program.string()));
  return pid;
}

void wake_shim(const RoundFolder& folder, int signal) {
  // Only a held claim names a process that is surely the shim.
  if (!folder.is_held().value_or(false)) return;
  const auto claim = folder.claim();
  if (claim && claim->by == "shim") signal_process(claim->shim, signal);
}

}  // namespace

Result<pid_t> start_round(const std::filesystem::path& dir, const RoundSpec& spec,
                          std::string_view stdin_text, const ShimProgram& shim) {
  if (auto checked = check(spec); !checked) return fail(checked.error());
  std::error_code error;
  const auto path = std::filesystem::absolute(dir, error);
  auto folder = RoundFolder::create(path);
  if (!folder) return fail(folder.error().during("make the round's folder"));
  Status ready;
  if (spec.input != Input::none) ready = folder->write_stdin(stdin_text);
  if (ready) ready = folder->write_spec(spec);
  Result<pid_t> pid = ready ? spawn_shim(shim, path) : Result<pid_t>(fail(ready.error()));
  if (!pid) std::filesystem::remove_all(path, error);
  return pid;
}

void reap_shim(pid_t pid) {
  if (pid > 0) ::waitpid(pid, nullptr, WNOHANG);
}

Result<RoundState> inspect(const std::filesystem::path& dir) {
  const auto folder = RoundFolder::open(dir);
  if (!folder) return fail(folder.error());
  RoundState state;
  // The lock before the exit status: a shim that ends in between is then seen as exited, not lost.
  const auto held = folder->is_held();
  if (!held && !held.error().is(Errc::not_found)) return fail(held.error());
  if (held) {
    auto claim = folder->claim();
    if (!claim) return fail(claim.error());
    state.claim = std::move(*claim);
  }
  auto exit = folder->exit();
  if (exit) {
    state.phase = RoundPhase::exited;
    state.exit = std::move(*exit);
  } else if (!exit.error().is(Errc::not_found)) {
    return fail(exit.error());
  } else if (held) {
    state.phase = *held ? RoundPhase::alive : RoundPhase::lost;
  }
  return state;
}

Result<RoundState> forestall(const std::filesystem::path& dir) {
  const auto folder = RoundFolder::open(dir);
  if (!folder) return fail(folder.error());
  {
    Claim claim{.by = "daemon", .shim = self(), .boot_id = boot_id()};
    const auto taken = folder->take(claim);
    if (!taken && !taken.error().is(Errc::conflict)) return fail(taken.error());
    // The lock goes with `taken`: nobody runs this round.
  }
  return inspect(dir);
}

Status request_stop(const std::filesystem::path& dir, const StopRequest& request) {
  const auto folder = RoundFolder::open(dir);
  if (!folder) return fail(folder.error());
  if (folder->exit()) return {};
  const auto before = folder->stop_request();
  if (before && before->urgency >= request.urgency) return {};
  auto merged = request;
  if (before) merged.reason = before->reason;  // the first to ask is why it ends
  if (auto wrote = folder->write_stop(merged); !wrote) return wrote;
  wake_shim(*folder, SIGTERM);
  return {};
}

Status append_input(const std::filesystem::path& dir, std::string_view bytes) {
  const auto folder = RoundFolder::open(dir);
  if (!folder) return fail(folder.error());
  const auto file = folder->open_file("stdin", O_WRONLY | O_APPEND | O_CREAT);
  if (!file) return fail(file.error());
  while (!bytes.empty()) {
    const auto wrote = ::write(file->get(), bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail(os_error(errno, "write to the CLI"));
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  wake_shim(*folder, SIGUSR1);
  return {};
}

Status end_input(const std::filesystem::path& dir) {
  const auto folder = RoundFolder::open(dir);
  if (!folder) return fail(folder.error());
  if (auto made = folder->open_file("stdin.end", O_WRONLY | O_CREAT); !made) {
    return fail(made.error());
  }
  wake_shim(*folder, SIGUSR1);
  return {};
}

Result<Fd> watch_shim(const Claim& claim) {
  if (claim.by != "shim" || claim.boot_id != boot_id()) {
    return fail(Errc::not_found, "the round has no shim any more");
  }
  return open_process(claim.shim);
}

Result<Hunted> hunt_round(const std::filesystem::path& dir) {
  const auto folder = RoundFolder::open(dir);
  if (!folder) return fail(folder.error());
  const auto mark = folder->mark();
  if (!mark && mark.error().is(Errc::not_found)) return Hunted{};  // nothing can have run
  if (!mark) return fail(mark.error());
  std::vector<ProcessRef> known;
  const auto claim = folder->claim();
  if (claim && claim->by == "shim" && claim->boot_id == boot_id() && claim->child) {
    known.push_back(*claim->child);
  }
  return hunt(*mark, known);
}

Status remove_round(const std::filesystem::path& dir) {
  const auto state = inspect(dir);
  if (!state) return fail(state.error());
  if (!is_over(state->phase)) return fail(Errc::conflict, "the round is not over");
  std::error_code error;
  std::filesystem::remove_all(dir, error);
  if (error) return fail(os_error(error.value(), "remove " + dir.string()));
  return {};
}

}  // namespace reeve::proc
