#include "app/doctor/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ostream>

#include "app/doctor/clis.h"
#include "app/doctor/finding.h"
#include "app/doctor/machine.h"
#include "app/doctor/store.h"
#include "client/settings_file.h"
#include "client/settings_keys.h"
#include "client/town_look.h"
#include "client/town_registry.h"
#include "llm/settings.h"

namespace reeve::app {
namespace {

constexpr std::chrono::milliseconds kPatience{5'000};

/// The variables of a process; empty where they are not ours to see.
proc::Variables variables_of(std::int64_t pid) {
  proc::Variables variables;
  const auto text = client::read_small_file("/proc/" + std::to_string(pid) + "/environ");
  if (!text) return variables;
  for (std::size_t at = 0; at < text->size();) {
    const auto end = std::min(text->find('\0', at), text->size());
    const auto entry = text->substr(at, end - at);
    if (const auto equals = entry.find('='); equals != std::string::npos && equals > 0)
      variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    at = end + 1;
  }
  return variables;
}

class Doctor final : public cli::Command {
  void declare(cli::Options&) override {}

  Status run(cli::Session& session) override {
    auto folder = session.folder();
    if (folder) {
      check_town(session, *folder);
    } else {
      findings_.add("town", Verdict::note, folder.error().message());
      std::error_code error;
      where_.root = std::filesystem::current_path(error);
    }
    surround(proc::current_environment());
    check_git(where_.root, where_.environment["PATH"], findings_);
    check_presets(where_, used_, findings_);
    if (town_) {
      std::vector<Agent> agents;
      for (const auto& view : town_->agents) agents.push_back(view.agent);
      check_agents(where_, agents, findings_);
    }
    check_limits(findings_);
    check_registry();
    return tell(session);
  }

  Status tell(cli::Session& session) {
    if (session.json) {
      session.print_json(findings_.all());
    } else {
      cli::Table table;
      for (const auto& finding : findings_.all()) {
        const auto colour = finding.verdict == Verdict::good  ? cli::Colour::green
                            : finding.verdict == Verdict::bad ? cli::Colour::red
                                                              : cli::Colour::yellow;
        table.row(
            {session.paint(colour, enum_name(finding.verdict)), finding.subject, finding.text});
      }
      table.print(session.out);
    }
    if (findings_.any_bad()) return fail(Errc::unavailable, "something needs to be mended");
    return {};
  }

  void check_town(cli::Session& session, const client::TownFolder& folder) {
    where_.root = folder.root();
    check_settings(folder);
    check_folder(folder.dir(), folder.socket(), findings_);
    auto quiet = client::settings_from_environment(session.version);
    quiet.may_start_daemon = false;
    auto town = client::ask_running(folder, kPatience);
    if (town) {
      town_ = std::move(*town);
      surround(variables_of(town_->pid));
      const bool same = town_->version == session.version;
      findings_.add("daemon", same ? Verdict::good : Verdict::note,
                    "pid " + std::to_string(town_->pid) + ", version " + town_->version +
                        (same ? ""
                              : ", this is " + session.version +
                                    ": reeve stop, then any "
                                    "command"));
      for (const auto& view : town_->agents) {
        if (!is_ended(view.agent.state)) used_.push_back(view.agent.cli);
      }
      check_last_event(folder, quiet);
      check_documents(folder, quiet);
    } else {
      const bool away = town.error().is(Errc::unavailable);
      findings_.add("daemon", away ? Verdict::note : Verdict::bad,
                    away ? "does not run; the next command starts it"
                         : town.error().message() + ": see " + folder.log().string());
    }
  }

  /// What rounds get. The first who knows says it: a running daemon, else this process.
  void surround(const proc::Variables& variables) {
    if (!where_.environment.empty() || variables.empty()) return;
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    const auto path = variables.find("PATH");
    where_.environment = proc::child_environment(
        variables, {{"PATH", self.string() + ":" + (path == variables.end() ? "" : path->second)}});
  }

  void check_settings(const client::TownFolder& folder) {
    const auto settings = client::read_settings(folder);
    if (!settings) {
      findings_.add("town", Verdict::bad, settings.error().message());
      return;
    }
    findings_.add("town", Verdict::good, settings->name + " in " + folder.root().string());
    check_store(folder, *settings, findings_);
    check_providers(*settings, folder.dir());
    const auto path = folder.settings().string();
    const auto text = client::read_small_file(path);
    if (!text) return;
    const auto all = client::view_settings(*text, path);
    if (!all) return;
    for (const auto& setting : client::unknown_settings(*all)) {
      findings_.add("settings", Verdict::bad,
                    path + ":" + std::to_string(setting.line.value_or(0)) + ": nobody reads " +
                        setting.key + ": " + setting.help + " (reeve config --unset " +
                        setting.key + " removes it)");
    }
    for (const auto& setting : *all) {
      const auto* known = client::find_setting(setting.key);
      if (known == nullptr || known->choices.empty() ||
          std::ranges::find(known->choices, setting.value) != known->choices.end())
        continue;
      std::string choices;
      for (const auto& choice : known->choices)
        choices += (choices.empty() ? "" : ", ") + std::string(choice);
      findings_.add("settings", Verdict::bad,
                    setting.key + " is one of " + choices + ", not \"" + setting.value + "\"");
    }
  }

  void check_last_event(const client::TownFolder& folder, const client::ClientSettings& quiet) {
    client::Client client(folder, quiet);
    client::Client::EventQuery query;
    query.latest = 1;
    const auto newest = client.read_events(query);
    std::optional<Time> last;
    if (newest && !newest->events.empty()) last = newest->events.back().time;
    check_clock(std::chrono::floor<Duration>(std::chrono::system_clock::now()), last, findings_);
  }

  void check_documents(const client::TownFolder& folder, const client::ClientSettings& quiet) {
    client::Client client(folder, quiet);
    const auto report = client.recover(true);
    if (!report) {
      findings_.add("documents", Verdict::bad, report.error().message());
      return;
    }
    for (const auto& damaged : report->damaged)
      findings_.add("documents", Verdict::bad, damaged.text);
  }

  void check_registry() {
    const auto registry = client::registry_path();
    if (!registry) {
      findings_.add("towns", Verdict::note, "HOME is not set: no list of towns is kept");
      return;
    }
    const auto towns = client::known_towns(*registry);
    if (!towns) {
      findings_.add("towns", Verdict::note, towns.error().message());
      return;
    }
    const auto gone = std::ranges::count_if(
        *towns, [](const client::KnownTown& town) { return !client::is_there(town); });
    findings_.add("towns", gone > 0 ? Verdict::note : Verdict::good,
                  std::to_string(towns->size()) + " known" +
                      (gone > 0 ? ", the folders of " + std::to_string(gone) +
                                      " are gone: reeve towns --prune"
                                : ""));
  }

  /// Whether each could be asked; nobody is asked, that may cost money.
  void check_providers(const client::TownSettings& settings, const std::filesystem::path& dir) {
    for (const auto& member : settings.providers) {
      const auto subject = "provider " + std::string(member.key());
      const auto plan = llm::read_provider(member.key(), member.value(), dir);
      if (!plan) {
        findings_.add(subject, Verdict::bad, plan.error().message());
        continue;
      }
      const auto* server = std::get_if<llm::OpenAiPlan>(&*plan);
      if (server == nullptr) {
        findings_.add(subject, Verdict::good, "says what its script says");
      } else if (!server->settings.key) {
        findings_.add(subject, Verdict::bad, server->settings.key.error().message());
      } else {
        const auto& model = server->settings.model;
        findings_.add(subject, Verdict::good,
                      server->settings.base_url + (model.empty() ? "" : ", model " + model) +
                          (server->settings.key->empty() ? ", without a key" : ""));
      }
    }
  }

  Findings findings_;
  Surroundings where_;
  std::vector<std::string> used_;  // CLIs that must be there
  std::optional<api::TownView> town_;
};

}  // namespace

std::unique_ptr<cli::Command> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace reeve::app
