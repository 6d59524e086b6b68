#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "aio/suspend.h"
#include "base/env.h"
#include "base/error.h"
#include "event/event.h"
#include "net/redis_url.h"

/// A town's place on a Redis, looked at and changed from outside: no town is opened by it, and
/// nobody who has one open is disturbed.
///
/// Keys of the town oak begin with "reeve:{oak}:". A reset, or a town that is moved there, begins
/// another generation, with keys that begin with "reeve:{oak@2}:", ...; what was before stays as it
/// is. "reeve:{oak}:now" says which one holds: one write decides.
namespace reeve::store {

using aio::Async;

struct RedisPlace {
  std::uint64_t generation = 1;
  std::string keys;  ///< what stands in the braces of its keys: RedisOptions::town
  bool exists = false;
  bool copying = false;    ///< a town is, or was, being copied there, and is not whole
  std::string log;         ///< the log's id
  std::uint64_t head = 0;  ///< of the log
  std::string moved;       ///< to where the town was moved from here; empty: it was not
  std::string holder;      ///< who holds the town (RedisOptions::holder); empty: nobody
  std::string who;         ///< the same for people
  Duration left{};         ///< how much longer at least, by Redis' own clock
};

/// "oak", "oak@2".
std::string redis_keys(std::string_view town, std::uint64_t generation);

/// Errors: those of the connection; corrupt: what is there was not written by this program.
Async<Result<RedisPlace>> look_at_redis(Env& env, boost::asio::any_io_executor executor,
                                        net::RedisAddress address, std::string town);
/// That generation is the town from now on.
Async<Status> set_redis_generation(Env& env, boost::asio::any_io_executor executor,
                                   net::RedisAddress address, std::string town,
                                   std::uint64_t generation);
/// The first generation behind the current one of which nothing is there.
Async<Result<std::uint64_t>> free_redis_generation(Env& env, boost::asio::any_io_executor executor,
                                                   net::RedisAddress address, std::string town);
/// The town is elsewhere now: nobody opens it here any more. May be done again. conflict: its log
/// does not end at `head` any more, or another holder (RedisOptions::holder) has it; then nothing
/// is marked.
Async<Status> mark_redis_moved(Env& env, boost::asio::any_io_executor executor,
                               net::RedisAddress address, std::string keys, std::string where,
                               Cursor head, std::string holder);

}  // namespace reeve::store
