#include "store/redis/server.h"

#include <iterator>
#include <utility>

namespace reeve::store::redis {
namespace {

std::string_view rest_of(const RedisReply& reply) {
  return std::string_view(reply.text).substr(std::min(reply.word().size() + 1, reply.text.size()));
}

constexpr std::string_view kLost = "the town on this Redis is not as it was left: ";

}  // namespace

Error loss(const std::string& what) {
  return {Errc::corrupt, std::string(kLost) + what +
                             ". It was emptied, restored, or changed by hand; docs/redis.md says "
                             "what to do"};
}

bool tells_loss(const Error& error) {
  return error.is(Errc::corrupt) && error.message().starts_with(kLost);
}

Result<RedisReply> judge(RedisReply reply) {
  if (!reply.is_error()) return reply;
  const auto word = reply.word();
  const std::string rest(rest_of(reply));
  if (word == "LOST") return fail(loss(rest));
  if (word == "FENCED") return fail(Errc::fenced, "another daemon has taken the town: " + rest);
  if (word == "HELD") {
    const auto blank = rest.find(' ');
    return fail(Errc::conflict, "the town is held by " + rest.substr(blank + 1) +
                                    ": stop that one first (if it is gone, its hold runs out in " +
                                    rest.substr(0, blank) + " ms)");
  }
  if (word == "COPYING") {
    return fail(Errc::conflict,
                "a town is being copied to this place, or was and did not get there: repeat "
                "reeve migrate, or choose another name");
  }
  if (word == "EXPIRED") return fail(Errc::cursor_expired, rest);
  if (word == "ABSENT") return fail(Errc::not_found, "there is no such town on this Redis");
  if (word == "FORMAT") {
    return fail(Errc::unsupported, "the town on this Redis has format " + rest +
                                       "; this program knows format 1: use a newer one");
  }
  return fail(net::redis_error(reply));
}

Server::Server(net::RedisRouter& router, std::string prefix)
    : router_(router), prefix_(std::move(prefix)) {
  for (std::size_t i = 0; i < kScripts; ++i) {
    shas_.at(i) = sha_of(static_cast<Script>(i));
    for (const auto& word : by_sha(static_cast<Script>(i), {}))
      wire::append_word(calls_.at(i), word);
  }
}

RedisWords script_keys(const std::string& prefix, bool cluster) {
  if (!cluster) return {"1", prefix};
  return {"2", prefix, prefix + "state"};
}

RedisWords Server::words_of(std::string command, std::string script, RedisWords args) const {
  auto head = script_keys(prefix_, router_.in_cluster());
  head.insert(head.begin(), {std::move(command), std::move(script)});
  args.insert(args.begin(), std::make_move_iterator(head.begin()),
              std::make_move_iterator(head.end()));
  return args;
}
RedisWords Server::by_sha(Script script, RedisWords args) const {
  return words_of("EVALSHA", shas_.at(static_cast<std::size_t>(script)), std::move(args));
}
RedisWords Server::by_text(Script script, RedisWords args) const {
  return words_of("EVAL", text_of(script), std::move(args));
}

Async<Result<RedisReply>> Server::run_on(net::RedisAsk ask, Script script, RedisWords args) {
  auto reply = co_await ask(by_sha(script, args));
  if (reply && reply->word() == "NOSCRIPT") reply = co_await ask(by_text(script, std::move(args)));
  if (!reply) co_return fail(reply.error());
  if (router_.in_cluster() && net::redirect_of(*reply))
    co_return fail(Errc::unavailable, "the keys of the town are just moving in its Redis Cluster");
  co_return judge(std::move(*reply));
}

Async<Result<RedisReply>> Server::run(Script script, RedisWords args) {
  const auto kept = std::make_shared<const RedisWords>(std::move(args));
  co_return co_await run(script, [kept] { return *kept; });
}

Async<Result<RedisReply>> Server::run(Script script, MakeArgs make, Replicas* replicas) {
  auto reply = co_await call(by_sha(script, make()), replicas);
  if (reply && reply->word() == "NOSCRIPT")
    reply = co_await call(by_text(script, make()), replicas);
  if (!reply) co_return fail(reply.error());
  co_return judge(std::move(*reply));
}

bool Server::tell(Script script, std::string_view first, std::span<const std::string> args,
                  net::RedisDone& done) {
  constexpr std::size_t kHead = 4;    // words of calls_
  constexpr std::size_t kFrame = 16;  // bytes around a word, at most, of one that is not huge
  const auto& begin = calls_.at(static_cast<std::size_t>(script));
  auto size = begin.size() + first.size() + kFrame * (2 + args.size());
  for (const auto& word : args) size += word.size();
  std::string command;
  command.reserve(size);
  wire::append_count(command, kHead + 1 + args.size());
  command += begin;
  wire::append_word(command, first);
  for (const auto& word : args) wire::append_word(command, word);
  return router_.tell(command, done);
}

Async<Result<RedisReply>> Server::call(RedisWords words, Replicas* replicas) {
  if (replicas == nullptr || replicas->wanted == 0)
    co_return co_await router_.ask(std::move(words));
  std::vector<RedisWords> commands;
  commands.push_back(std::move(words));
  commands.push_back(
      {"WAIT", std::to_string(replicas->wanted), std::to_string(replicas->wait.count())});
  auto replies = co_await router_.ask_all(std::move(commands));
  if (!replies) co_return fail(replies.error());
  replicas->reached = replies->at(1).integer;
  co_return net::settled(std::move(replies->at(0)));
}

Async<Result<RedisReply>> Server::ask(RedisWords words) {
  auto reply = co_await router_.ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return judge(std::move(*reply));
}

}  // namespace reeve::store::redis
