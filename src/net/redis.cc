#include "net/redis.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <deque>
#include <list>
#include <utility>

#include "aio/real_env.h"
#include "aio/signal.h"
#include "aio/task_group.h"
#include "aio/within.h"
#include "base/backoff.h"
#include "base/quantity.h"
#include "net/byte_stream.h"
#include "net/redis_link.h"

namespace reeve::net {
namespace {

using namespace std::chrono_literals;
using LinkPtr = std::shared_ptr<RedisLink>;

/// Between two tries of what passes: a script, or loading.
constexpr std::chrono::nanoseconds kFirstPause = 20ms;
constexpr std::chrono::nanoseconds kLongestPause = 500ms;
/// Between two tries to connect: well below the time that an ask waits.
constexpr std::chrono::nanoseconds kLongestAway = 2s;

constexpr auto kNever = std::chrono::nanoseconds::max();

/// Redis is away, as opposed to there and refusing.
bool is_away(const Error& error) {
  return error.is(Errc::unavailable) || error.is(Errc::timeout) || error.is(Errc::unknown_outcome);
}

Result<std::string> bytes_of(const std::vector<RedisWords>& commands) {
  std::size_t size = 0;
  for (const auto& words : commands) {
    if (words.empty()) return fail(Errc::invalid_argument, "a command of Redis has no words");
    for (const auto& word : words) size += word.size() + 16;
  }
  if (size > limits::kRedisRequest || commands.size() > limits::kRedisPipeline) {
    return fail(Errc::too_large, "what is asked of Redis in one go is larger than " +
                                     size_text(limits::kRedisRequest) + " or " +
                                     std::to_string(limits::kRedisPipeline) +
                                     " commands; ask for less");
  }
  std::string bytes;
  bytes.reserve(size);
  for (const auto& words : commands) wire::append_command(bytes, words);
  return bytes;
}

Destination destination_of(const RedisAddress& address) {
  return {.unix_socket = address.unix_socket,
          .host = address.tcp.host,
          .port = address.tcp.port,
          .numeric = address.tcp.numeric,
          .tls = address.tls,
          .told = "Redis at " + address.origin()};
}

/// Gives an exchange up if its waiter leaves before its end.
class Abandon {
 public:
  explicit Abandon(RedisExchange& exchange) : exchange_(exchange) {}
  ~Abandon() {
    if (!exchange_.done()) exchange_.abandon();
  }
  Abandon(const Abandon&) = delete;
  Abandon& operator=(const Abandon&) = delete;

 private:
  RedisExchange& exchange_;
};

}  // namespace

Result<RedisReply> settled(RedisReply reply) {
  if (is_condition(reply)) return fail(redis_error(reply));
  return reply;
}

struct RedisConnection::State {
  State(asio::any_io_executor where, Env& e, RedisAddress whom, RedisOptions how)
      : executor(where),
        env(e),
        address(std::move(whom)),
        options(std::move(how)),
        to(destination_of(address)),
        idle(where),
        group(where) {}

  /// An exchange that waits for what passes.
  struct Parked {
    RedisExchangePtr exchange;
    std::unique_ptr<Env::Timer> timer;
  };
  class UnderWay;

  static Async<Result<RedisReplies>> ask_all(std::shared_ptr<State> self, std::string bytes,
                                             std::size_t commands);
  Async<> run();
  Async<Status> connect();
  Async<Status> set_up(LinkPtr link);
  Async<Status> introduce(LinkPtr link);
  Async<Status> wait_for_data(LinkPtr link);
  Async<Result<RedisReply>> ask_on(LinkPtr link, RedisWords words);

  void submit(RedisExchangePtr exchange);
  void park(RedisExchangePtr exchange, std::chrono::nanoseconds pause);
  void set_out();
  void wait_again(std::deque<RedisExchangePtr> unsent);
  void refuse_waiting(const Error& why);
  void arm_expiry(std::chrono::nanoseconds until);
  void expire();
  [[nodiscard]] Error away() const;
  [[nodiscard]] Error closed_error() const { return {Errc::unavailable, to.told + " is closed"}; }

  asio::any_io_executor executor;
  Env& env;
  const RedisAddress address;
  const RedisOptions options;
  const Destination to;
  TlsContext tls;  // made when first needed
  LinkPtr link;    // being set up, or up
  bool up = false;
  std::uint64_t generation = 0;
  std::deque<RedisExchangePtr> waiting;  // for a connection
  std::list<Parked> parked;
  std::optional<Error> last;  // why the last try to connect failed
  std::unique_ptr<Env::Timer> expiry;
  std::chrono::nanoseconds expires_at{};
  std::size_t under_way = 0;
  std::size_t bytes = 0;  // of what is under way
  bool closing = false;
  aio::Signal idle;
  aio::TaskGroup group;
};

/// Counts one ask from its beginning to its end.
class RedisConnection::State::UnderWay {
 public:
  UnderWay(State& state, std::size_t bytes) : state_(&state), bytes_(bytes) {
    ++state_->under_way;
    state_->bytes += bytes_;
  }
  UnderWay(UnderWay&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), bytes_(other.bytes_) {}
  ~UnderWay() {
    if (state_ == nullptr) return;
    state_->bytes -= bytes_;
    if (--state_->under_way == 0) state_->idle.notify();
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  UnderWay& operator=(UnderWay&&) = delete;

 private:
  State* state_;
  std::size_t bytes_;
};

Async<Result<RedisReplies>> RedisConnection::State::ask_all(std::shared_ptr<State> self,
                                                            std::string bytes,
                                                            std::size_t commands) {
  if (self->closing) co_return fail(self->closed_error());
  if (self->bytes + bytes.size() > limits::kRedisWaiting) {
    co_return fail(Errc::unavailable,
                   "too much waits for " + self->to.told + " already; try again later");
  }
  const UnderWay counted(*self, bytes.size());
  const auto until = self->env.uptime() + self->options.away_limit;
  auto pause = kFirstPause;
  const auto exchange =
      std::make_shared<RedisExchange>(self->executor, std::move(bytes), commands, until);
  const Abandon abandon(*exchange);
  self->submit(exchange);
  for (;;) {
    co_await exchange->ended();
    if (exchange->error()) co_return fail(*exchange->error());
    const auto& replies = exchange->replies();
    const bool again = std::ranges::all_of(replies, passes) && !replies.empty() &&
                       self->env.uptime() + pause <= until && !self->closing;
    if (!again) co_return std::move(exchange->replies());
    exchange->begin_again();
    self->park(exchange, pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

/// One connection after the other.
Async<> RedisConnection::State::run() {
  Backoff backoff;
  for (;;) {
    const auto connected = co_await connect();
    bool useful = false;
    if (connected) {
      const auto before = link->replies();
      co_await link->ended();
      useful = link->replies() > before;
      last = link->why();
    } else {
      last = connected.error();
      if (!is_away(*last)) refuse_waiting(*last);
    }
    up = false;
    if (const auto old = std::exchange(link, nullptr)) wait_again(old->take_unsent());
    if (useful) {
      backoff.reset();  // and at once
    } else {
      co_await aio::sleep(env, std::min(backoff.next(), kLongestAway));
    }
  }
}

/// Answers when the connection is up.
Async<Status> RedisConnection::State::connect() {
  if (to.tls && !tls) {
    const TlsFiles files{.ca = address.ca_file,
                         .certificate = address.certificate_file,
                         .key = address.key_file,
                         .verify = address.verify};
    auto made = make_tls_context(files);
    if (!made) co_return fail(made.error());
    tls = std::move(*made);
  }
  const auto deadline = ByteStream::Clock::now() + options.connect_timeout;
  auto stream = co_await ByteStream::open(executor, to, tls, deadline);
  if (!stream) co_return fail(stream.error());
  // Closed just when it was there: nobody would cancel what is spawned below any more.
  if (closing) co_return fail(closed_error());
  RedisLinkOptions how{.told = to.told,
                       .reply_limit = options.reply_limit,
                       .reply_timeout = options.reply_timeout,
                       .on_message = options.told};
  link = std::make_shared<RedisLink>(executor, env, std::move(*stream), std::move(how));
  group.spawn("redis connection", RedisLink::serve(link));
  const auto ready = co_await set_up(link);
  if (ready) {
    last.reset();
    ++generation;
    up = true;
    set_out();
    co_return Status();
  }
  // Where an answer did not come, the reason is why the connection broke.
  const bool broke = !link->open() && ready.error().is(Errc::unknown_outcome);
  const auto why = broke ? link->why() : ready.error();
  link->cut(why);
  co_await link->ended();
  co_return fail(why);
}

Async<Status> RedisConnection::State::set_up(LinkPtr fresh) {
  const auto introduced = co_await aio::within(env, options.connect_timeout, introduce(fresh));
  if (!introduced) co_return fail(Errc::timeout, to.told + " did not answer in time");
  if (!*introduced) co_return *introduced;
  if (auto loaded = co_await wait_for_data(fresh); !loaded) co_return loaded;
  if (!options.greet) co_return Status();
  RedisAsk ask = [this, fresh](RedisWords words) { return ask_on(fresh, std::move(words)); };
  co_return co_await options.greet(std::move(ask), generation + 1);
}

/// Who we are, and which database.
Async<Status> RedisConnection::State::introduce(LinkPtr fresh) {
  if (!address.password.empty()) {
    RedisWords words{"AUTH"};
    if (!address.user.empty()) words.push_back(address.user);
    words.push_back(address.password.reveal());
    const auto said = co_await ask_on(fresh, std::move(words));
    if (!said) co_return fail(said.error().during(to.told));
    if (said->is_error()) {
      co_return fail(Errc::denied, to.told + " does not take the password: Redis says \"" +
                                       address.password.hide_in(said->text) + "\"");
    }
  }
  RedisWords name{"CLIENT", "SETNAME", options.name};
  const auto named = co_await ask_on(fresh, std::move(name));
  // A user may lack the right to say who it is.
  if (!named && !named.error().message().contains("NOPERM"))
    co_return fail(named.error().during(to.told));
  if (address.database == 0) co_return Status();
  RedisWords select{"SELECT", std::to_string(address.database)};
  const auto selected = co_await ask_on(fresh, std::move(select));
  if (!selected) co_return fail(selected.error().during(to.told));
  if (selected->is_error()) co_return fail(redis_error(*selected).during(to.told));
  co_return Status();
}

/// Redis takes connections long before it has read its data; with those who wait for it there is no
/// need to hurry.
Async<Status> RedisConnection::State::wait_for_data(LinkPtr fresh) {
  auto pause = kFirstPause;
  for (;;) {
    RedisWords ping{"PING"};
    const auto pong = co_await ask_on(fresh, std::move(ping));
    if (pong || pong.error().is(Errc::denied)) co_return Status();
    if (!fresh->open() || !pong.error().is(Errc::unavailable)) co_return fail(pong.error());
    last = pong.error();
    co_await aio::sleep(env, pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

/// Without waiting for anything: whoever sets a connection up decides that.
Async<Result<RedisReply>> RedisConnection::State::ask_on(LinkPtr on, RedisWords words) {
  std::vector<RedisWords> commands;
  commands.push_back(std::move(words));
  auto out = bytes_of(commands);
  if (!out) co_return fail(out.error());
  const auto exchange = std::make_shared<RedisExchange>(executor, std::move(*out), 1, kNever);
  exchange->bind();
  const Abandon abandon(*exchange);
  if (!on->send(exchange)) co_return fail(on->why());
  co_await exchange->ended();
  if (exchange->error()) co_return fail(*exchange->error());
  co_return settled(std::move(exchange->replies().front()));
}

void RedisConnection::State::submit(RedisExchangePtr exchange) {
  if (up && link->send(exchange)) return;
  arm_expiry(exchange->until());
  waiting.push_back(std::move(exchange));
}

void RedisConnection::State::park(RedisExchangePtr exchange, std::chrono::nanoseconds pause) {
  const auto place = parked.emplace(parked.end());
  place->exchange = std::move(exchange);
  place->timer = env.after(pause, [this, place] {
    auto due = std::move(place->exchange);
    parked.erase(place);
    if (!due->abandoned()) submit(std::move(due));
  });
}

/// The connection is up: everybody who waits goes out.
void RedisConnection::State::set_out() {
  expiry = nullptr;
  for (auto& exchange : std::exchange(waiting, {}))
    if (!exchange->abandoned()) submit(std::move(exchange));
}

/// What the last connection did not send goes first on the next.
void RedisConnection::State::wait_again(std::deque<RedisExchangePtr> unsent) {
  for (; !unsent.empty(); unsent.pop_back()) {
    arm_expiry(unsent.back()->until());
    waiting.push_front(std::move(unsent.back()));
  }
}

void RedisConnection::State::refuse_waiting(const Error& why) {
  for (const auto& exchange : std::exchange(waiting, {})) exchange->refuse(why);
}

void RedisConnection::State::arm_expiry(std::chrono::nanoseconds until) {
  if (expiry && expires_at <= until) return;
  expires_at = until;
  const auto left = std::max(until - env.uptime(), std::chrono::nanoseconds::zero());
  expiry = env.after(left, [this] { expire(); });
}

void RedisConnection::State::expire() {
  expiry = nullptr;
  const auto now = env.uptime();
  auto next = kNever;
  std::erase_if(waiting, [&](const RedisExchangePtr& one) {
    if (one->abandoned()) return true;
    if (one->until() <= now) {
      one->refuse(away());
      return true;
    }
    next = std::min(next, one->until());
    return false;
  });
  if (next != kNever) arm_expiry(next);
}

/// What somebody is told who has waited long enough.
Error RedisConnection::State::away() const {
  if (last && !is_away(*last)) return *last;
  return {Errc::unavailable, to.told + " has been away for " + duration_text(options.away_limit) +
                                 (last ? " (" + last->message() + ")" : "") +
                                 "; start it, or try again later"};
}

RedisConnection::RedisConnection(asio::any_io_executor executor, Env& env, RedisAddress address,
                                 RedisOptions options)
    : state_(std::make_shared<State>(std::move(executor), env, std::move(address),
                                     std::move(options))) {
  state_->group.spawn("redis", state_->run());
}

RedisConnection::~RedisConnection() = default;

Async<Result<RedisReply>> RedisConnection::ask(RedisWords words) {
  const auto self = state_;
  std::vector<RedisWords> commands;
  commands.push_back(std::move(words));
  auto bytes = bytes_of(commands);
  if (!bytes) co_return fail(bytes.error());
  auto replies = co_await State::ask_all(self, std::move(*bytes), 1);
  if (!replies) co_return fail(replies.error());
  co_return settled(std::move(replies->front()));
}

Async<Result<RedisReplies>> RedisConnection::ask_all(std::vector<RedisWords> commands) {
  const auto self = state_;
  if (commands.empty()) co_return RedisReplies();
  auto bytes = bytes_of(commands);
  if (!bytes) co_return fail(bytes.error());
  co_return co_await State::ask_all(self, std::move(*bytes), commands.size());
}

bool RedisConnection::tell(std::string& command, RedisDone& done) {
  auto& state = *state_;
  const auto size = command.size();
  if (!connected() || state.closing || size > limits::kRedisRequest ||
      state.bytes + size > limits::kRedisWaiting)
    return false;
  auto ended = [self = state_, counted = State::UnderWay(state, size),
                told = std::move(done)](Result<RedisReply> reply) mutable {
    if (reply) return told(std::move(reply));
    // Whoever refuses it is in the middle of something.
    self->env.defer([self, counted = std::move(counted), told = std::move(told),
                     why = reply.error()]() mutable { told(fail(why)); });
  };
  const auto until = state.env.uptime() + state.options.away_limit;
  return state.link->send_now(
      std::make_shared<RedisExchange>(std::move(command), until, std::move(ended)));
}

std::uint64_t RedisConnection::generation() const { return state_->generation; }
bool RedisConnection::connected() const { return state_->up && state_->link->open(); }

Async<> RedisConnection::finish() {
  const auto self = state_;
  self->closing = true;
  while (self->under_way > 0) co_await self->idle.wait();
  co_await close();
}

Async<> RedisConnection::close() {
  const auto self = state_;
  co_await asio::this_coro::throw_if_cancelled(false);
  self->closing = true;
  self->group.cancel();
  co_await self->group.join();
  const auto why = self->closed_error();
  if (const auto link = std::exchange(self->link, nullptr)) {
    link->settle();  // if it never came to run
    for (const auto& exchange : link->take_unsent()) exchange->refuse(why);
  }
  self->up = false;
  self->expiry = nullptr;
  self->refuse_waiting(why);
  for (auto& one : std::exchange(self->parked, {})) one.exchange->refuse(why);
}

}  // namespace reeve::net
