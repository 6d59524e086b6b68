#include "proc/launch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

namespace reeve::proc {
namespace {

/// What a child tells of its failure.
struct Failure {
  enum Step : int { working_directory, program } step;
  int error;
};

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os_error(errno, "pipe"));
  return Pipe{.read = Fd(ends[0]), .write = Fd(ends[1])};
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// All but 0 to 2 close at exec.
void keep_only_streams() {
  constexpr unsigned kFirst = 3;
  if (::close_range(kFirst, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  // Before Linux 5.11. The shim opens few files, and each of them close-on-exec; this is for what
  // it was started with.
  constexpr int kEnough = 1024;
  for (int fd = kFirst; fd < kEnough; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

/// Tries each path as execvp does, but never hands a file to a shell.
int exec_first(const std::vector<std::string>& paths, char* const* argv, char* const* env) {
  int answer = ENOENT;
  for (const auto& path : paths) {
    ::execve(path.c_str(), argv, env);
    if (errno == EACCES) {
      answer = EACCES;  // a later folder may have one that may be run
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return errno;
    }
  }
  return answer;
}

}  // namespace

std::vector<std::string> program_paths(const std::string& program, std::string_view path) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> paths;
  for (;;) {
    const auto colon = path.find(':');
    const auto folder = path.substr(0, colon);
    paths.push_back((folder.empty() ? std::string(".") : std::string(folder)) + "/" + program);
    if (colon == std::string_view::npos) return paths;
    path.remove_prefix(colon + 1);
  }
}

Result<HeldChild> HeldChild::fork(const RoundSpec& spec, const Streams& streams) {
  auto go = make_pipe();
  if (!go) return fail(go.error());
  auto failure = make_pipe();
  if (!failure) return fail(failure.error());

  const auto path = spec.env.find("PATH");
  const auto paths = program_paths(
      spec.argv.front(),
      path == spec.env.end() ? std::string("/usr/local/bin:/usr/bin:/bin") : path->second);
  std::vector<std::string> variables;
  variables.reserve(spec.env.size());
  for (const auto& [name, value] : spec.env) variables.push_back(name + "=" + value);
  const auto argv = pointers(spec.argv);
  const auto env = pointers(variables);

  const pid_t pid = ::fork();
  if (pid < 0) return fail(os_error(errno, "fork"));
  if (pid == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    go->write.reset();
    char byte = 0;
    ssize_t got = 0;
    while ((got = ::read(go->read.get(), &byte, 1)) < 0 && errno == EINTR) {
    }
    if (got != 1) ::_exit(0);
    Failure why{.step = Failure::working_directory, .error = 0};
    if (::chdir(spec.cwd.c_str()) == 0) {
      ::dup2(streams.in, STDIN_FILENO);
      ::dup2(streams.out, STDOUT_FILENO);
      ::dup2(streams.err, STDERR_FILENO);
      keep_only_streams();
      reset_signals();
      why.error = exec_first(paths, argv.data(), env.data());
      why.step = Failure::program;
    } else {
      why.error = errno;
    }
    [[maybe_unused]] const auto told = ::write(failure->write.get(), &why, sizeof(why));
    ::_exit(127);
  }
  ::setpgid(pid, pid);  // both sides do: neither may be late
  HeldChild child(pid, std::move(go->write), std::move(failure->read));
  child.program_ = spec.argv.front();
  child.cwd_ = spec.cwd;
  return child;
}

HeldChild::~HeldChild() {
  if (!go_) return;
  go_.reset();
  reap();
}

void HeldChild::reap() const {
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status HeldChild::release() {
  const char byte = 1;
  // A child that is gone already is seen by its parent's wait; SIGPIPE is ignored there.
  [[maybe_unused]] const auto told = ::write(go_.get(), &byte, 1);
  go_.reset();
  Failure why{};
  ssize_t got = 0;
  while ((got = ::read(failure_.get(), &why, sizeof(why))) < 0 && errno == EINTR) {
  }
  failure_.reset();
  if (got != sizeof(why)) return {};
  reap();
  const auto what = why.step == Failure::program ? "cannot run \"" + program_ + "\""
                                                 : "cannot work in \"" + cwd_ + "\"";
  switch (why.error) {
    case E2BIG: return fail(Errc::too_large, what + ": argument list and environment too long");
    case ENOEXEC: return fail(Errc::unsupported, what + ": not a program for this machine");
    default: return fail(os_error(why.error, what));
  }
}

}  // namespace reeve::proc
