#include "store/redis/follower.h"

#include <utility>

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/logging.h"
#include "store/redis/codec.h"
#include "store/redis/events.h"

namespace reeve::store::redis {
namespace {

/// How long a read blocks, and so how soon another town in the place of ours is noticed.
constexpr std::string_view kBlockMs = "1000";
constexpr std::size_t kRows = 1'000;
/// Entries of one read: some have events of many commits.
constexpr std::size_t kEntries = 100;
/// Behind every entry that ends at a position.
constexpr std::string_view kBehind = "-18446744073709551615";

net::RedisOptions connection_options(const RedisOptions& options) {
  net::RedisOptions out;
  out.name = "reeve-follow:" + options.town;
  out.away_limit = options.patience;
  return out;
}

}  // namespace

Follower::Follower(Env& env, const boost::asio::any_io_executor& executor,
                   const RedisOptions& options, Session& session, Position after)
    : env_(env),
      session_(session),
      router_(executor, env, options.address, redis_prefix(options.town),
              connection_options(options)),
      after_(after) {}

Async<Follower::Part> Follower::next() {
  for (Backoff trouble;;) {
    auto part = co_await look();
    if (part && !part->events.empty()) {
      after_ = part->head;
      last_ = part->events.back()->id;
      co_return std::move(*part);
    }
    if (part) {
      trouble.reset();
      continue;
    }
    logging::warn("following the town: {}", part.error().message());
    co_await aio::sleep(env_, trouble.next());
  }
}

Async<Result<Follower::Part>> Follower::look() {
  const auto stream = session_.key("log");
  std::vector<RedisWords> commands;
  commands.push_back({"HGET", session_.key("meta"), "generation"});
  commands.push_back({"GET", session_.key("state")});
  commands.push_back({"XREAD", "COUNT", std::to_string(kEntries), "BLOCK", std::string(kBlockMs),
                      "STREAMS", stream, std::to_string(after_.value) + std::string(kBehind)});
  auto replies = co_await router_.ask_all(std::move(commands));
  if (!replies) co_return fail(replies.error());
  for (auto& reply : *replies) {
    if (reply.is_error()) co_return fail(net::redis_error(reply));
  }
  const auto state = decode_state(replies->at(1).text);
  if (!state || state->log != session_.log() || replies->at(0).text != session_.generation()) {
    co_return fail(Errc::corrupt, "another town is in the place of the one that is followed");
  }
  if (state->head < after_) {
    co_return fail(loss("events up to position " + std::to_string(after_.value) +
                        " were told of, and the log ends at " + std::to_string(state->head.value)));
  }
  Part part{.events = {}, .head = after_, .oldest = state->oldest};
  // [[stream, [[id, [e, entry]], ...]]], or nothing
  const bool news = !replies->at(2).elements.empty();
  if (news || last_.is_nil()) {
    if (auto same = co_await check_last(); !same) co_return fail(same.error());
  }
  if (!news) co_return part;
  const auto& of_stream = replies->at(2).elements.front().elements;
  if (of_stream.size() != 2) co_return fail(not_understood());
  for (const auto& entry : of_stream[1].elements) {
    if (entry.elements.size() != 2 || entry.elements[1].elements.size() != 2)
      co_return fail(not_understood());
    std::vector<EventPtr> events;
    auto read = decode_entry(entry.elements[0].text, entry.elements[1].elements[1].text,
                             reeve::next(part.head), {UINT64_MAX}, events);
    if (!read) co_return fail(read.error());
    if (events.empty()) co_return fail(not_understood());
    // What was pruned in between is not in the stream any more.
    while (reeve::next(part.head) < events.front()->position) {
      auto page = co_await events_between(session_, reeve::next(part.head),
                                          {events.front()->position.value - 1}, kRows);
      if (!page) co_return fail(page.error());
      for (auto& one : page->events) part.events.push_back(std::move(one));
      part.head = page->scanned;
    }
    part.head = events.back()->position;
    for (auto& one : events) part.events.push_back(std::move(one));
  }
  co_return part;
}

/// The log may be another one by now that is longer still.
Async<Status> Follower::check_last() {
  if (after_.value == 0) co_return Status();
  auto found = co_await events_at(session_, {after_.value}, false);
  if (!found) co_return fail(found.error());
  if (found->events.empty()) co_return Status();  // retention was there
  const auto& now = found->events.front()->id;
  if (last_.is_nil()) last_ = now;
  if (last_ == now) co_return Status();
  co_return fail(
      loss("another event is at position " + std::to_string(after_.value) + " than was told of"));
}

Async<> Follower::close() { co_await router_.close(); }

}  // namespace reeve::store::redis
