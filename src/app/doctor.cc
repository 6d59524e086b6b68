#include "app/doctor.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <ostream>

#include "llm/settings.h"
#include "proc/launch.h"
#include "proc/preset.h"

namespace reeve::app {
namespace {

enum class Verdict { good, note, bad };
BOOST_DESCRIBE_ENUM(Verdict, good, note, bad)

struct Finding {
  std::string subject;
  Verdict verdict = Verdict::good;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Finding, (), (subject, verdict, text))

/// Below this a round's output or a commit may soon not fit.
constexpr std::uint64_t kLittleSpace = 1ULL << 30;

std::optional<std::string> find_program(std::string_view program) {
  const char* path = std::getenv("PATH");
  for (const auto& candidate :
       proc::program_paths(std::string(program), path != nullptr ? path : "")) {
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

class Doctor final : public cli::Command {
  void declare(cli::Options&) override {}

  Status run(cli::Session& session) override {
    check_programs();
    check_town(session);
    bool bad = false;
    for (const auto& finding : findings_) bad = bad || finding.verdict == Verdict::bad;
    if (session.json) {
      session.print_json(findings_);
    } else {
      cli::Table table;
      for (const auto& finding : findings_) {
        const auto colour = finding.verdict == Verdict::good  ? cli::Colour::green
                            : finding.verdict == Verdict::bad ? cli::Colour::red
                                                              : cli::Colour::yellow;
        table.row(
            {session.paint(colour, enum_name(finding.verdict)), finding.subject, finding.text});
      }
      table.print(session.out);
    }
    if (bad) return fail(Errc::unavailable, "something needs to be mended");
    return {};
  }

  void add(std::string subject, Verdict verdict, std::string text) {
    findings_.push_back({std::move(subject), verdict, std::move(text)});
  }

  void check_programs() {
    if (const auto git = find_program("git"))
      add("git", Verdict::good, *git);
    else
      add("git", Verdict::note, "not found: agents that work with git need it (apt install git)");
    for (const auto& preset : proc::presets()) {
      const auto found = find_program(preset.program);
      add(std::string(preset.name), found ? Verdict::good : Verdict::note,
          found ? *found : "not installed: " + std::string(preset.install));
    }
  }

  void check_town(cli::Session& session) {
    auto folder = session.folder();
    if (!folder) {
      add("town", Verdict::note, folder.error().message());
      return;
    }
    auto settings = client::read_settings(*folder);
    if (settings)
      add("town", Verdict::good, settings->name + " in " + folder->root().string());
    else
      add("town", Verdict::bad, settings.error().message());
    if (settings) check_providers(*settings, folder->dir());
    const auto dir = folder->dir().string();
    if (::access(dir.c_str(), W_OK) != 0) add("folder", Verdict::bad, dir + " cannot be written");
    struct statvfs disk{};
    if (::statvfs(dir.c_str(), &disk) == 0) {
      const auto free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
      add("disk", free < kLittleSpace ? Verdict::bad : Verdict::good,
          std::to_string(free >> 20) + " MiB free");
    }
    auto quiet = client::settings_from_environment(session.version);
    quiet.may_start_daemon = false;
    client::Client client(*folder, quiet);
    const auto town = client.town();
    if (town) check_agents(*town);
    if (town) {
      add("daemon", town->version == session.version ? Verdict::good : Verdict::note,
          "pid " + std::to_string(town->pid) + ", version " + town->version);
    } else {
      add("daemon", Verdict::note, "does not run; the next command starts it");
    }
  }

  void check_agents(const api::TownView& town) {
    if (::geteuid() != 0) return;
    for (const auto& view : town.agents) {
      const auto& agent = view.agent;
      if (is_ended(agent.state)) continue;
      if (auto refused = proc::refused_as_root(agent.cli, agent.permissions, agent.env))
        add(agent.name, Verdict::bad, std::move(*refused));
    }
  }

  /// Whether each could be asked; nobody is asked, that may cost money.
  void check_providers(const client::TownSettings& settings, const std::filesystem::path& dir) {
    for (const auto& member : settings.providers) {
      const auto subject = "provider " + std::string(member.key());
      const auto plan = llm::read_provider(member.key(), member.value(), dir);
      if (!plan) {
        add(subject, Verdict::bad, plan.error().message());
        continue;
      }
      const auto* server = std::get_if<llm::OpenAiPlan>(&*plan);
      if (server == nullptr) {
        add(subject, Verdict::good, "says what its script says");
      } else if (!server->settings.key) {
        add(subject, Verdict::bad, server->settings.key.error().message());
      } else {
        const auto& model = server->settings.model;
        add(subject, Verdict::good,
            server->settings.base_url + (model.empty() ? "" : ", model " + model) +
                (server->settings.key->empty() ? ", without a key" : ""));
      }
    }
  }

  std::vector<Finding> findings_;
};

}  // namespace

std::unique_ptr<cli::Command> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace reeve::app
