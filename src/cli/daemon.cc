#include <ostream>

#include "cli/commands.h"
#include "client/town_look.h"

namespace reeve::cli {
namespace {

class Stop final : public Command {
  void declare(Options& options) override {
    options.flag("--drain", drain_, "Let running rounds finish first");
    options.flag("--daemon", daemon_,
                 "Leave running rounds running; the next daemon takes them up");
  }
  Status run(Session& session) override {
    if (drain_ && daemon_) return fail(Errc::invalid_argument, "one of --drain and --daemon");
    const auto mode = drain_    ? api::StopMode::drain
                      : daemon_ ? api::StopMode::daemon
                                : api::StopMode::stages;
    auto folder = session.folder();
    if (!folder) return fail(folder.error());
    auto settings = client::settings_from_environment(session.version);
    client::Client client(std::move(*folder), std::move(settings));
    auto stopped = client.stop(mode);
    const bool ran = stopped.has_value();
    if (!ran && !stopped.error().is(Errc::unavailable)) return stopped;
    if (session.json) {
      session.print(write_json({{"stopped", ran}}));
    } else {
      session.out << (ran ? "the daemon has stopped\n" : "no daemon runs\n");
    }
    return {};
  }
  bool drain_ = false;
  bool daemon_ = false;
};

/// Long enough for a daemon that is there.
constexpr std::chrono::milliseconds kPatience{300};

class Version final : public Command {
  void declare(Options&) override {}
  Status run(Session& session) override {
    // Of this town's daemon too, where one runs: it stays what it was when the program is replaced.
    const auto folder = session.folder();
    const auto town = folder ? client::ask_running(*folder, kPatience)
                             : Result<api::TownView>(fail(folder.error()));
    if (session.json) {
      json::object all{{"version", session.version}};
      if (town) all["daemon"] = {{"version", town->version}, {"pid", town->pid}};
      session.print(write_json(all));
      return {};
    }
    session.out << "reeve " << session.version << '\n';
    if (town) {
      session.out << "daemon " << town->version << ", pid " << town->pid;
      if (town->version != session.version)
        session.out << " (reeve stop, and the next is this one)";
      session.out << '\n';
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<Command> make_stop() { return make_command<Stop>(); }
std::unique_ptr<Command> make_version() { return make_command<Version>(); }

}  // namespace reeve::cli
