#include "proc/shim.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "proc/hunt.h"
#include "proc/input_feed.h"
#include "proc/launch.h"
#include "proc/process.h"
#include "proc/round_files.h"
#include "proc/stop_ladder.h"

namespace reeve::proc {
namespace {

using namespace std::chrono_literals;
using Clock = StopLadder::Clock;

/// How often sizes and requests are looked at: soon after something moved, else rarely.
constexpr Clock kTickBusy = 50ms;
constexpr Clock kTickIdle = 250ms;
/// After this long of SIGKILL what is left cannot be ended: another user's, or stuck in the kernel.
constexpr Duration kKillPatience = 30s;
/// How long a full disk may keep the exit status from being written.
constexpr Clock kWritePatience = 60s;

// The shim is a program of its own: it has no Env to ask.
Clock uptime() { return std::chrono::steady_clock::now().time_since_epoch(); }
Time wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

std::uint64_t size_of(const Fd& file) {
  struct stat stat{};
  return ::fstat(file.get(), &stat) == 0 ? static_cast<std::uint64_t>(stat.st_size) : 0;
}

Duration to_duration(const timeval& time) {
  return std::chrono::duration_cast<Duration>(std::chrono::seconds(time.tv_sec) +
                                              std::chrono::microseconds(time.tv_usec));
}

class Shim {
 public:
  explicit Shim(RoundFolder folder) : folder_(std::move(folder)) {}
  ShimEnd run();

 private:
  std::optional<HeldChild> prepare();
  Result<HeldChild> launch();
  void failed(const Error& error);
  void supervise();
  bool reap();
  void main_ended(int status);
  void watch_requests();
  void watch_output();
  void watch_times();
  void stop(std::string reason, Urgency urgency);
  void act(StopAction action);
  void signal_tree(int signal, bool whole_tree);
  std::vector<ProcessStat> tree() const;
  void wait();
  void end_escaped();
  ShimEnd report();

  RoundFolder folder_;
  RoundSpec spec_;
  Exit exit_;
  Fd claim_;
  Fd out_;
  Fd err_;
  Fd signals_;
  InputFeed input_;
  StopLadder ladder_;

  pid_t main_ = -1;
  bool main_reaped_ = false;
  std::optional<Clock> settle_until_;  ///< set while descendants may end by themselves
  Clock started_ = uptime();
  Clock now_ = uptime();
  Clock tick_ = kTickBusy;
  std::uint64_t seen_bytes_ = 0;
  bool told_ = false;  ///< SIGTERM came
  ino_t request_ = 0;  ///< the stop.json that was read last
  timespec request_time_{};
};

ShimEnd Shim::run() {
  exit_.started_at = wall_clock();
  auto child = prepare();
  Claim claim{.shim = self(), .boot_id = boot_id(), .at = exit_.started_at};
  if (child) {
    // The start time stays what it is through the exec.
    if (const auto stat = read_process(child->pid())) claim.child = stat->ref;
  }
  auto taken = folder_.take(claim);
  if (!taken) return taken.error().is(Errc::conflict) ? ShimEnd::gave_up : ShimEnd::failed;
  claim_ = std::move(*taken);
  // On a disk that is full already the exit status may still find room later.
  [[maybe_unused]] const auto reserved = folder_.reserve_exit();

  watch_requests();
  if (child && !exit_.stopped) {
    main_ = child->pid();
    const auto released = child->release();
    input_.forget_reader();
    if (released) {
      supervise();
    } else {
      failed(released.error());
    }
  }
  child.reset();  // one that was never released ends before the report
  return report();
}

/// The CLI's process, held; nothing, and exit_.spawn_error, where it cannot be had.
std::optional<HeldChild> Shim::prepare() {
  auto spec = folder_.spec();
  Status usable = spec ? check(*spec) : Status(fail(spec.error()));
  if (!usable) {
    failed(usable.error());
    return std::nullopt;
  }
  spec_ = std::move(*spec);
  auto child = launch();
  if (!child) {
    failed(child.error());
    return std::nullopt;
  }
  return std::move(*child);
}

void Shim::failed(const Error& error) {
  exit_.spawn_error = SpawnError{std::string(describe(error.code()).name), error.message()};
}

Result<HeldChild> Shim::launch() {
  auto out = folder_.open_file("out", O_WRONLY | O_CREAT | O_APPEND);
  if (!out) return fail(out.error());
  auto err = folder_.open_file("err", O_WRONLY | O_CREAT | O_APPEND);
  if (!err) return fail(err.error());
  out_ = std::move(*out);
  err_ = std::move(*err);

  Fd input;
  HeldChild::Streams streams{.out = out_.get(), .err = err_.get()};
  if (spec_.input == Input::stream) {
    if (auto opened = input_.open(folder_); !opened) return fail(opened.error());
    streams.in = input_.reader();
  } else {
    auto opened = spec_.input == Input::file
                      ? folder_.open_file("stdin", O_RDONLY)
                      : Result<Fd>(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
    if (!opened) return fail(opened.error());
    input = std::move(*opened);
    streams.in = input.get();
  }
  auto& env = spec_.env;
  env[std::string(kMarkVariable)] = spec_.mark;
  return HeldChild::fork(spec_, streams);
}

void Shim::supervise() {
  sigset_t watched;
  ::sigprocmask(SIG_BLOCK, nullptr, &watched);
  signals_.reset(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  for (;;) {
    now_ = uptime();
    if (reap()) break;
    watch_requests();
    watch_output();
    watch_times();
    input_.feed(folder_);
    while (const auto action = ladder_.due(now_)) act(*action);
    if (ladder_.killing(now_) > kKillPatience) break;
    wait();
  }
  for (const auto& process : tree()) exit_.survivors += process.is_zombie() ? 0 : 1;
  if (exit_.survivors == 0) end_escaped();
}

/// True: every descendant has ended and is reaped. The kernel says so, since whatever loses its
/// parent becomes a child of the shim.
bool Shim::reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG | __WALL);
    if (pid == main_) main_ended(status);
    if (pid == 0) return false;
    if (pid < 0 && errno != EINTR) return errno == ECHILD;
  }
}

void Shim::main_ended(int status) {
  main_reaped_ = true;
  if (WIFSIGNALED(status)) {
    exit_.signal = WTERMSIG(status);
  } else {
    exit_.code = WEXITSTATUS(status);
  }
  input_.close();
  settle_until_ = now_ + spec_.settle;
  ladder_.hurry(spec_.settle, now_);
}

void Shim::watch_requests() {
  struct stat stat{};
  const bool asked = ::fstatat(folder_.fd(), "stop.json", &stat, 0) == 0;
  if (!asked) {
    // Somebody else than the daemon wants it to end: a person, a service manager.
    if (std::exchange(told_, false)) stop("signal", Urgency::gentle);
    return;
  }
  told_ = false;
  if (stat.st_ino == request_ && stat.st_mtim.tv_nsec == request_time_.tv_nsec &&
      stat.st_mtim.tv_sec == request_time_.tv_sec) {
    return;
  }
  request_ = stat.st_ino;
  request_time_ = stat.st_mtim;
  const auto request = folder_.stop_request();
  if (request) {
    stop(request->reason, request->urgency);
  } else {
    stop("unreadable_request", Urgency::gentle);  // what cannot be read was surely meant to stop
  }
}

void Shim::watch_output() {
  const auto bytes = size_of(out_) + size_of(err_);
  tick_ = bytes != seen_bytes_ ? kTickBusy : std::min(tick_ * 2, kTickIdle);
  seen_bytes_ = bytes;
  // A runaway does not get the time to be asked nicely: it would go on filling the disk.
  if (bytes > spec_.output_limit) stop("output_limit", Urgency::now);
}

void Shim::watch_times() {
  if (spec_.time_limit && !main_reaped_ && now_ - started_ >= *spec_.time_limit) {
    stop("time_limit", Urgency::gentle);
  }
  if (settle_until_ && now_ >= *settle_until_) {
    settle_until_.reset();
    if (!ladder_.climbing()) {
      for (const auto& process : tree()) exit_.lingering += process.is_zombie() ? 0 : 1;
      ladder_.begin({{StopAction::terminate, spec_.linger}}, now_);
    }
  }
}

void Shim::stop(std::string reason, Urgency urgency) {
  if (!exit_.stopped) exit_.stopped = Stopped{.reason = std::move(reason)};
  if (urgency == Urgency::now) {
    ladder_.kill_now(now_);
    return;
  }
  auto stages = spec_.stop;
  if (main_reaped_) stages = {{StopAction::terminate, spec_.linger}};
  if (!input_.is_open()) {
    std::erase_if(stages,
                  [](const StopStage& stage) { return stage.action == StopAction::close_input; });
  }
  ladder_.begin(std::move(stages), now_);
}

void Shim::act(StopAction action) {
  switch (action) {
    case StopAction::close_input: input_.close(); break;
    case StopAction::interrupt: signal_tree(SIGINT, false); break;
    case StopAction::terminate: signal_tree(SIGTERM, true); break;
    case StopAction::kill: signal_tree(SIGKILL, true); break;
  }
}

void Shim::signal_tree(int signal, bool whole_tree) {
  // The group in one call, so that none of it is missed in the midst of a fork. Its number is safe
  // for as long as its leader is not reaped.
  if (!main_reaped_ && ::kill(-main_, signal) != 0) ::kill(main_, signal);  // it left its group
  std::vector<ProcessStat> others = tree();
  std::erase_if(others, [&](const ProcessStat& process) {
    const bool in_group = process.group == main_;
    return main_reaped_ ? !whole_tree && !in_group : !whole_tree || in_group;
  });
  signal_all(others, signal);
  if (signal == SIGKILL) return;
  // A stopped process would not see the signal.
  if (!main_reaped_) ::kill(-main_, SIGCONT);
  signal_all(others, SIGCONT);
}

std::vector<ProcessStat> Shim::tree() const { return descendants(::getpid(), all_processes()); }

void Shim::wait() {
  auto until = now_ + tick_;
  if (const auto next = ladder_.next()) until = std::min(until, *next);
  if (settle_until_) until = std::min(until, *settle_until_);
  if (spec_.time_limit && !main_reaped_ && !exit_.stopped) {
    until = std::min(until, started_ + *spec_.time_limit);
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - uptime()).count();
  std::array<pollfd, 2> polled{pollfd{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = input_.waits_for(), .events = POLLOUT, .revents = 0}};
  ::poll(polled.data(), polled.size(), static_cast<int>(std::max<long>(left, 0)));
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGTERM) told_ = true;
  }
}

/// Processes with the round's mark that are nobody's descendants: somebody else started them for
/// the CLI. Older ones than the shim cannot be of this round.
void Shim::end_escaped() {
  const auto born = self().start;
  const auto deadline = uptime() + kKillPatience;
  for (bool first = true;; first = false) {
    auto escaped = marked(spec_.mark, all_processes());
    std::erase_if(escaped, [&](const ProcessStat& process) { return process.ref.start < born; });
    if (first) exit_.lingering += static_cast<std::int64_t>(escaped.size());
    if (escaped.empty()) return;
    signal_all(escaped, SIGKILL);
    if (uptime() > deadline) {
      exit_.survivors = static_cast<std::int64_t>(escaped.size());
      return;
    }
    constexpr int kBetweenScansMs = 10;
    ::poll(nullptr, 0, kBetweenScansMs);
  }
}

ShimEnd Shim::report() {
  exit_.out_bytes = size_of(out_);
  exit_.err_bytes = size_of(err_);
  exit_.ended_at = wall_clock();
  if (exit_.stopped) exit_.stopped->reached = ladder_.reached();
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  exit_.used = {.user_time = to_duration(used.ru_utime),
                .system_time = to_duration(used.ru_stime),
                .max_rss_kb = used.ru_maxrss};
  // An exit status that is on disk vouches for the output.
  if (out_) ::fdatasync(out_.get());
  if (err_) ::fdatasync(err_.get());
  for (const auto deadline = uptime() + kWritePatience;;) {
    if (folder_.write_exit(exit_)) return ShimEnd::done;
    if (uptime() > deadline) return ShimEnd::failed;
    constexpr int kBetweenTriesMs = 500;
    ::poll(nullptr, 0, kBetweenTriesMs);
  }
}

/// Cuts every tie to whoever started this process.
void become_shim() {
  ::setsid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; ++fd) ::dup2(nowhere, fd);
  ::close_range(3, ~0U, 0);
  [[maybe_unused]] const auto nowhere_to_unmount = ::chdir("/");
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU}) {
    ::signal(number, SIG_IGN);
  }
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGCHLD, SIGTERM, SIGUSR1}) sigaddset(&watched, number);
  // From here on none of them is lost: they wait until they are read.
  ::sigprocmask(SIG_SETMASK, &watched, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

int run_shim(const std::filesystem::path& round_dir) {
  std::error_code error;
  const auto dir = std::filesystem::absolute(round_dir, error);
  if (error) return static_cast<int>(ShimEnd::failed);
  become_shim();
  auto folder = RoundFolder::open(dir);
  if (!folder) return static_cast<int>(ShimEnd::failed);
  return static_cast<int>(Shim(std::move(*folder)).run());
}

}  // namespace reeve::proc
