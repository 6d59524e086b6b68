#include "app/serve.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ostream>

#include "app/daemon.h"
#include "app/keeper.h"
#include "app/mirror_choice.h"
#include "base/logging.h"
#include "client/town_registry.h"
#include "wire/problem.h"

namespace reeve::app {
namespace {

/// Where a starter waits for the word (client/start_daemon.cc).
constexpr int kReadyFd = 3;
/// The first word to the starter wins; the descriptor is closed with it.
void tell_starter(std::string_view text) {
  const auto written = ::write(kReadyFd, text.data(), text.size());
  static_cast<void>(written);
  ::close(kReadyFd);
}

class Serve final : public cli::Command {
  void declare(cli::Options& options) override {
    options.flag("--background", background_, "Leave the terminal; what commands use to start it");
    options.value("--mirror", mirror_,
                  "The Redis in which tinytown sees the town, in place of the settings'");
    options.flag("--no-mirror", no_mirror_, "Tinytown does not see the town, whatever they say");
  }

  Status run(cli::Session& session) override {
    auto folder = session.folder();
    if (!folder) return refuse(folder.error());
    auto settings = client::read_settings(*folder);
    if (!settings) return refuse(settings.error());
    if (auto chosen = choose_mirror(mirror_, no_mirror_, settings->mirror); !chosen)
      return refuse(chosen.error());
    DaemonOptions options{*folder, *settings, session.version, {}};
    // Only so that `reeve towns` knows it: a town serves without.
    if (const auto registry = client::registry_path()) {
      static_cast<void>(
          client::remember_town(*registry, {settings->name, folder->root().string()}));
    }
    if (background_) {
      const auto child = ::fork();
      if (child < 0) return refuse(os_error(errno, "start the keeper"));
      if (child > 0) ::_exit(0);  // the starter waits for this process only
    } else {
      session.out << "serving " << settings->name << " in " << folder->root().string()
                  << " (Ctrl-C stops the daemon; running rounds go on)\n"
                  << std::flush;
    }
    if (::chdir("/") != 0) return refuse(os_error(errno, "leave the folder"));
    if (background_) std::signal(SIGHUP, SIG_IGN);
    bool first = true;
    auto kept = keep(
        *folder, [&] { return serve(options, background_ && first); },
        [&] {
          if (background_ && first) ::close(kReadyFd);
          first = false;
        });
    if (first && !kept) {
      if (background_ && kept.error().is(Errc::conflict)) {
        tell_starter("another\n");
        return {};
      }
      return refuse(kept.error());
    }
    return kept;
  }

  Status refuse(const Error& error) {
    if (background_) tell_starter(wire::write_problem(error));
    return fail(error);
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
  std::string mirror_;
  bool no_mirror_ = false;
};

}  // namespace

std::unique_ptr<cli::Command> make_serve() { return std::make_unique<Serve>(); }

}  // namespace reeve::app
