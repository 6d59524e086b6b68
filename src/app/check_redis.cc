#include "app/check_redis.h"

#include <chrono>

#include "net/redis_router.h"
#include "store/redis/settings.h"

namespace reeve::app {
namespace {

/// A person waits.
constexpr std::chrono::milliseconds kPatience{5'000};

}  // namespace

aio::Async<Result<std::string>> check_redis(Env& env, boost::asio::any_io_executor executor,
                                            store::RedisOptions options) {
  net::RedisOptions how;
  how.name = "reeve:" + options.town;
  how.away_limit = kPatience;
  how.connect_timeout = kPatience;
  how.greet = [durability = options.durability, asserted = options.settings_asserted](
                  net::RedisAsk ask, std::uint64_t) {
    return store::redis::check_server(std::move(ask), durability, asserted);
  };
  net::RedisRouter router(std::move(executor), env, options.address,
                          store::redis_prefix(options.town), std::move(how));
  net::RedisWords words{"INFO", "server"};
  auto reply = co_await router.ask(std::move(words));
  co_await router.close();
  if (!reply) co_return fail(reply.error().during(options.address.display()));
  if (reply->is_error()) co_return fail(net::redis_error(*reply));
  co_return store::redis::settings_of(reply->text).version;
}

}  // namespace reeve::app
