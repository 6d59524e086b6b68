#include "doors/tinytown/notices.h"

#include <array>
#include <string_view>
#include <utility>

#include "aio/real_env.h"

namespace reeve::doors::tinytown {
namespace {

using aio::Async;

/// What tt writes and we look at; not what nobody reads, nor streams, which are read as such.
constexpr std::array<std::string_view, 6> kFamilies{
    "agent:", "task:", "inbox:", "urgent:", "stop:", "backlog"};
constexpr const char* kInvalidate = "__redis__:invalidate";
/// A connection that has died silently is noticed by that.
constexpr std::chrono::seconds kPingEvery{10};

net::RedisOptions options_of(net::RedisGreet greet, net::RedisTold told) {
  net::RedisOptions options;
  options.name = "reeve-mirror-told";
  options.greet = std::move(greet);
  options.told = std::move(told);
  return options;
}

/// One command. An error reply is an error, too.
Async<Result<net::RedisReply>> get(net::RedisAsk ask, net::RedisWords words) {
  auto reply = co_await ask(std::move(words));
  if (reply && reply->is_error()) co_return fail(net::redis_error(*reply));
  co_return reply;
}

}  // namespace

Notices::Notices(aio::asio::any_io_executor executor, Env& env, net::RedisAddress where,
                 const Keys& keys, Told told, Changed changed)
    : env_(env),
      keys_(keys),
      told_(std::move(told)),
      changed_(std::move(changed)),
      channel_("__keyspace@" + std::to_string(where.database) + "__:"),
      redis_(executor, env, std::move(where),
             options_of([this](net::RedisAsk ask,
                               std::uint64_t /*generation*/) { return greet(std::move(ask)); },
                        [this](const net::RedisReply& message) { hear(message); })),
      group_(std::move(executor)) {
  group_.spawn("the connection by which tt's changes are told", keep());
}

Async<> Notices::close() {
  group_.cancel();
  co_await group_.join();
  co_await redis_.close();
}

Async<> Notices::keep() {
  for (;;) {
    co_await aio::sleep(env_, kPingEvery);
    net::RedisWords ping{"PING"};
    const auto pong = co_await redis_.ask(std::move(ping));
    if (!pong) changed_(How::none, pong.error().message());
  }
}

Async<Status> Notices::greet(net::RedisAsk ask) {
  const auto tracked = co_await track(ask);
  if (tracked) {
    changed_(How::tracking, "");
    co_return Status();
  }
  if (tracked.error().is(Errc::unavailable) || tracked.error().is(Errc::unknown_outcome))
    co_return fail(tracked.error());
  const auto listened = co_await listen_to_keyspace(ask);
  if (listened) {
    changed_(How::keyspace, "");
  } else {
    changed_(How::none,
             "Redis does not tell what tt changes (CLIENT TRACKING: " + tracked.error().message() +
                 "; keyspace notifications: " + listened.error().message() +
                 "): it is looked for each second");
  }
  // The connection stays: there is nothing better to connect to.
  co_return Status();
}

/// Redis collects what changes in one turn of its loop, and tells it to this connection itself.
Async<Status> Notices::track(net::RedisAsk ask) {
  net::RedisWords who{"CLIENT", "ID"};
  const auto id = co_await get(ask, std::move(who));
  if (!id) co_return fail(id.error());
  net::RedisWords words{"CLIENT", "TRACKING", "ON", "REDIRECT", std::to_string(id->integer),
                        "BCAST"};
  for (const auto family : kFamilies) {
    words.emplace_back("PREFIX");
    words.push_back(keys_.prefix() + std::string(family));
  }
  const auto tracking = co_await get(ask, std::move(words));
  if (!tracking) co_return fail(tracking.error());
  net::RedisWords subscribe{"SUBSCRIBE", kInvalidate};
  const auto subscribed = co_await get(ask, std::move(subscribe));
  if (!subscribed) co_return fail(subscribed.error());
  co_return Status();
}

Async<Status> Notices::listen_to_keyspace(net::RedisAsk ask) {
  net::RedisWords look{"CONFIG", "GET", "notify-keyspace-events"};
  const auto setting = co_await get(ask, std::move(look));
  if (!setting) co_return fail(setting.error());
  const auto flags = setting->elements.size() == 2 ? setting->elements[1].text : "";
  const auto has = [&flags](char flag) {
    return flags.contains(flag) || (flags.contains('A') && flag != 'K');
  };
  for (const char flag : {'K', 'g', '$', 'l', 'h'}) {
    if (has(flag)) continue;
    co_return fail(Errc::unsupported,
                   "redis-cli CONFIG SET notify-keyspace-events KA switches them on");
  }
  for (const auto family : kFamilies) {
    const bool whole = !family.ends_with(':');
    const auto pattern = keys_.pattern(std::string(family) + (whole ? "" : "*"));
    net::RedisWords subscribe{"PSUBSCRIBE", channel_ + pattern};
    const auto subscribed = co_await get(ask, std::move(subscribe));
    if (!subscribed) co_return fail(subscribed.error());
  }
  co_return Status();
}

void Notices::hear(const net::RedisReply& message) {
  const auto& parts = message.elements;
  std::vector<std::string> keys;
  if (parts.size() == 3 && parts[1].text == kInvalidate) {
    for (const auto& key : parts[2].elements) keys.push_back(key.text);
  } else if (parts.size() == 4 && parts[2].text.starts_with(channel_)) {
    keys.push_back(parts[2].text.substr(channel_.size()));
  } else {
    return;
  }
  told_(keys);
}

}  // namespace reeve::doors::tinytown
