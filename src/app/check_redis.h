#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <string>

#include "aio/suspend.h"
#include "base/env.h"
#include "store/redis/redis_store.h"

namespace reeve::app {

/// Whether a Redis can be reached, and is fit for a town: its version, and whether its settings
/// give the durability (store/redis/settings.h). Nothing is written. Answers its version. Errors:
/// open_redis()'s.
aio::Async<Result<std::string>> check_redis(Env& env, boost::asio::any_io_executor executor,
                                            store::RedisOptions options);

}  // namespace reeve::app
