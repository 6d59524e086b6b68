#include "app/init.h"

#include <ostream>

#include "app/mirror_choice.h"
#include "app/open_town.h"
#include "app/redis_flags.h"
#include "client/town_folder.h"
#include "client/town_registry.h"

namespace reeve::app {
namespace {

class Init final : public cli::Command {
  void declare(cli::Options& options) override {
    options.value("-n,--name", name_, "The town's name; else made from the folder and its branch");
    options.value("-c,--cli", cli_, "The CLI of agents that name none");
    options.choice(
        "--durability", durability_, {"disk", "os", "everysec", "memory"},
        "What an acknowledged change survives: a power cut, a killed daemon, or nothing; "
        "everysec: on Redis, all but its last second");
    options.section("A town on Redis");
    options.value("--store", store_.url, "redis://, rediss:// or unix://; else a file: sqlite");
    declare_redis_access(options, store_);
    options.flag("--join", join_, "Serve a town that is there already");
    options.section("Tinytown");
    options.value("--mirror", mirror_, "The Redis in which tinytown sees the town: redis://...");
    options.flag("--no-mirror", no_mirror_, "Tinytown does not see the town");
  }

  Status run(cli::Session& session) override {
    std::error_code error;
    const auto root =
        std::filesystem::absolute(session.town.value_or("."), error).lexically_normal();
    auto clean = root.filename().empty() ? root.parent_path() : root;
    const client::TownFolder folder(clean);
    client::TownSettings settings;
    settings.name = name_.empty() ? client::suggest_name(clean) : name_;
    settings.default_cli = cli_;
    settings.durability = durability_;
    settings.store = store_;
    if (auto good = client::check_store_url(store_.url); !good) return fail(good.error());
    const auto plan = plan_store(folder, settings);
    if (!plan) return fail(plan.error());
    // A town that is here already is told of first.
    if (!std::filesystem::exists(folder.settings(), error)) {
      if (auto fit = check_place(*plan, join_ ? Join::must : Join::no); !fit) return fit;
    }
    if (auto chosen = choose_mirror(mirror_, no_mirror_, settings.mirror); !chosen) return chosen;
    if (auto made = client::create_town(folder, settings); !made) return made;
    if (const auto registry = client::registry_path()) {
      if (auto known = client::remember_town(*registry, {settings.name, clean.string()}); !known)
        session.err << "note: `reeve towns` will not know it yet: " << known.error().message()
                    << '\n';
    }
    if (session.json) {
      session.print(write_json(
          {{"name", settings.name}, {"root", clean.string()}, {"store", plan->display}}));
    } else {
      session.out << "made the town " << session.paint(cli::Colour::bold, settings.name) << " in "
                  << clean.string()
                  << (plan->redis() == nullptr ? std::string() : ", kept on " + plan->display)
                  << "\nnext: reeve spawn NAME [--cli PRESET], then reeve assign NAME \"...\"\n";
    }
    return {};
  }

  std::string name_;
  std::string cli_ = "claude";
  std::string durability_ = "disk";
  client::StoreSettings store_;
  bool join_ = false;
  std::string mirror_;
  bool no_mirror_ = false;
};

}  // namespace

std::unique_ptr<cli::Command> make_init() { return std::make_unique<Init>(); }

}  // namespace reeve::app
