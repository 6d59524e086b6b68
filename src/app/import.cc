#include "app/import.h"

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <ostream>

#include "aio/real_env.h"
#include "aio/run.h"
#include "app/mirror_choice.h"
#include "app/open_store.h"
#include "doors/tinytown/read_town.h"
#include "doors/tinytown/town_file.h"

namespace reeve::app {
namespace fs = std::filesystem;
namespace tinytown = doors::tinytown;
namespace {

/// A person waits.
constexpr std::chrono::milliseconds kPatience{5'000};

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

Result<tinytown::TtTown> read_town(const tinytown::TownFile& file) {
  boost::asio::io_context loop;
  aio::RealEnv env(loop);
  net::RedisOptions options;
  options.name = "reeve import";
  options.away_limit = options.connect_timeout = kPatience;
  net::RedisConnection redis(loop.get_executor(), env, file.redis, options);
  auto town = aio::run(loop, tinytown::read_town(redis, file.name, tinytown::moment_of(env.now())));
  aio::run(loop, redis.close());
  if (!town) return fail(town.error().during("tinytown's Redis, " + file.redis.display()));
  return town;
}

class ImportTinytown final : public cli::Command {
  void declare(cli::Options& options) override {
    options.positional("PATH", path_, "The tinytown town's folder, where tinytown.toml lies");
    options.value("--redis", redis_,
                  "Its Redis, if it is not where tinytown.toml and REDIS_URL say");
    options.flag("--cold", cold_, "Its agents take no work before `reeve restart`");
    options.flag("--dry-run", dry_run_, "Only say what would be taken over");
  }

  Status run(cli::Session& session) override {
    if (std::getenv("REEVE_TOKEN") != nullptr) {
      return fail(Errc::denied,
                  "a town is taken over from outside of a round: ask the people who run it");
    }
    std::error_code error;
    const auto root = fs::absolute(path_, error).lexically_normal();
    const auto file = tinytown::read_town_file(
        root, {.redis_url = variable("REDIS_URL"), .password = variable("TINYTOWN_REDIS_PASSWORD")},
        redis_);
    if (!file) return fail(file.error());
    const auto folder = session.folder();
    if (!folder) return fail(folder.error());
    const auto settings = client::read_settings(*folder);
    if (!settings) return fail(settings.error());
    auto town = read_town(*file);
    if (!town) return fail(town.error());
    auto taken =
        tinytown::take_over(*town, {.clis = file->clis, .limits = settings->limits, .cold = cold_});
    report_.notes = std::move(taken.notes);
    add_settings(*file, *settings, *folder, root);
    if (auto told = tell_of_mirror(session, *file, *settings, *folder); !told) return told;
    if (dry_run_) {
      count(taken.all);
      return tell(session, *file);
    }
    auto client = session.client();
    if (!client) return fail(client.error());
    for (const auto& part : tinytown::parts_of(std::move(taken.all))) {
      const auto done = client->import_part(part);
      if (!done)
        return fail(done.error().during("what was taken over before stays; import again goes on"));
      add(*done);
    }
    move_logs(root, *folder);
    return tell(session, *file);
  }

  void add_settings(const tinytown::TownFile& file, const client::TownSettings& settings,
                    const client::TownFolder& folder, const fs::path& root) {
    if (file.default_cli != settings.default_cli) {
      report_.notes.push_back("its default CLI is " + file.default_cli + ", here it is " +
                              settings.default_cli + ": reeve config default_cli '" +
                              file.default_cli + "'");
    }
    for (const auto& note : file.notes) report_.notes.push_back(note);
    std::error_code error;
    if (!fs::equivalent(folder.root(), root, error)) {
      report_.notes.push_back("its agents worked in " + root.string() + ", and work in " +
                              folder.root().string() + " from now on");
    }
  }

  /// Before the daemon is started, whose mirror would begin to write.
  Status tell_of_mirror(cli::Session& session, const tinytown::TownFile& file,
                        const client::TownSettings& settings, const client::TownFolder& folder) {
    const auto plan = plan_store(folder, settings);
    if (!plan) return fail(plan.error());
    const auto mirror = mirror_address(settings.mirror, redis_of(*plan));
    if (!mirror) return fail(mirror.error().during(folder.settings().string()));
    if (!*mirror || !shares_keys(**mirror, settings.name, file.redis, file.name)) return {};
    const auto what = std::string("the mirror writes into the keys of this very tinytown town: ") +
                      (dry_run_ ? "" : "what is taken over is ours there from now on; ") +
                      "to leave them alone, reeve config mirror.enabled false before the import, "
                      "or a mirror.redis with another database";
    report_.notes.insert(report_.notes.begin(), what);
    if (!session.json) session.err << "note: " << what << '\n' << std::flush;
    return {};
  }

  void count(const api::ImportRequest& all) {
    report_.agents = static_cast<std::int64_t>(all.agents.size());
    report_.tasks = static_cast<std::int64_t>(all.tasks.size());
    report_.messages = static_cast<std::int64_t>(all.messages.size());
    report_.events = static_cast<std::int64_t>(all.events.size());
  }

  void add(const api::ImportReport& part) {
    report_.agents += part.agents;
    report_.tasks += part.tasks;
    report_.messages += part.messages;
    report_.events += part.events;
    report_.known += part.known;
    report_.notes.insert(report_.notes.end(), part.notes.begin(), part.notes.end());
  }

  /// Rounds of ours do not write among those of tinytown.
  void move_logs(const fs::path& root, const client::TownFolder& folder) {
    std::error_code error;
    const auto from = root / ".tt" / "logs";
    if (!fs::is_directory(from, error) || fs::is_empty(from, error)) return;
    const auto into = folder.dir() / "tinytown";
    fs::create_directories(into, error);
    auto to = into / "logs";
    for (int number = 2; fs::exists(to, error); ++number)
      to = into / ("logs-" + std::to_string(number));
    fs::rename(from, to, error);
    if (error) {
      report_.notes.push_back("its logs stay in " + from.string() + ": " + error.message());
      return;
    }
    fs::create_directory(from, error);  // tt writes on
    report_.notes.push_back("its logs are in " + to.string() + " now");
  }

  Status tell(cli::Session& session, const tinytown::TownFile& file) {
    if (session.json) {
      session.print_json(report_);
      return {};
    }
    session.out << (dry_run_ ? "would take over from " : "took over from ") << file.name << " on "
                << file.redis.display() << ": " << report_.agents << " agents, " << report_.tasks
                << " tasks, " << report_.messages << " messages, " << report_.events << " events";
    if (report_.known > 0) session.out << "; " << report_.known << " were here already";
    session.out << '\n';
    for (const auto& note : report_.notes) session.out << "  " << cli::printable(note) << '\n';
    return {};
  }

  std::string path_;
  std::string redis_;
  bool cold_ = false;
  bool dry_run_ = false;
  api::ImportReport report_;
};

}  // namespace

std::unique_ptr<cli::Command> make_import_tinytown() { return std::make_unique<ImportTinytown>(); }

}  // namespace reeve::app
