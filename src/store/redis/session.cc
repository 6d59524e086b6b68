#include "store/redis/session.h"

#include <utility>

#include "aio/real_env.h"
#include "base/limits.h"
#include "base/logging.h"
#include "store/redis/codec.h"
#include "store/redis/settings.h"

namespace reeve::store::redis {
namespace {

/// How much of what was acknowledged a power cut of this machine may take from the witness.
constexpr auto kRemember = std::chrono::seconds(1);
/// Idempotency keys that go in one call, at most.
constexpr std::int64_t kForgottenAtOnce = 1'000;

/// Nothing, or corrupt: what this process or its witness saw acknowledged is not there. `header` is
/// of the event at the known position, empty where there is none.
Status still_there(const Witness& known, const std::string& generation, Position head,
                   Position oldest, std::string_view header) {
  constexpr std::string_view kAdvice =
      ": nothing is done until this is cleared up; docs/redis.md says how";
  const auto lost = [&](const std::string& what) {
    return fail(Errc::corrupt, what + std::string(kAdvice));
  };
  if (!known.generation.empty() && generation != known.generation) {
    return lost("this Redis holds a copy of the town that was made anew (generation " + generation +
                " instead of " + known.generation + ")");
  }
  if (head < known.position) {
    return lost("Redis has lost " + std::to_string(known.position.value - head.value) +
                " acknowledged events: the log ends at position " + std::to_string(head.value) +
                " instead of " + std::to_string(known.position.value) +
                " (a failover, or a restored backup)");
  }
  if (known.position.value == 0 || known.position < oldest) return {};
  const auto id = event_id_in(header);
  if (!id || *id != known.event) {
    return lost("Redis has another event at position " + std::to_string(known.position.value) +
                " than was acknowledged there (a failover, or a restored backup)");
  }
  return {};
}

/// Of a move in a cluster that somebody has left half done.
Error halved() {
  return {Errc::unavailable,
          "keys of the town are on another node of its Redis Cluster, which was to have all of "
          "them: have the move finished, or them moved back"};
}

}  // namespace

Session::Session(Env& env, const boost::asio::any_io_executor& executor, RedisOptions options)
    : env_(env),
      options_(std::move(options)),
      router_(executor, env, options_.address, redis_prefix(options_.town), connection_options()),
      server_(router_, redis_prefix(options_.town)),
      changed_(executor),
      may_greet_(executor),
      group_(executor) {
  if (options_.holder.empty()) options_.holder = env_.uuid4().str();
  if (options_.who.empty()) options_.who = options_.holder;
}

net::RedisOptions Session::connection_options() {
  net::RedisOptions options;
  options.name = "reeve:" + options_.town;
  options.away_limit = options_.patience;
  options.greet = [this](net::RedisAsk ask, std::uint64_t) { return greet(std::move(ask)); };
  return options;
}

Async<Status> Session::begin() {
  if (!options_.witness.empty()) {
    const auto path = options_.witness;
    auto witness = co_await aio::blocking(env_, [path] { return read_witness(path); });
    if (!witness) co_return fail(witness.error());
    if (*witness) {
      known_ = remembered_ = **witness;
      must_be_there_ = true;
    }
  }
  witness_read_ = true;
  may_greet_.notify();
  // Whatever is asked first waits for the greeting, and is told what it was refused with.
  auto there = co_await until_answered(
      [this] { return server_.ask({"HGET", server_.key("meta"), "format"}); });
  if (!there) co_return fail(there.error());
  must_be_there_ = true;
  if (!options_.reader) group_.spawn("the hold on the town", keep_alive());
  if (!options_.witness.empty() && !options_.reader) group_.spawn("the witness", keep_witness());
  co_return Status();
}

Async<> Session::end() {
  group_.cancel();
  co_await group_.join();
  if (must_be_there_ && !options_.reader && !lost_ && router_.connected()) {
    const auto given_back = co_await beat(true);
    if (!given_back && !lost_)
      logging::info("the hold on the town runs out by itself: {}", given_back.error().message());
  }
  if (!options_.witness.empty() && !options_.reader && must_be_there_) co_await remember();
  co_await router_.close();
}

/// On each connection, before anything else: is it a server and the town that we know?
Async<Status> Session::greet(net::RedisAsk ask) {
  // The connection is made meanwhile; without the witness a town that was lost would look new.
  while (!witness_read_) co_await may_greet_.wait();
  if (lost_) co_return fail(*lost_);
  if (auto good = co_await check_server(ask, options_.durability, options_.settings_asserted);
      !good)
    co_return good;
  auto reply = co_await open(ask);
  if (!reply) {
    // While we were away, somebody else has taken it.
    if (must_be_there_ && !session_.empty() && reply.error().is(Errc::conflict))
      lose(Error(Errc::fenced, reply.error().message()));
    co_return fail(lost_ ? *lost_ : reply.error());
  }
  if (reply->elements.size() != 8) co_return fail(not_understood());
  const auto text = [&](std::size_t i) -> const std::string& { return reply->elements[i].text; };
  const auto log = LogId::parse(text(0));
  const auto head = whole_number<std::uint64_t>(text(2));
  const auto oldest = whole_number<std::uint64_t>(text(3));
  const auto bytes = whole_number<std::uint64_t>(text(4));
  const auto indexed = whole_number<std::uint64_t>(text(5));
  if (!log || !head || !oldest || !bytes || !indexed) co_return fail(not_understood());
  if (must_be_there_) {
    if (auto same = still_there(known_, text(1), {*head}, {*oldest}, text(7)); !same) {
      gone_ = same.error();
      co_return same;
    }
  }
  gone_.reset();
  const bool first = found_.id.is_nil();
  const LogInfo now{.id = *log, .head = {*head}, .oldest = {*oldest}, .bytes = *bytes};
  if (first) {
    found_ = now;
    indexed_ = {*indexed};
  }
  known_.log = *log;
  known_.generation = text(1);
  session_ = text(6);
  if (begun_) begun_();
  if (!first && told_found_) told_found_(now);
  co_return Status();
}

/// The town's script of that name. In a cluster none is made where one may just be coming.
Async<Result<RedisReply>> Session::open(net::RedisAsk ask) {
  const bool make = options_.create && !options_.reader;
  RedisWords args{must_be_there_ ? known_.log.str() : "",
                  LogId(env_.uuid4()).str(),
                  env_.uuid4().str(),
                  options_.reader ? "" : options_.holder,
                  options_.who,
                  std::to_string(options_.lease.count()),
                  now_text(),
                  std::to_string(known_.position.value),
                  make && !options_.address.cluster ? "1" : "0"};
  auto reply = co_await noted(co_await server_.run_on(ask, Script::open, args));
  if (reply || !reply.error().is(Errc::not_found) || !make) co_return reply;
  if (co_await router_.is_split()) co_return fail(halved());
  args.back() = "1";
  co_return co_await noted(co_await server_.run_on(ask, Script::open, std::move(args)));
}

Async<Result<RedisReply>> Session::run(Script script, RedisWords args) {
  if (lost_) co_return fail(*lost_);
  args.insert(args.begin(), {known_.log.str(), std::to_string(known_.position.value)});
  auto make = [kept = std::make_shared<const RedisWords>(std::move(args))] { return *kept; };
  co_return co_await until_answered(
      [this, script, make = std::move(make)] { return server_.run(script, make); });
}

Async<Result<RedisReply>> Session::ask(RedisWords words) {
  co_return co_await until_answered([this, &words] { return ask_once(words); });
}

Async<Result<RedisReply>> Session::until_answered(Ask ask_once) {
  const auto until = env_.uptime() + options_.patience;
  for (;;) {
    auto reply = co_await noted(co_await ask_once());
    const bool cut = !reply && reply.error().is(Errc::unknown_outcome);
    if (!cut || env_.uptime() >= until) co_return reply;
  }
}

Async<Result<RedisReply>> Session::ask_once(RedisWords words) {
  std::vector<RedisWords> commands;
  commands.push_back(std::move(words));
  // What is acknowledged by the time this is answered may have come behind it.
  const auto acknowledged = known_.position;
  // Behind it: a town that is still there then was there before.
  commands.push_back({"GET", server_.key("state")});
  auto replies = co_await server_.ask_all(std::move(commands));
  if (!replies) co_return fail(replies.error());
  auto reply = net::settled(std::move(replies->front()));
  if (reply) reply = judge(std::move(*reply));
  auto state = net::settled(std::move(replies->back()));
  if (!state) co_return fail(state.error());
  if (auto there = look_at(*state, acknowledged); !there) co_return fail(there.error());
  co_return reply;
}

Async<Status> Session::look_again() {
  if (!gone_) co_return Status();
  RedisWords words{"EXISTS", server_.key("state")};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

/// Whether it is the state of the town that we know, with what was acknowledged.
Status Session::look_at(const RedisReply& state, Position acknowledged) const {
  if (state.is(RedisReply::Kind::nil)) return fail(loss("the town is gone"));
  const auto now = decode_state(state.text);
  if (!now) return fail(state.is_error() ? net::redis_error(state) : now.error());
  if (now->log != known_.log) return fail(loss("another log is here: " + now->log.str()));
  if (now->head >= acknowledged) return {};
  return fail(loss("it has lost " + std::to_string(acknowledged.value - now->head.value) +
                   " acknowledged events: the log ends at position " +
                   std::to_string(now->head.value)));
}

/// What an answer says of the town. One that is gone in a cluster may be on its way between two
/// nodes: then it is away.
Async<Result<RedisReply>> Session::noted(Result<RedisReply> reply) {
  if (reply) gone_.reset();
  if (reply || !tells_loss(reply.error())) co_return reply;
  if (co_await router_.is_split()) co_return fail(halved());
  if (!gone_) logging::error("{}", reply.error().message());
  gone_ = reply.error();
  co_return reply;
}

Async<Result<RedisReply>> Session::write(Script script, Server::MakeArgs make,
                                         Server::Replicas* replicas) {
  for (;;) {
    if (auto there = co_await look_again(); !there) co_return fail(there.error());
    if (lost_) co_return fail(*lost_);
    const auto session = session_;
    auto reply = co_await noted(co_await try_write(script, make, replicas));
    if (!reply && reply.error().is(Errc::fenced)) {
      if (session_ != session) continue;  // ours, from before the connection broke: it has not run
      lose(reply.error());
    }
    co_return reply;
  }
}

Async<Result<RedisReply>> Session::try_write(Script script, Server::MakeArgs make,
                                             Server::Replicas* replicas) {
  auto with_session = [this, script, make = std::move(make)] {
    auto words = make();
    if (script != Script::commit) words.insert(words.begin(), now_text());
    words.insert(words.begin(), session_);
    return words;
  };
  co_return co_await server_.run(script, std::move(with_session), replicas);
}

bool Session::tell_commits(std::span<const std::string> args, net::RedisDone& done) {
  return !lost_ && !gone_ && server_.tell(Script::commit, session_, args, done);
}

bool Session::judge_told(Result<RedisReply>& reply) {
  if (!reply || !reply->is_error()) return true;
  if (reply->word() == "NOSCRIPT" || net::passes(*reply)) return false;
  reply = net::settled(std::move(*reply));
  if (reply) reply = judge(std::move(*reply));
  return reply || (!reply.error().is(Errc::fenced) && !tells_loss(reply.error()));
}

void Session::lose(const Error& why) {
  if (lost_) return;
  lost_ = Error(Errc::fenced, why.message());
  logging::error("the hold on the town is lost: {}", why.message());
  if (options_.on_lost) options_.on_lost(*lost_);
}

void Session::acknowledged(Position position, const EventId& event) {
  if (position <= known_.position) return;
  known_.position = position;
  known_.event = event;
  changed_.notify();
}

Async<Result<RedisReply>> Session::beat(bool last) {
  auto make = [this, last, time = to_ms(env_.now())] {
    return RedisWords{std::to_string(known_.position.value), last ? "1" : "0", std::to_string(time),
                      std::to_string(Duration(limits::kIdempotencyTtl).count())};
  };
  co_return co_await write(Script::beat, std::move(make));
}

Async<> Session::keep_alive() {
  for (;;) {
    co_await aio::sleep(env_, options_.lease / 3);
    if (lost_) co_return;
    auto kept = co_await beat(false);
    while (kept && kept->integer == kForgottenAtOnce) kept = co_await beat(false);
    if (!kept && !lost_ && !gone_)
      logging::warn("the hold on the town: {}", kept.error().message());
  }
}

Async<> Session::keep_witness() {
  for (;;) {
    if (known_ == remembered_) co_await changed_.wait();
    co_await aio::sleep(env_, kRemember);
    co_await remember();
  }
}

Async<> Session::remember() {
  if (known_ == remembered_) co_return;
  const auto now = known_;
  const auto path = options_.witness;
  const auto written =
      co_await aio::blocking(env_, [path, now] { return write_witness(path, now); });
  if (written) {
    remembered_ = now;
  } else {
    logging::warn("what was acknowledged is not remembered: {}", written.error().message());
  }
}

std::string Session::now_text() const {
  return options_.own_clock ? std::to_string(to_ms(env_.now())) : std::string();
}

}  // namespace reeve::store::redis
