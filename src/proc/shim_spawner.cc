#include "proc/shim_spawner.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "base/logging.h"

namespace reeve::proc {

class ShimRound;

using namespace std::chrono_literals;

namespace {

/// How soon a round is looked at again: while it writes, and at most while it is idle. An idle look
/// is three system calls.
constexpr std::chrono::nanoseconds kBusy = 5ms;
constexpr std::chrono::nanoseconds kIdle = 100ms;
/// The same where descriptors tell.
constexpr std::chrono::nanoseconds kSafetyNet = 250ms;
constexpr std::chrono::nanoseconds kSweep = 1s;

bool is_readable(const Fd& fd) {
  pollfd polled{.fd = fd.get(), .events = POLLIN, .revents = 0};
  return fd && ::poll(&polled, 1, 0) > 0;
}

}  // namespace

/// Tells which round has moved, by inotify and pidfds behind one epoll descriptor.
struct ShimSpawner::Watches {
  struct Entry {
    ShimRound* round = nullptr;
    std::vector<int> files;  ///< inotify watches
    int process = -1;        ///< pidfd in the epoll set
  };

  Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  Fd files{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  std::unordered_map<std::uint64_t, Entry> rounds;
  std::unordered_map<int, std::uint64_t> by_file;
  std::uint64_t last = 0;  ///< 0 stands for inotify itself

  Watches() {
    if (epoll && files) add(files.get(), 0);
  }

  void add(int fd, std::uint64_t key) const {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = key}};
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event);
  }

  std::uint64_t enter(ShimRound* round, const std::filesystem::path& dir) {
    const auto key = ++last;
    auto& entry = rounds[key];
    entry.round = round;
    for (const char* name : {"out", "err"}) {
      const int watch = ::inotify_add_watch(files.get(), (dir / name).c_str(), IN_MODIFY);
      if (watch < 0) continue;  // no more watches: the timers see it
      entry.files.push_back(watch);
      by_file[watch] = key;
    }
    return key;
  }

  void watch_process(std::uint64_t key, int pidfd) {
    rounds[key].process = pidfd;
    add(pidfd, key);
  }

  /// A pidfd stays readable for ever: told once is enough.
  void forget_process(std::uint64_t key) {
    auto& entry = rounds[key];
    if (entry.process >= 0) ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, entry.process, nullptr);
    entry.process = -1;
  }

  void leave(std::uint64_t key) {
    forget_process(key);
    for (const int watch : rounds[key].files) {
      ::inotify_rm_watch(files.get(), watch);
      by_file.erase(watch);
    }
    rounds.erase(key);
  }

  /// The keys of the rounds that moved.
  std::vector<std::uint64_t> ready() {
    std::vector<std::uint64_t> keys;
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll.get(), events.data(), events.size(), 0);
    for (int i = 0; i < count; ++i) {
      const auto key = events[static_cast<std::size_t>(i)].data.u64;
      if (key != 0) {
        keys.push_back(key);
      } else {
        read_files(keys);
      }
    }
    std::ranges::sort(keys);
    const auto doubles = std::ranges::unique(keys);
    keys.erase(doubles.begin(), doubles.end());
    return keys;
  }

  void read_files(std::vector<std::uint64_t>& keys) {
    alignas(inotify_event) std::array<char, 16 << 10> buffer;
    ssize_t got = 0;
    while ((got = ::read(files.get(), buffer.data(), buffer.size())) > 0) {
      for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        if (const auto found = by_file.find(event->wd); found != by_file.end()) {
          keys.push_back(found->second);
        }
        at += sizeof(inotify_event) + event->len;
      }
    }
  }
};

class ShimRound : public Round {
 public:
  ShimRound(ShimSpawner& spawner, std::filesystem::path dir, OutputOffsets offsets,
            Spawner::Notice notice)
      : spawner_(spawner),
        dir_(std::move(dir)),
        out_(dir_ / "out", {.offset = offsets.out}),
        err_(dir_ / "err", {.offset = offsets.err}),
        notice_(std::make_shared<Spawner::Notice>(std::move(notice))),
        key_(spawner.watches_->enter(this, dir_)) {}

  ~ShimRound() override {
    spawner_.watches_->leave(key_);
    if (child_ > 0) spawner_.children_.push_back(child_);
    if (!spawner_.children_.empty()) spawner_.sweep_children();
  }

  /// Of a shim that was started just now.
  void begin(pid_t child) {
    child_ = child;
    // It is not reaped yet, so its number is surely its own.
    if (const auto stat = read_process(child)) {
      ref_ = stat->ref;
      watch(open_process(ref_));
    }
    look();
  }

  /// Of a shim that an earlier daemon started.
  Status take_up() {
    auto state = inspect(dir_);
    if (state && state->phase == RoundPhase::no_claim) {
      state = forestall(dir_);
      // On a disk that is full or read-only a claim cannot be made. A shim could not make one
      // either.
      if (!state) state = RoundState{.phase = RoundPhase::lost};
    }
    if (!state && state.error().is(Errc::not_found)) return fail(state.error());
    if (!state) {
      logging::warn("round {}: {}: it is ended", dir_.string(), state.error().message());
      // Should its shim still have to start the CLI.
      static_cast<void>(request_stop(dir_, {.reason = "unreadable", .urgency = Urgency::now}));
      state = RoundState{.phase = RoundPhase::lost};
    }
    if (state->phase == RoundPhase::alive && state->claim) watch_holder(*state->claim);
    settle(std::move(*state));
    notify();
    if (!is_final()) again();
    return {};
  }

  [[nodiscard]] const RoundState& state() const override { return state_; }

  Result<OutputBatch> read(OutputStream stream, std::size_t max_bytes) override {
    return (stream == OutputStream::out ? out_ : err_).read(is_final(), max_bytes);
  }

  Status stop(const StopRequest& request) override {
    if (is_final()) return {};
    auto status = request_stop(dir_, request);
    hurry();
    return status;
  }

  Status write_input(std::string_view bytes) override { return append_input(dir_, bytes); }
  Status end_input() override { return proc::end_input(dir_); }

  /// Looks at the files and the shim, tells what is new, and comes back later.
  void look() {
    const auto bytes = out_.size().value_or(0) + err_.size().value_or(0);
    const bool grown = std::exchange(seen_bytes_, bytes) != bytes;
    const bool changed = look_at_shim();
    interval_ = grown || changed ? kBusy : std::min(interval_ * 3 / 2, kIdle);
    if (grown || changed) notify();
    if (!is_final() && !hunting_) again();
  }

 private:
  [[nodiscard]] bool is_final() const { return is_over(state_.phase); }

  void watch_holder(const Claim& claim) {
    ref_ = claim.shim;
    // An earlier Spawner of this same process may have started it.
    const auto stat = read_process(static_cast<pid_t>(ref_.pid));
    if (stat && stat->ref == ref_ && stat->parent == ::getpid())
      child_ = static_cast<pid_t>(ref_.pid);
    watch(watch_shim(claim));
  }

  /// Without a descriptor (too many open files) /proc is asked, look by look.
  void watch(Result<Fd> shim) {
    if (!shim) return;
    shim_ = std::move(*shim);
    spawner_.watches_->watch_process(key_, shim_.get());
  }

  [[nodiscard]] bool shim_runs() const { return shim_ ? !is_readable(shim_) : is_alive(ref_); }

  bool look_at_shim() {
    if (is_final() || hunting_) return false;
    if (shim_runs()) {
      // It runs. What is still to be learnt is that it has claimed the round.
      if (state_.phase != RoundPhase::no_claim) return false;
      auto state = inspect(dir_);
      if (!state || state->phase != RoundPhase::alive) return false;
      state_ = std::move(*state);
      return true;
    }
    if (child_ > 0) {
      reap_shim(child_);
      child_ = -1;
    }
    spawner_.watches_->forget_process(key_);
    shim_.reset();
    auto state = inspect(dir_);
    if (state && state->phase == RoundPhase::no_claim) state = forestall(dir_);
    if (!state) {
      logging::warn("round {}: {}", dir_.string(), state.error().message());
      state = RoundState{.phase = RoundPhase::lost};
    }
    if (state->phase == RoundPhase::alive) {
      // Another shim holds it, or this one has not quite ended.
      if (state->claim) watch_holder(*state->claim);
      state_ = std::move(*state);
      return false;
    }
    settle(std::move(*state));
    return is_final();
  }

  /// A lost round is lost only when nothing of it runs any more.
  void settle(RoundState state) {
    if (state.phase != RoundPhase::lost) {
      state_ = std::move(state);
      return;
    }
    hunting_ = true;
    auto dir = dir_;
    spawner_.env_.offload(
        [dir = std::move(dir)] {
          if (const auto hunted = hunt_round(dir); !hunted) {
            logging::warn("hunt for {}: {}", dir.string(), hunted.error().message());
          } else if (hunted->killed > 0 || hunted->survivors > 0) {
            logging::info("round {} was lost: {} processes killed, {} could not be", dir.string(),
                          hunted->killed, hunted->survivors);
          }
        },
        [this, here = std::weak_ptr(here_), state = std::move(state)]() mutable {
          if (here.expired()) return;
          hunting_ = false;
          state_ = std::move(state);
          notify();
        });
  }

  void notify() {
    if (std::exchange(noticed_, true)) return;
    spawner_.env_.defer([this, here = std::weak_ptr(here_)] {
      if (here.expired()) return;
      noticed_ = false;
      const auto notice = notice_;  // it may destroy this round
      if (*notice) (*notice)();
    });
  }

  void again() {
    const auto delay = spawner_.options_.fd_driven ? kSafetyNet : interval_;
    timer_ = spawner_.env_.after(delay, [this] { look(); });
  }

  void hurry() {
    interval_ = kBusy;
    if (!is_final() && !hunting_) again();
  }

  ShimSpawner& spawner_;
  std::filesystem::path dir_;
  OutputTail out_;
  OutputTail err_;
  std::shared_ptr<Spawner::Notice> notice_;
  std::uint64_t key_;
  RoundState state_;
  ProcessRef ref_;    ///< the shim
  Fd shim_;           ///< its pidfd
  pid_t child_ = -1;  ///< the shim, where it is to be reaped by us
  std::uint64_t seen_bytes_ = 0;
  bool hunting_ = false;
  bool noticed_ = false;
  std::chrono::nanoseconds interval_ = kBusy;
  std::unique_ptr<Env::Timer> timer_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

ShimSpawner::ShimSpawner(Env& env, Options options)
    : env_(env), options_(std::move(options)), watches_(std::make_unique<Watches>()) {}

ShimSpawner::~ShimSpawner() { REEVE_CHECK(watches_->rounds.empty()); }

void ShimSpawner::start(Start start,
                        std::move_only_function<void(Result<std::unique_ptr<Round>>)> done) {
  struct Job {
    Start start;
    Result<pid_t> shim = -1;
  };
  auto job = std::make_shared<Job>(std::move(start));
  env_.offload(
      [job, shim = options_.shim] {
        job->shim = start_round(job->start.dir, job->start.spec, job->start.stdin_text, shim);
      },
      [this, job, here = std::weak_ptr(here_), done = std::move(done)]() mutable {
        if (here.expired()) return;
        if (!job->shim) {
          done(fail(job->shim.error()));
          return;
        }
        auto round = std::make_unique<ShimRound>(*this, job->start.dir, OutputOffsets{},
                                                 std::move(job->start.notice));
        round->begin(*job->shim);
        done(std::move(round));
      });
}

Result<std::unique_ptr<Round>> ShimSpawner::attach(Attach attach) {
  auto round = std::make_unique<ShimRound>(*this, std::move(attach.dir), attach.offsets,
                                           std::move(attach.notice));
  if (auto taken = round->take_up(); !taken) return fail(taken.error());
  return round;
}

int ShimSpawner::ready_fd() const { return watches_->epoll.get(); }

void ShimSpawner::dispatch() {
  for (const auto key : watches_->ready()) {
    const auto found = watches_->rounds.find(key);
    if (found != watches_->rounds.end()) found->second.round->look();
  }
}

/// Shims whose rounds were let go of are still children, and would stay as zombies.
void ShimSpawner::sweep_children() {
  std::erase_if(children_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  sweep_.reset();
  if (!children_.empty()) sweep_ = env_.after(kSweep, [this] { sweep_children(); });
}

}  // namespace reeve::proc
