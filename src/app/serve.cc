#include "app/serve.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ostream>
#include <thread>

#include "app/daemon.h"
#include "base/logging.h"
#include "wire/problem.h"

namespace reeve::app {
namespace {

using namespace std::chrono_literals;

/// Where a starter waits for the word (client/start_daemon.cc).
constexpr int kReadyFd = 3;
/// A daemon that lived for this long was well: the next restart is soon again.
constexpr auto kHealthy = 60s;
constexpr auto kFirstPause = 100ms;
constexpr auto kLastPause = 30s;

/// How a daemon's process ends when a restart would not help.
constexpr int kRefused = 3;

/// The first word to the starter wins; the descriptor is closed with it.
void tell_starter(std::string_view text) {
  const auto written = ::write(kReadyFd, text.data(), text.size());
  static_cast<void>(written);
  ::close(kReadyFd);
}

volatile std::sig_atomic_t daemon_pid = 0;

void pass_on(int signal) {
  if (daemon_pid > 0) ::kill(daemon_pid, signal);
}

class Serve final : public cli::Command {
  void declare(cli::Options& options) override {
    options.flag("--background", background_, "Leave the terminal; what commands use to start it");
  }

  Status run(cli::Session& session) override {
    auto folder = session.folder();
    if (!folder) return refuse(folder.error());
    auto settings = client::read_settings(*folder);
    if (!settings) return refuse(settings.error());
    DaemonOptions options{*folder, *settings, session.version, {}};
    if (background_) {
      const auto child = ::fork();
      if (child < 0) return refuse(os_error(errno, "start the keeper"));
      if (child > 0) ::_exit(0);  // the starter waits for this process only
    } else {
      session.out << "serving " << settings->name << " in " << folder->root().string()
                  << " (Ctrl-C stops the daemon; running rounds go on)\n"
                  << std::flush;
    }
    return keep(std::move(options));
  }

  Status refuse(const Error& error) {
    if (background_) tell_starter(wire::write_problem(error));
    return fail(error);
  }

  /// Restarts the daemon as long as it dies of something that a restart may mend.
  Status keep(DaemonOptions options) {
    ::prctl(PR_SET_NAME, "reeve-keeper");
    if (::chdir("/") != 0) return fail(os_error(errno, "leave the folder"));
    if (background_) {
      std::signal(SIGHUP, SIG_IGN);
    }
    auto pause = std::chrono::milliseconds(kFirstPause);
    for (bool first = true;; first = false) {
      const auto began = std::chrono::steady_clock::now();
      const auto child = ::fork();
      if (child < 0) return refuse(os_error(errno, "start the daemon"));
      if (child == 0) {
        ::prctl(PR_SET_NAME, "reeve-daemon");
        std::signal(SIGTERM, SIG_DFL);
        std::signal(SIGINT, SIG_DFL);
        ::_exit(serve(options, background_ && first));
      }
      daemon_pid = child;
      std::signal(SIGTERM, pass_on);
      std::signal(SIGINT, pass_on);
      if (background_ && first) ::close(kReadyFd);
      int status = 0;
      while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
      }
      daemon_pid = 0;
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
      if (WIFEXITED(status) && WEXITSTATUS(status) == kRefused)
        return fail(Errc::unavailable, "the daemon could not start");
      if (std::chrono::steady_clock::now() - began > kHealthy) pause = kFirstPause;
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::milliseconds(kLastPause));
    }
  }

  /// In the daemon's process. Returns its exit code.
  int serve(DaemonOptions options, bool tell) {
    ::umask(0077);
    if (background_) logging::to_file(options.folder.log());
    options.ready = [&] {
      if (tell) tell_starter("ready\n");
      tell = false;
    };
    const auto served = run_daemon(options);
    if (served) return 0;
    logging::error("the daemon ends: {}", served.error().message());
    if (tell)
      tell_starter(served.error().is(Errc::conflict) ? "another\n"
                                                     : wire::write_problem(served.error()));
    if (!background_) {
      const auto line = "reeve: " + served.error().message() + "\n";
      const auto written = ::write(STDERR_FILENO, line.data(), line.size());
      static_cast<void>(written);
    }
    return kRefused;
  }

  bool background_ = false;
};

}  // namespace

std::unique_ptr<cli::Command> make_serve() { return std::make_unique<Serve>(); }

}  // namespace reeve::app
