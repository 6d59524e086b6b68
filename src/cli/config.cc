#include <algorithm>
#include <ostream>

#include "cli/commands.h"
#include "client/settings_edit.h"
#include "client/settings_file.h"
#include "client/settings_keys.h"
#include "client/town_look.h"
#include "llm/settings.h"

namespace reeve::cli {
namespace {

/// Long enough for a daemon that is there.
constexpr std::chrono::milliseconds kPatience{300};

class Config final : public Command {
  void declare(Options& options) override {
    options.positional("KEY", key_, "A setting, such as agents.silence; without it, all", false);
    options.rest("VALUE", value_, "What it is to be");
    options.flag("--unset", unset_, "Take it out of town.toml: its default holds again");
  }

  Status run(Session& session) override {
    if (value_.size() > 1)
      return fail(Errc::invalid_argument, "one value: put a text with blanks in quotes");
    if (unset_ && (key_.empty() || !value_.empty()))
      return fail(Errc::invalid_argument, "--unset wants a setting, and no value");
    auto folder = session.folder();
    if (!folder) return fail(folder.error());
    const auto path = folder->settings().string();
    if (unset_ || !value_.empty()) return change(session, *folder, path);
    const auto text = client::read_small_file(path);
    if (!text) return fail(text.error());
    return show(session, *text, path);
  }

  Status change(Session& session, const client::TownFolder& folder, const std::string& path) {
    const auto alone = client::lock_folder(folder.dir());
    if (!alone) return fail(alone.error());
    const auto text = client::read_small_file(path);
    if (!text) return fail(text.error());
    auto changed = unset_ ? client::without_setting(*text, path, key_)
                          : client::with_setting(*text, path, key_, value_.front());
    if (!changed) return fail(changed.error());
    const auto provider = read_provider(*changed, path);
    const auto problem =
        provider && !*provider ? std::optional(provider->error()) : std::optional<Error>();
    if (problem && !unset_ && is_to_blame(*problem, *text, path)) return fail(*problem);
    if (*changed != *text) {
      if (auto written = client::replace_file(path, *changed); !written) return written;
    }
    const bool waits = *changed != *text && client::ask_running(folder, kPatience).has_value();
    auto settings = client::view_settings(*changed, path);
    if (!settings) return fail(settings.error());
    const auto now = std::ranges::find(*settings, key_, &client::SettingView::key);
    if (session.json) {
      session.print(write_json(
          {{"key", key_},
           {"value", now == settings->end() ? json::value(nullptr) : json::value(now->value)},
           {"source", now == settings->end() ? "" : now->source},
           {"changed", *changed != *text},
           {"restart_needed", waits},
           {"problem", problem ? json::value(problem->message()) : json::value(nullptr)}}));
      return {};
    }
    if (waits) session.err << "the running daemon takes it when it is started anew: reeve stop\n";
    if (problem)
      session.err << "as it stands, no daemon starts with it: " << problem->message() << '\n';
    return {};
  }

  /// As a daemon would read it: the provider that the key belongs to; nothing: there is none.
  [[nodiscard]] std::optional<Status> read_provider(const std::string& text,
                                                    const std::string& path) const {
    constexpr std::string_view kProviders = "providers.";
    if (!key_.starts_with(kProviders)) return std::nullopt;
    auto name = key_.substr(kProviders.size());
    name = name.substr(0, name.find('.'));
    const auto settings = client::parse_settings(text, path);
    if (!settings) return fail(settings.error());
    const auto* table = settings->providers.if_contains(name);
    if (table == nullptr) return std::nullopt;
    const auto plan = llm::read_provider(name, *table, std::filesystem::path(path).parent_path());
    return plan ? Status() : fail(plan.error());
  }
  /// A provider is set up one setting after the other, so it may be incomplete; but what is set now
  /// is neither wrong itself nor breaks what was in order.
  [[nodiscard]] bool is_to_blame(const Error& problem, const std::string& before,
                                 const std::string& path) const {
    const auto was = read_provider(before, path);
    return (was && *was) || problem.message().contains(key_.substr(key_.rfind('.') + 1));
  }

  Status show(Session& session, const std::string& text, const std::string& path) {
    const auto settings = client::view_settings(text, path);
    if (!settings) return fail(settings.error());
    if (!key_.empty()) {
      const auto found = std::ranges::find(*settings, key_, &client::SettingView::key);
      if (found == settings->end()) return fail(no_such(*settings));
      if (session.json)
        session.print_json(*found);
      else
        session.print(found->value);
      return {};
    }
    if (session.json) {
      session.print_json(*settings);
      return {};
    }
    Table table;
    for (const auto& setting : *settings) {
      const bool unknown = setting.source == "unknown";
      const auto from =
          setting.line ? "town.toml:" + std::to_string(*setting.line) : setting.source;
      table.row(
          {unknown ? session.paint(Colour::red, setting.key) : setting.key,
           setting.value.empty() ? session.paint(Colour::dim, "-") : one_line(setting.value, 40),
           session.paint(Colour::dim, from), setting.help});
    }
    table.print(session.out);
    return {};
  }

  /// A table's name is met with what stands in it.
  [[nodiscard]] Error no_such(const std::vector<client::SettingView>& settings) const {
    std::string inside;
    for (const auto& setting : settings) {
      if (setting.key.starts_with(key_ + ".")) inside += (inside.empty() ? "" : ", ") + setting.key;
    }
    if (!inside.empty())
      return {Errc::invalid_argument, key_ + " is a table; its settings: " + inside};
    if (client::is_setting(key_)) return {Errc::not_found, key_ + " is not set"};
    return client::no_such_setting(key_);
  }

  std::string key_;
  std::vector<std::string> value_;
  bool unset_ = false;
};

}  // namespace

std::unique_ptr<Command> make_config() { return make_command<Config>(); }

}  // namespace reeve::cli
