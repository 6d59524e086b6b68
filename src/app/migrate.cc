#include "app/migrate.h"

#include <chrono>
#include <cstdlib>
#include <ostream>

#include "app/move_town.h"
#include "app/redis_flags.h"

namespace reeve::app {
namespace {

constexpr auto kTellEvery = std::chrono::seconds(1);

class Migrate final : public cli::Command {
  void declare(cli::Options& options) override {
    options.value("--to", request_.to,
                  "Where to: sqlite, sqlite:PATH, redis://, rediss:// or unix://");
    options.value("--durability", request_.durability,
                  "What an acknowledged change survives there: disk, os or memory; on Redis disk, "
                  "everysec or memory");
    declare_redis_access(options, request_);
    options.flag("--replace", request_.replace, "A town that is there already is kept aside");
    options.flag("--dry-run", request_.dry_run, "Only look and count: nothing is written");
  }

  Status run(cli::Session& session) override {
    if (request_.to.empty())
      return fail(Errc::invalid_argument, "where to? --to redis://HOST, --to sqlite, ...");
    if (std::getenv("REEVE_TOKEN") != nullptr) {
      return fail(Errc::denied,
                  "a town is moved from outside of a round: ask the people who run it");
    }
    const auto folder = session.folder();
    if (!folder) return fail(folder.error());
    auto last = std::chrono::steady_clock::now();
    const auto report =
        move_town(*folder, request_, [&](std::string_view doing, std::uint64_t rows) {
          const auto now = std::chrono::steady_clock::now();
          if (now - last < kTellEvery) return;
          last = now;
          session.err << doing << ' ' << rows << " rows\n" << std::flush;
        });
    if (!report) return fail(report.error());
    if (session.json) {
      session.print_json(*report);
      return {};
    }
    session.out << (report->done ? "moved" : "would move") << " from " << report->from << "\n  to "
                << report->to << '\n';
    for (const auto& [name, number] : report->rows) {
      if (number > 0) session.out << "  " << number << ' ' << name << '\n';
    }
    if (report->done) {
      session.out << (report->followed ? "it was there already: the settings follow it"
                                       : "both sides were compared, and cursors go on")
                  << "\nthe old store is kept in " << report->kept_in << '\n';
    }
    return {};
  }

  MoveRequest request_;
};

}  // namespace

std::unique_ptr<cli::Command> make_migrate() { return std::make_unique<Migrate>(); }

}  // namespace reeve::app
