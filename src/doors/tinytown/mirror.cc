#include "doors/tinytown/mirror.h"

#include <algorithm>
#include <utility>

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/logging.h"
#include "run/documents.h"
#include "run/draft.h"

namespace reeve::doors::tinytown {
namespace {

constexpr std::chrono::milliseconds kAwayLimit{2'000};

net::RedisOptions named(net::RedisOptions options) {
  options.name = "reeve-mirror";
  // Nobody waits for the mirror but whoever asks how it is.
  options.away_limit = std::min(options.away_limit, kAwayLimit);
  return options;
}

/// Payloads of events that are gathered.
constexpr std::size_t kGatheredBytes = 8 << 20;
/// After a write, for each of its events: what comes meanwhile is written in one go, which costs a
/// fraction. So a town that is flooded is hardly slower for its mirror, which is a little more
/// behind then.
constexpr std::chrono::nanoseconds kRestOfOne = std::chrono::microseconds(20);
constexpr std::chrono::nanoseconds kLeastRest = std::chrono::milliseconds(4);
constexpr std::chrono::nanoseconds kLongestRest = std::chrono::milliseconds(100);
/// Meanwhile events are taken from the log so often: what its tail has lost costs more.
constexpr std::chrono::nanoseconds kGatherEach = std::chrono::milliseconds(20);
constexpr std::size_t kGatherAtATime = 8192;

/// A change that is told so soon after a call of ours is taken for its.
constexpr std::chrono::milliseconds kAfterOurs{20};

/// What is written as it is by now: it is written again, or is not there.
bool is_state(KeyFamily family) {
  switch (family) {
    case KeyFamily::agent:
    case KeyFamily::task:
    case KeyFamily::inbox:
    case KeyFamily::urgent:
    case KeyFamily::backlog: return true;
    default: return false;
  }
}

/// Agents that one heartbeat takes.
constexpr std::size_t kBeats = 1000;

}  // namespace

Mirror::Mirror(town::Ground ground, aio::asio::any_io_executor executor, net::RedisAddress where,
               Options options)
    : ground_(std::move(ground)),
      options_(std::move(options)),
      where_(where),
      keys_(ground_.town),
      owner_(ground_.log.store().log().id),
      redis_(executor, ground_.env, std::move(where), named(options_.redis)),
      composer_(ground_.env, ground_.log.store(), owner_),
      since_(ground_.env.now()),
      progress_(executor),
      rested_(executor),
      group_(std::move(executor)) {}

Mirror::~Mirror() = default;

void Mirror::start() { group_.spawn("mirror", run()); }

Async<> Mirror::close() {
  group_.cancel();
  co_await group_.join();
  co_await redis_.close();
}

Async<bool> Mirror::caught_up() {
  const auto head = ground_.log.head();
  struct Awaited {
    explicit Awaited(int& all) : count(all) { ++count; }
    ~Awaited() { --count; }
    Awaited(const Awaited&) = delete;
    Awaited& operator=(const Awaited&) = delete;
    int& count;
  };
  const Awaited awaited(awaited_);
  wake();
  while (state_ != api::MirrorState::following || upto_ < head || touched_.any() || writing_)
    co_await progress_.wait();
  co_return true;
}

api::MirrorView Mirror::view() const {
  api::MirrorView view;
  view.state = state_;
  view.redis = where_.display();
  view.keys = keys_.prefix();
  view.position = upto_;
  view.behind = static_cast<std::int64_t>(ground_.log.head().value - upto_.value);
  view.error = error_;
  for (const auto* why : {&complaint_.text, &unseen_, &slow_sight_}) {
    if (view.error.empty()) view.error = *why;
  }
  view.since = since_;
  view.rewritten = rewritten_;
  return view;
}

void Mirror::become(api::MirrorState state, std::string error) {
  if (!error.empty() && error != error_)
    logging::warn("the mirror in {}: {}", where_.display(), error);
  error_ = std::move(error);
  if (std::exchange(state_, state) != state) since_ = ground_.env.now();
}

// --- What is asked of it ------------------------------------------------------------------------

void Mirror::wake() {
  woken_ = true;
  rested_.notify();
  if (wake_) wake_->pull();
}

void Mirror::touch(const AgentId& agent) {
  touched_.agents.insert(agent);
  touched_.mail.insert(agent);
  wake();
}
void Mirror::touch(const TaskId& task) {
  touched_.tasks.insert(task);
  wake();
}
void Mirror::touch_mail(const AgentId& agent) {
  touched_.mail.insert(agent);
  wake();
}
void Mirror::touch_backlog() {
  touched_.backlog = true;
  wake();
}

// --- The loop -----------------------------------------------------------------------------------

Async<> Mirror::run() {
  for (Backoff trouble;;) {
    auto done = check_tt_town(ground_.town);
    if (done && where_.cluster) {
      done = fail(Errc::unsupported,
                  "tinytown's keys have no common slot: there is no mirror on a Redis Cluster");
    }
    if (done) done = co_await attach();
    if (done) {
      trouble.reset();
      done = co_await follow();
    }
    composer_.forget();
    if (done) continue;
    become(api::MirrorState::away, done.error().message());
    co_await aio::sleep(ground_.env, trouble.next());
  }
}

/// Success: look at the place again. Otherwise what went wrong.
Async<Status> Mirror::follow() {
  log::SubscribeOptions options;
  options.from = log::From::after(upto_);
  options.filter.kinds = fact_kinds();
  options.batch = std::min(options_.batch, kGatherAtATime);
  const auto subscription = ground_.log.subscribe(std::move(options));
  gathered_ = {};
  next_beat_ = next_write_ = ground_.env.uptime();
  for (;;) {
    Status done;
    if (ground_.env.uptime() >= next_beat_) {
      done = co_await beat();
      if (done) co_await keep_position();
      next_beat_ = ground_.env.uptime() + options_.heartbeat;
    }
    if (done && touched_.any()) done = co_await write_touched();
    if (done && is_due()) done = co_await write_gathered();
    if (!done) co_return done;
    progress_.notify();
    // Touched while that was written, when there was no wait to wake.
    if (touched_.any()) continue;
    done = co_await gather(*subscription);
    // Overtaken by retention: attach() sees that, too.
    if (!done && done.error().is(Errc::cursor_expired)) co_return Status();
    if (!done) co_return done;
  }
}

/// Whether what is gathered is written now.
bool Mirror::is_due() const {
  if (gathered_.events.empty()) return false;
  return awaited_ > 0 || gathered_.events.size() >= options_.batch ||
         gathered_.bytes >= kGatheredBytes || ground_.env.uptime() >= next_write_;
}

/// Takes what comes next from the log. With empty hands it waits for that, until something is due
/// or wake() is called; otherwise it only looks, after a while.
Async<Status> Mirror::gather(log::Subscription& subscription) {
  auto& env = ground_.env;
  const auto left_until = [&env](std::chrono::nanoseconds moment) {
    return std::max(moment - env.uptime(), std::chrono::nanoseconds(0));
  };
  const auto at_head = [&subscription] { return subscription.position() == subscription.head(); };
  const bool full_hands = !gathered_.events.empty();
  const auto due = full_hands ? std::min(next_beat_, next_write_) : next_beat_;
  if (full_hands && !woken_ && at_head()) {
    const auto timer = env.after(std::min(left_until(due), kGatherEach), [this] { wake(); });
    co_await rested_.wait();
  }
  const bool looks = full_hands || woken_;
  woken_ = false;
  subscription.skip();
  if (!looks || !at_head()) {
    wake_.emplace();
    const auto timer = env.after(left_until(due), [this] { wake_->pull(); });
    auto frames = co_await aio::until(*wake_, subscription.next());
    wake_.reset();
    if (frames && !*frames) co_return fail(frames->error());
    if (frames) gathered_.add(std::move(**frames));
  }
  gathered_.upto = subscription.position();
  // What passed by needs no writing.
  if (gathered_.events.empty()) upto_ = gathered_.upto;
  co_return Status();
}

void Mirror::Gathered::add(std::vector<Frame> frames) {
  for (auto& frame : frames) {
    auto* event = std::get_if<EventPtr>(&frame);
    if (event == nullptr) continue;
    bytes += (*event)->payload.size();
    events.push_back(std::move(*event));
  }
}

Async<Status> Mirror::write_gathered() {
  const auto gathered = std::exchange(gathered_, {});
  Writes writes(keys_);
  auto send_part = [this](Writes& part, std::optional<Position> told) -> Async<Status> {
    auto sent = co_await send(part, told.value_or(upto_));
    if (sent && told) upto_ = *told;
    co_return sent;
  };
  auto done = co_await composer_.events(gathered.events, guard(), writes, send_part);
  if (done && !writes.empty()) done = co_await send(writes, gathered.upto);
  if (!done) co_return done;
  upto_ = gathered.upto;
  const auto pause = std::clamp<std::chrono::nanoseconds>(gathered.events.size() * kRestOfOne,
                                                          kLeastRest, kLongestRest);
  next_write_ = ground_.env.uptime() + pause;
  co_return Status();
}

Async<Status> Mirror::write_touched() {
  const auto touched = std::exchange(touched_, {});
  writing_ = true;
  Writes writes(keys_);
  auto send_part = [this](Writes& part) { return send(part, upto_); };
  auto done = co_await composer_.state(touched, Writes::Guard::over, true, writes, send_part);
  if (done && !writes.empty()) done = co_await send(writes, upto_);
  writing_ = false;
  if (!done) touched_.add(touched);  // nothing of it is lost
  co_return done;
}

/// That all living agents are alive; and whether tinytown's keys are still there.
Async<Status> Mirror::beat() {
  auto living = co_await run::load_all<Agent>(ground_.log.store(), std::string(run::kOpen));
  if (!living) co_return fail(living.error());
  const auto now = hash_text(moment_of(ground_.env.now()));
  Writes writes(keys_);
  for (const auto& agent : *living) {
    writes.heartbeat(agent.id, now);
    if (writes.count() < kBeats) continue;
    auto sent = co_await send(writes, upto_);
    if (!sent) co_return sent;
  }
  co_return co_await send(writes, upto_);
}

// --- One call -----------------------------------------------------------------------------------

Async<Result<net::RedisReply>> Mirror::eval(Writes& writes, std::optional<Position> position) {
  for (;;) {
    if (script_.empty()) {
      net::RedisWords load{"SCRIPT", "LOAD", write_script()};
      const auto loaded = co_await redis_.ask(std::move(load));
      if (!loaded) co_return fail(loaded.error());
      if (loaded->is_error()) co_return fail(net::redis_error(*loaded));
      script_ = loaded->text;
    }
    auto words =
        write_call("EVALSHA", script_, keys_, ground_.town, place_, position, options_.by, writes);
    auto reply = co_await redis_.ask(std::move(words));
    if (!reply || reply->word() != "NOSCRIPT") co_return reply;
    script_.clear();
  }
}

bool Mirror::is_our_write(const std::string& key) const {
  const auto now = ground_.env.uptime();
  return std::ranges::any_of(
      wrote_, [&](const Wrote& call) { return call.until > now && call.keys.contains(key); });
}

/// Errors: what Redis fails with; conflict: the place is not where it was.
Async<Status> Mirror::send(Writes& writes, std::optional<Position> position) {
  std::erase_if(wrote_,
                [now = ground_.env.uptime()](const Wrote& call) { return call.until <= now; });
  const auto& shared = writes.shared_keys();
  wrote_.push_back({{shared.begin(), shared.end()}});
  const auto reply = co_await eval(writes, position);
  wrote_.back().until = ground_.env.uptime() + kAfterOurs;
  const bool again = !complaint_.key.empty() && writes.mentions(complaint_.key);
  writes.clear();
  if (!reply) co_return fail(reply.error());
  const auto read = read_write_reply(*reply);
  if (!read) co_return fail(read.error());
  switch (read->outcome) {
    case WriteReply::Outcome::done: break;
    case WriteReply::Outcome::moved:
      co_return fail(Errc::conflict, "another mirror of the town wrote meanwhile");
    case WriteReply::Outcome::emptied:
      co_return fail(Errc::conflict, "tinytown's keys were emptied (tt reset)");
  }
  place_.position = position;
  if (position) written_ = place_;
  if (again && read->failed.empty() && read->wrong_type.empty() && read->too_long.empty())
    complaint_ = {};
  co_return hear(*read);
}

void Mirror::complain(const std::string& key, std::string text) {
  if (text != complaint_.text) logging::warn("the mirror in {}: {}", where_.display(), text);
  complaint_ = {key, std::move(text)};
}

/// An error: what should stand there by now does not.
Status Mirror::hear(const WriteReply& reply) {
  for (const auto& key : reply.gone) {
    const auto parsed = keys_.parse(key);
    const auto id = parsed ? parsed->uuid() : std::nullopt;
    if (id && parsed->family == KeyFamily::agent) touch(AgentId(*id));
  }
  for (const auto& key : reply.changed) {
    const auto parsed = keys_.parse(key);
    if (!parsed) continue;
    if (changed_) {
      changed_(*parsed);
      continue;
    }
    const auto id = parsed->uuid();
    if (id && parsed->family == KeyFamily::agent) touch(AgentId(*id));
    if (id && parsed->family == KeyFamily::task) touch(TaskId(*id));
  }
  if (!reply.wrong_type.empty()) {
    complain(reply.wrong_type[0],
             "the key " + reply.wrong_type[0] +
                 " holds something else than tinytown keeps there: it is left alone");
  }
  if (!reply.too_long.empty()) {
    complain(reply.too_long[0], "the list " + reply.too_long[0] +
                                    " has too many items of tinytown's: it is left alone until "
                                    "they are fewer");
  }
  Status there;
  for (std::size_t i = 0; i < reply.failed.size() && i < reply.why.size(); ++i) {
    const auto& key = reply.failed[i];
    net::RedisReply said;
    said.kind = net::RedisReply::Kind::error;
    said.text = reply.why[i];
    auto error = net::redis_error(said);
    auto text = key + " is not written: " + error.message();
    if (key == keys_.broadcast() && error.is(Errc::denied)) {
      const auto& user = where_.user.empty() ? std::string("default") : where_.user;
      text += " (ACL SETUSER " + user + " &" + keys_.prefix() + "*)";
    }
    const auto parsed = keys_.parse(key);
    if (parsed && is_state(parsed->family)) there = fail(std::move(error));
    complain(key, std::move(text));
  }
  return there;
}

}  // namespace reeve::doors::tinytown
