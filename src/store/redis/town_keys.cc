#include "store/redis/town_keys.h"

#include <set>
#include <utility>

#include "net/redis_error.h"
#include "store/redis/codec.h"
#include "store/redis/redis_store.h"

namespace reeve::store::redis {

TownKeys::TownKeys(Env& env, boost::asio::any_io_executor executor, net::RedisAddress address,
                   const std::string& keys)
    : prefix_(redis_prefix(keys)),
      router_(std::move(executor), env, std::move(address), prefix_),
      server_(router_, prefix_) {}

Async<Status> TownKeys::ask_all(std::vector<RedisWords> commands) {
  auto replies = co_await router_.ask_all(std::move(commands));
  if (!replies) co_return fail(replies.error());
  for (const auto& reply : *replies) {
    if (reply.is_error()) co_return fail(net::redis_error(reply));
  }
  co_return Status();
}

Async<Result<std::vector<std::string>>> TownKeys::names(std::string kind) {
  std::set<std::string> found;
  std::uint64_t begun = 0;
  for (std::string cursor = "0";;) {
    RedisWords args{cursor, kind};
    auto reply = co_await run(Script::names, std::move(args));
    if (!reply) co_return fail(reply.error());
    if (cursor == "0") begun = connection();
    if (begun != connection()) {
      cursor = "0";
      continue;
    }
    if (reply->elements.empty()) co_return fail(not_understood());
    for (std::size_t i = 1; i < reply->elements.size(); ++i) found.insert(reply->elements[i].text);
    cursor = reply->elements[0].text;
    if (cursor == "0") break;
  }
  co_return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace reeve::store::redis
