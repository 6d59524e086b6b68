#include <ostream>

#include "cli/commands.h"

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

class Version final : public Command {
  void declare(Options&) override {}
  Status run(Session& session) override {
    if (session.json) {
      session.print(write_json({{"version", session.version}}));
    } else {
      session.out << "reeve " << session.version << '\n';
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<Command> make_stop() { return make_command<Stop>(); }
std::unique_ptr<Command> make_version() { return make_command<Version>(); }

}  // namespace reeve::cli
