#include "app/doctor/store.h"

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "aio/real_env.h"
#include "aio/run.h"
#include "app/check_redis.h"
#include "app/open_store.h"
#include "base/quantity.h"
#include "store/redis/place.h"

namespace reeve::app {
namespace {

void check_file(const store::SqliteOptions& options, Findings& findings) {
  std::error_code error;
  const auto size = std::filesystem::file_size(options.path, error);
  findings.add("store", Verdict::good,
               "sqlite " + options.path + (error ? ", not made yet" : ", " + size_text(size)));
}

void check_town(const store::RedisPlace& place, const StorePlan& plan, Findings& findings) {
  const auto where = plan.display + ", keys " + store::redis_prefix(place.keys) + "*";
  if (!place.moved.empty()) {
    findings.add("store", Verdict::bad, where + ": the town was moved to " + place.moved);
  } else if (place.copying) {
    findings.add("store", Verdict::bad,
                 where + ": a town was being copied there and is not whole: reeve migrate again");
  } else if (!place.exists) {
    findings.add("store", Verdict::note, where + ": no town yet; the first daemon makes it");
  } else {
    findings.add(
        "store", Verdict::good,
        where + ", " + std::to_string(place.head) + " events, " +
            (place.holder.empty() ? std::string("run by nobody now") : "run by " + place.who));
  }
}

}  // namespace

void check_store(const client::TownFolder& folder, const client::TownSettings& settings,
                 Findings& findings) {
  const auto plan = plan_store(folder, settings);
  if (!plan) {
    findings.add("store", Verdict::bad, plan.error().message());
    return;
  }
  if (const auto* sqlite = plan->sqlite()) return check_file(*sqlite, findings);
  const auto& redis = *plan->redis();
  boost::asio::io_context loop;
  aio::RealEnv env(loop);
  const auto version = aio::run(loop, check_redis(env, loop.get_executor(), redis));
  if (!version) {
    findings.add("redis", Verdict::bad, version.error().message());
    return;
  }
  findings.add(
      "redis", redis.durability == store::RedisDurability::everysec ? Verdict::note : Verdict::good,
      "version " + *version + ", " +
          (redis.settings_asserted
               ? "its settings were asserted, not looked at"
               : "its settings give durability " + std::string(enum_name(redis.durability))));
  const auto place =
      aio::run(loop, store::look_at_redis(env, loop.get_executor(), redis.address, plan->town));
  if (!place) {
    findings.add("store", Verdict::bad, place.error().message());
    return;
  }
  check_town(*place, *plan, findings);
}

}  // namespace reeve::app
