#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/redis_router.h"
#include "store/portable.h"
#include "store/redis/server.h"

/// What stands in a town's keys, read and written without opening the town: for moving it.
namespace reeve::store::redis {

/// One Redis, asked for one town's keys. Error replies are errors here.
class TownKeys {
 public:
  /// `keys`: what stands in the braces (RedisOptions::town).
  TownKeys(Env& env, boost::asio::any_io_executor executor, net::RedisAddress address,
           const std::string& keys);

  [[nodiscard]] std::string key(std::string_view name) const { return server_.key(name); }
  [[nodiscard]] const std::string& prefix() const { return prefix_; }

  Async<Result<RedisReply>> ask(RedisWords words) { return server_.ask(std::move(words)); }
  /// A script, with the prefix as its one key.
  Async<Result<RedisReply>> run(Script script, RedisWords args) {
    return server_.run(script, std::move(args));
  }
  Async<Status> ask_all(std::vector<RedisWords> commands);
  /// What stands behind "PREFIX" + `kind` in the names of keys, each once.
  Async<Result<std::vector<std::string>>> names(std::string kind);
  /// Counts up when the connection is another one: a cursor of an earlier one means nothing there.
  [[nodiscard]] std::uint64_t connection() const { return router_.generation(); }
  /// Before it goes.
  Async<> close() { return router_.close(); }

 private:
  std::string prefix_;
  net::RedisRouter router_;
  Server server_;
};

/// Everything in these keys as rows. `own`: it closes them.
Async<Result<std::unique_ptr<portable::Source>>> read_rows(std::shared_ptr<TownKeys> keys,
                                                           bool own);

}  // namespace reeve::store::redis
