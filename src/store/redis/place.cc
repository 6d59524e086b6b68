#include "store/redis/place.h"

#include <charconv>

#include "net/redis_router.h"
#include "store/redis/redis_store.h"
#include "store/redis/scripts.h"
#include "store/redis/server.h"

namespace reeve::store {
namespace {

using net::RedisReply;
using net::RedisWords;

std::string now_key(const std::string& town) { return redis_prefix(town) + "now"; }

std::unexpected<Error> foreign(const std::string& what) {
  return fail(Errc::corrupt, what + " was not written by this program: docs/redis.md");
}

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  return read.ec == std::errc() && read.ptr == end;
}

/// One command on a connection of its own; an error reply is an error.
Async<Result<RedisReply>> ask_once(Env& env, boost::asio::any_io_executor executor,
                                   net::RedisAddress address, std::string key, RedisWords words) {
  net::RedisRouter router(std::move(executor), env, std::move(address), std::move(key));
  auto reply = co_await router.ask(std::move(words));
  co_await router.close();
  if (reply && reply->is_error()) co_return fail(net::redis_error(*reply));
  co_return reply;
}

Async<Result<RedisPlace>> look(Env& env, boost::asio::any_io_executor executor,
                               net::RedisAddress address, std::string town,
                               std::uint64_t generation) {
  RedisPlace place;
  place.generation = generation;
  place.keys = redis_keys(town, generation);
  const auto prefix = redis_prefix(place.keys);
  auto words = redis::script_keys(prefix, address.cluster);
  words.insert(words.begin(), {"EVAL", text_of(redis::Script::look)});
  auto reply =
      co_await ask_once(env, std::move(executor), std::move(address), prefix, std::move(words));
  if (!reply) co_return fail(reply.error());
  const auto& parts = reply->elements;
  if (parts.size() != 8) co_return foreign(prefix + "meta");
  place.log = parts[1].text;
  place.moved = parts[3].text;
  place.copying = !parts[4].text.empty();
  place.exists = !parts[0].text.empty() && !place.copying;
  std::int64_t left = 0;
  if (!read_number(parts[2].text, place.head) || !read_number(parts[7].text, left))
    co_return foreign(prefix + "meta");
  if (left > 0 && !parts[6].text.empty()) {
    place.holder = parts[6].text;
    place.who = parts[5].text;
    place.left = Duration(left);
  }
  co_return place;
}

Async<Result<std::uint64_t>> current(Env& env, boost::asio::any_io_executor executor,
                                     net::RedisAddress address, std::string town) {
  const auto key = now_key(town);
  RedisWords words{"GET", key};
  auto reply =
      co_await ask_once(env, std::move(executor), std::move(address), key, std::move(words));
  if (!reply) co_return fail(reply.error());
  std::uint64_t generation = 1;
  if (!reply->is(RedisReply::Kind::nil) &&
      (!read_number(reply->text, generation) || generation == 0))
    co_return foreign(key);
  co_return generation;
}

}  // namespace

std::string redis_keys(std::string_view town, std::uint64_t generation) {
  // No name of a town has an @ in it.
  return std::string(town) + (generation > 1 ? "@" + std::to_string(generation) : "");
}

Async<Result<RedisPlace>> look_at_redis(Env& env, boost::asio::any_io_executor executor,
                                        net::RedisAddress address, std::string town) {
  auto generation = co_await current(env, executor, address, town);
  if (!generation) co_return fail(generation.error());
  co_return co_await look(env, std::move(executor), std::move(address), std::move(town),
                          *generation);
}

Async<Status> set_redis_generation(Env& env, boost::asio::any_io_executor executor,
                                   net::RedisAddress address, std::string town,
                                   std::uint64_t generation) {
  const auto key = now_key(town);
  RedisWords words{"SET", key, std::to_string(generation)};
  auto reply =
      co_await ask_once(env, std::move(executor), std::move(address), key, std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

Async<Result<std::uint64_t>> free_redis_generation(Env& env, boost::asio::any_io_executor executor,
                                                   net::RedisAddress address, std::string town) {
  auto generation = co_await current(env, executor, address, town);
  if (!generation) co_return fail(generation.error());
  for (;;) {
    auto place = co_await look(env, executor, address, town, ++*generation);
    if (!place) co_return fail(place.error());
    if (!place->exists) co_return *generation;
  }
}

Async<Status> mark_redis_moved(Env& env, boost::asio::any_io_executor executor,
                               net::RedisAddress address, std::string keys, std::string where,
                               Cursor head, std::string holder) {
  const auto prefix = redis_prefix(keys);
  RedisWords words{"EVAL",
                   text_of(redis::Script::moved),
                   "1",
                   prefix,
                   std::move(where),
                   head.log.str(),
                   std::to_string(head.position.value),
                   std::move(holder)};
  auto reply =
      co_await ask_once(env, std::move(executor), std::move(address), prefix, std::move(words));
  if (!reply) co_return fail(reply.error());
  if (!reply->text.empty()) co_return fail(Errc::conflict, reply->text);
  co_return Status();
}

}  // namespace reeve::store
