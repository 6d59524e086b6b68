#include "app/open_town.h"

#include "aio/real_env.h"
#include "aio/run.h"
#include "app/aside.h"
#include "app/check_redis.h"
#include "client/keeper_lock.h"
#include "store/redis/place.h"

namespace reeve::app {

Result<OpenedStore> open_town(Env& env, boost::asio::io_context& loop,
                              const client::TownFolder& folder, const StorePlan& plan,
                              std::function<void(Error)> on_lost) {
  // Before anybody has the store open.
  if (is_pending(folder)) {
    std::optional<client::KeeperLock> keeper;  // a daemon's keeper has it; `reeve reset`, too
    if (plan.opener == Opener::program) {
      auto taken = client::KeeperLock::take(folder);
      if (!taken) return fail(taken.error().during("the town is being reset"));
      keeper = std::move(*taken);
    }
    auto finished = finish_aside(folder, [&](std::uint64_t generation) {
      return aio::run(loop, begin_generation(env, loop.get_executor(), plan, generation));
    });
    if (!finished) return fail(finished.error());
  }
  return aio::run(loop, open_store(env, loop.get_executor(), folder, plan, std::move(on_lost)));
}

Status check_place(const StorePlan& plan, Join join) {
  const auto* redis = plan.redis();
  if (redis == nullptr) {
    if (join != Join::must) return {};
    return fail(Errc::invalid_argument,
                "--join takes part in a town on Redis: --store redis://...");
  }
  boost::asio::io_context loop;
  aio::RealEnv env(loop);
  const auto fit = aio::run(loop, check_redis(env, loop.get_executor(), *redis));
  if (!fit) return fail(fit.error());
  const auto place =
      aio::run(loop, store::look_at_redis(env, loop.get_executor(), redis->address, plan.town));
  if (!place) return fail(place.error());
  if (place->exists && join == Join::no) {
    return fail(Errc::conflict,
                "there is a town " + plan.town + " on " + plan.display + " already (" +
                    std::to_string(place->head) + " events): " +
                    (plan.opener == Opener::program
                         ? "choose another name or database, or give its name to open that one"
                         : "choose another --name or database, or --join it to serve it from this "
                           "folder"));
  }
  if (!place->exists && join == Join::must)
    return fail(Errc::not_found, "there is no town " + plan.town + " on " + plan.display);
  return {};
}

}  // namespace reeve::app
