#include "app/reset.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ostream>
#include <thread>

#include "aio/real_env.h"
#include "aio/run.h"
#include "app/aside.h"
#include "app/open_store.h"
#include "client/keeper_lock.h"
#include "proc/rounds.h"
#include "run/round_folders.h"
#include "store/redis/place.h"
#include "store/sqlite/lock_file.h"

namespace reeve::app {
namespace {

using namespace std::chrono_literals;

/// How long a keeper takes to end behind its daemon, and some.
constexpr auto kPatience = 10s;

Time now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

/// Nobody can start a daemon while it is held.
Result<client::KeeperLock> take_keeper_lock(const client::TownFolder& folder) {
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience;;) {
    auto lock = client::KeeperLock::take(folder, "it begins anew (reeve reset)");
    if (lock || !lock.error().is(Errc::conflict) || std::chrono::steady_clock::now() > deadline)
      return lock;
    std::this_thread::sleep_for(20ms);
  }
}

/// Where no daemon can be started any more, rounds of an earlier one may be running still.
Status check_rounds(const client::TownFolder& folder) {
  for (const auto& run : run::rounds_on_disk(folder.rounds())) {
    const auto state = proc::inspect(run::round_folder(folder.rounds(), run));
    if (!state || state->phase != proc::RoundPhase::alive) continue;
    return fail(Errc::conflict,
                "round " + run.str() +
                    " is running, and no daemon can be started "
                    "to end it: see .reeve/daemon.log, or end process " +
                    (state->claim ? std::to_string(state->claim->shim.pid) : std::string("?")));
  }
  return {};
}

Status await_no_rounds(const client::TownFolder& folder) {
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience;;) {
    auto none = check_rounds(folder);
    if (none || std::chrono::steady_clock::now() > deadline) return none;
    std::this_thread::sleep_for(100ms);
  }
}

class Reset final : public cli::Command {
  void declare(cli::Options& options) override {
    options.flag("--force", force_, "Do it; without it, what would go is listed");
    options.flag("--agents-only", agents_only_,
                 "Only the agents, with what waits for them; tasks, events and settings stay");
  }

  Status run(cli::Session& session) override {
    if (std::getenv("REEVE_TOKEN") != nullptr) {
      return fail(Errc::denied,
                  "a town is reset from outside of a round: ask the people who run it");
    }
    auto folder = session.folder();
    if (!folder) return fail(folder.error());
    // Of a town that is not the daemon's business to explain.
    const auto settings = client::read_settings(*folder);
    if (!settings) return fail(settings.error());
    const auto plan = plan_store(*folder, *settings);
    if (!plan) return fail(plan.error());
    auto client = session.client();
    if (!client) return fail(client.error());
    const bool interrupted = is_pending(*folder);
    const auto town = client->town();
    if (!force_)
      return agents_only_ ? list_agents(session, town) : list(session, town, *folder, *plan);
    if (interrupted && town) return tell(session, *town, *folder, last_kept(*folder), *plan);
    if (agents_only_) return clear_agents(session, *client);

    auto kept = do_it(*folder, *client, town, *plan);
    if (!kept) return fail(kept.error());
    const auto anew = client->town();
    if (!anew)
      return fail(anew.error().during("the former town is kept in " + kept->string() +
                                      ", but the new one does not start"));
    return tell(session, *anew, *folder, kept->string(), *plan);
  }

  static Status list(cli::Session& session, const Result<api::TownView>& town,
                     const client::TownFolder& folder, const StorePlan& plan) {
    if (!town) return fail(town.error());
    const auto& tasks = town->tasks;
    const auto all = tasks.pending + tasks.assigned + tasks.running + tasks.completed +
                     tasks.failed + tasks.cancelled;
    if (session.json) {
      session.print(write_json({{"done", false},
                                {"log", town->log},
                                {"events", town->events},
                                {"agents", sum(town->agent_counts)},
                                {"tasks", all},
                                {"running", tasks.running},
                                {"supervisor_inbox", town->supervisor_inbox}}));
    } else {
      session.out << "would begin anew: " << town->name << " in " << town->root << "\n  "
                  << sum(town->agent_counts) << " agents, " << all << " tasks (" << tasks.running
                  << " running, " << tasks.pending + tasks.assigned << " waiting), "
                  << town->supervisor_inbox << " messages for you, " << town->events
                  << " events\n  the settings stay, and all of this is kept aside in .reeve/"
                  << (is_elsewhere(folder, plan) ? " and beside " + plan.sqlite()->path : "")
                  << "\n";
    }
    return fail(Errc::invalid_argument, "nothing was reset: `reeve reset --force` does it");
  }

  static Status list_agents(cli::Session& session, const Result<api::TownView>& town) {
    if (!town) return fail(town.error());
    const auto agents = sum(town->agent_counts);
    const auto open = town->tasks.assigned + town->tasks.running;
    if (session.json) {
      session.print(write_json(
          {{"done", false}, {"agents_only", true}, {"agents", agents}, {"open_tasks", open}}));
    } else {
      session.out << "would take " << agents << " agents out of " << town->name
                  << ", and cancel their " << open
                  << " open tasks; other tasks, events and settings stay\n";
    }
    return fail(Errc::invalid_argument,
                "nothing was reset: `reeve reset --agents-only --force` does it");
  }

  /// Stops every agent and takes it out of the town: its open tasks are cancelled.
  static Status clear_agents(cli::Session& session, client::Client& client) {
    const std::string reason = "the town was reset";
    const auto killed = client.kill_all(reason);
    if (!killed) return fail(killed.error());
    for (const auto& agent : killed->agents) {
      const auto ended = client.wait_agent(agent.id.str(), std::nullopt, "stopped");
      if (!ended) return fail(ended.error().during(agent.name));
    }
    const auto pruned = client.prune_all({.reason = reason, .leftovers = api::Leftovers::drop});
    if (!pruned) return fail(pruned.error());
    std::size_t gone = 0;
    for (const auto& agent : pruned->agents) {
      if (agent.error) return fail(Errc::conflict, agent.name + " stays: " + *agent.error);
      ++gone;
    }
    if (session.json) {
      session.print_json(*pruned);
    } else {
      session.out << gone << (gone == 1 ? " agent is" : " agents are") << " out of the town\n";
    }
    return {};
  }

  /// Answers where the former store is kept.
  static Result<std::filesystem::path> do_it(const client::TownFolder& folder,
                                             client::Client& client,
                                             const Result<api::TownView>& town,
                                             const StorePlan& plan) {
    auto stopped = client.stop(api::StopMode::stages);
    if (!stopped && !stopped.error().is(Errc::unavailable)) {
      return fail(
          stopped.error().during("the daemon and its rounds must end first; nothing was reset"));
    }
    // Of a town that says nothing any more nobody else has waited for them.
    if (!town) {
      if (auto none = await_no_rounds(folder); !none) return fail(none.error());
    }
    auto keeper = take_keeper_lock(folder);
    if (!keeper) {
      return fail(Errc::conflict,
                  "somebody starts the town's daemon again and again: nothing was "
                  "reset (" +
                      keeper.error().message() + ")");
    }
    const auto former = town ? town->log : std::string();
    if (plan.redis() != nullptr) return do_it_on_redis(folder, former, plan);
    auto store = store::sqlite::LockFile::take(plan.sqlite()->path + ".lock", now());
    if (!store) return fail(store.error());
    if (!is_elsewhere(folder, plan)) return set_aside(folder, former, now());
    // What lies in .reeve is the town's; of a file elsewhere only the daemon could say so.
    const auto& path = plan.sqlite()->path;
    const auto& seen = store->last();
    if (former.empty() || !seen || seen->log != former ||
        seen->file != store::sqlite::file_identity(path)) {
      return fail(Errc::conflict,
                  "the store lies outside of .reeve, and nobody can say that what is there is this "
                  "town's: nothing was reset. If it is, move " +
                      path +
                      " aside yourself, with what begins like it, and the next command makes a new "
                      "one");
    }
    return set_aside(folder, former, now(), {}, {}, path);
  }

  static bool is_elsewhere(const client::TownFolder& folder, const StorePlan& plan) {
    return plan.sqlite() != nullptr && plan.sqlite()->path != folder.database();
  }

  /// While it is done we hold the former town, so that no daemon elsewhere goes on with it. One
  /// that Redis has lost cannot be held, and nobody can go on with it.
  static Result<std::filesystem::path> do_it_on_redis(const client::TownFolder& folder,
                                                      const std::string& former,
                                                      const StorePlan& plan) {
    boost::asio::io_context loop;
    aio::RealEnv env(loop);
    const auto executor = loop.get_executor();
    auto held = aio::run(loop, open_store(env, executor, folder, plan));
    if (!held && !held.error().is(Errc::corrupt)) return fail(held.error());
    auto generation = aio::run(
        loop, store::free_redis_generation(env, executor, plan.redis()->address, plan.town));
    Result<std::filesystem::path> kept;
    if (generation) {
      // Redis may have forgotten which there were.
      *generation = std::max(*generation, remembered_generation(folder) + 1);
      kept = set_aside(folder, former, now(), *generation, [&](std::uint64_t next) {
        return aio::run(loop, begin_generation(env, executor, plan, next));
      });
    } else {
      kept = fail(generation.error());
    }
    if (held) aio::run(loop, held->store->close());
    return kept;
  }

  /// Where the store is that an interrupted reset had set aside.
  static std::string last_kept(const client::TownFolder& folder) {
    std::string last;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder.dir(), error)) {
      const auto name = entry.path().filename().string();
      if (name.starts_with("before-reset-")) last = std::max(last, entry.path().string());
    }
    return last;
  }

  static Status tell(cli::Session& session, const api::TownView& town,
                     const client::TownFolder& folder, const std::string& kept,
                     const StorePlan& plan) {
    std::string database;
    if (is_elsewhere(folder, plan)) database = kept_database(plan.sqlite()->path, kept);
    if (session.json) {
      json::object done{{"done", true}, {"log", town.log}, {"kept_in", kept}};
      if (!database.empty()) done["store_kept_as"] = database;
      session.print(write_json(done));
      return {};
    }
    session.out << town.name << " begins anew; what was there is kept in " << kept;
    if (!database.empty()) session.out << ", its store as " << database;
    session.out << "\n(to go back: reeve stop, then move its files back into .reeve";
    if (!database.empty()) session.out << ", and the store's to where they were";
    if (plan.redis() != nullptr) session.out << "; what was on Redis stays there: docs/redis.md";
    session.out << ")\n";
    return {};
  }

  bool force_ = false;
  bool agents_only_ = false;
};

}  // namespace

std::unique_ptr<cli::Command> make_reset() { return std::make_unique<Reset>(); }

}  // namespace reeve::app
