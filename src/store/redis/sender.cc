#include "store/redis/sender.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "store/redis/codec.h"
#include "store/redis/refusal.h"

namespace reeve::store::redis {
namespace {

/// While Redis works on one call of commits, the next is on its way; more of them only when they
/// are full, since what waits shares a call.
constexpr std::size_t kCallsInFlight = 2;
constexpr std::size_t kFullCallsInFlight = 16;
/// Commits that are enough for two calls.
constexpr std::size_t kTwoCalls = 16;

std::string text(std::uint64_t number) { return std::to_string(number); }

/// A commit that was done now. Its answer goes with it.
Committed done_at(Position first, Commit& commit) {
  return {.first = first,
          .last = {first.value + commit.events.size() - 1},
          .repeated = false,
          .answer = std::move(commit.answer)};
}

/// Whether that is to be held against the commits.
bool too_few(const Server::Replicas& replicas, const RedisOptions& options) {
  if (replicas.reached >= replicas.wanted) return false;
  if (!options.starting || !options.starting()) return true;
  logging::warn(
      "only {} of {} replicas have what was committed at the start: a failover may lose it",
      replicas.reached, replicas.wanted);
  return false;
}

/// What was committed and is not on as many replicas as it should be.
void say_too_few(std::vector<Result<Committed>>& answers, const Server::Replicas& replicas) {
  const auto few = std::to_string(replicas.reached) + " of " + std::to_string(replicas.wanted);
  for (auto& answer : answers) {
    if (!answer) continue;
    answer = fail(Errc::unknown_outcome,
                  "committed at position " + text(answer->last.value) + ", but only " + few +
                      " replicas had it in time: a failover may lose it. Repeat with the same key "
                      "to wait again");
  }
}

}  // namespace

/// One call of commits.
struct Sender::Call {
  Call(Batch of, Heads& heads, Time time, std::uint64_t turn)
      : batch(std::move(of)), group(commits_of(batch), heads), now(time), ticket(turn) {}
  static std::vector<const Commit*> commits_of(const Batch& batch) {
    std::vector<const Commit*> commits;
    commits.reserve(batch.size());
    for (const auto& one : batch) commits.push_back(&one.commit);
    return commits;
  }

  Batch batch;
  Group group;
  Time now;
  std::uint64_t ticket;
  Server::Replicas replicas;
  Result<RedisReply> reply;
  std::vector<Group::Answer> told;  // of the reply
  std::vector<Result<Committed>> answers;
};

Sender::Sender(Env& env, const boost::asio::any_io_executor& executor, const RedisOptions& options,
               Session& session, Publisher& publisher)
    : env_(env),
      options_(options),
      session_(session),
      publisher_(publisher),
      changed_(executor),
      group_(executor) {}

void Sender::begin() {
  session_.on_begun([this] { heads_.forget_all(); });
}

Async<> Sender::end() {
  while (!queue_.empty() || in_flight_ > 0 || woken_) co_await changed_.wait_uncancelled();
  group_.cancel();
  co_await group_.join();
}

Async<Result<Committed>> Sender::commit(Commit commit) {
  auto start = [this, &commit](std::move_only_function<void(Result<Committed>)> resume) {
    queue_.push_back(Queued{.commit = std::move(commit), .answer = std::move(resume), .call = {}});
    wake();
  };
  return aio::suspend<Result<Committed>>(std::move(start));
}

Async<Result<RedisReply>> Sender::in_turn(Script script, RedisWords args, Settle settle) {
  std::uint64_t ticket = 0;
  auto wait = [this, &ticket](std::move_only_function<void(bool)> resume) {
    auto call = [this, &ticket, r = std::move(resume)]() mutable {
      ticket = ticket_++;
      ++in_flight_;
      r(true);
    };
    queue_.push_back(Queued{.commit = {}, .answer = {}, .call = std::move(call)});
    wake();
  };
  co_await aio::suspend<bool>(std::move(wait));
  const auto kept = std::make_shared<const RedisWords>(std::move(args));
  auto reply = co_await session_.write(script, [kept] { return *kept; });
  co_await my_turn(ticket);
  if (settle) co_await settle(reply);
  turn_is_over();
  co_return reply;
}

/// Whether what is queued may go out. In a cluster that moves the town, a second call could
/// overtake the first.
bool Sender::may_send() const {
  if (queue_.empty()) return false;
  if (options_.address.cluster) return in_flight_ == 0;
  if (in_flight_ < kCallsInFlight) return true;
  return queue_.size() >= options_.group_commits && in_flight_ < kFullCallsInFlight;
}

/// What is asked in one moment goes out together: everything else that is ready runs first.
void Sender::wake() {
  if (woken_ || answering_ || !may_send()) return;
  woken_ = true;
  env_.defer([this] {
    woken_ = false;
    send_all();
    changed_.notify();
  });
}

/// Sends what is queued, in its order.
void Sender::send_all() {
  while (may_send()) {
    if (queue_.front().call) {
      auto call = std::move(queue_.front().call);
      queue_.pop_front();
      call();
      continue;
    }
    send_commits(take_batch());
  }
}

/// The next call's. Where nothing is under way, one half: while Redis works on the other, the
/// answers of this are dealt with.
Sender::Batch Sender::take_batch() {
  const bool half = in_flight_ == 0 && queue_.size() >= kTwoCalls && !options_.address.cluster;
  const auto most =
      half ? std::min(options_.group_commits, (queue_.size() + 1) / 2) : options_.group_commits;
  Batch batch;
  std::size_t bytes = 0;
  while (!queue_.empty() && !queue_.front().call && batch.size() < most &&
         (batch.empty() || bytes < options_.group_bytes)) {
    bytes += size_of(queue_.front().commit);
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void Sender::start(std::string name, Async<> work) {
  ++in_flight_;
  group_.spawn(std::move(name), std::move(work));
}

Async<> Sender::my_turn(std::uint64_t ticket) {
  while (settled_ != ticket) co_await changed_.wait_uncancelled();
}

void Sender::turn_is_over() {
  ++settled_;
  --in_flight_;
  changed_.notify();
  wake();
}

void Sender::send_commits(Batch batch) {
  const auto call = std::make_shared<Call>(std::move(batch), heads_, env_.now(), ticket_++);
  if (options_.replicas == 0 && !options_.address.cluster) {
    const auto args = args_of(*call);
    net::RedisDone done = [this, call](Result<RedisReply> reply) {
      replied(call, std::move(reply));
    };
    if (session_.tell_commits(args, done)) {
      ++in_flight_;
      return;
    }
  }
  start("a call of commits", ask(call));
}

RedisWords Sender::args_of(Call& call) const {
  RedisWords args;
  call.group.encode(
      args,
      {.now = call.now, .clock = session_.now_text(), .session_size = session_.name().size()});
  return args;
}

/// Mostly everything was done, and nothing has to be waited for.
void Sender::replied(const CallPtr& call, Result<RedisReply> reply) {
  call->reply = std::move(reply);
  if (!Session::judge_told(call->reply)) {
    group_.spawn("a call of commits", ask(call));
    return;
  }
  if (settled_ == call->ticket && settle_at_once(*call)) {
    answer(*call);
  } else {
    group_.spawn("what became of commits", settle(call));
  }
}

/// In the way that may have to wait: for Redis, for the session, for replicas.
Async<> Sender::ask(CallPtr call) {
  auto make = [this, call] { return args_of(*call); };
  call->replicas = {.wanted = options_.replicas, .wait = options_.replica_timeout};
  call->reply = co_await session_.write(Script::commit, std::move(make), &call->replicas);
  co_await settle(call);
}

/// Answers whether that could be done: all commits were, and those before them have been told of.
bool Sender::settle_at_once(Call& call) {
  if (!call.reply) return false;
  call.told = call.group.settle(*call.reply);
  const auto refused = [](const Group::Answer& one) { return one.instead != nullptr; };
  if (call.told.empty() || std::ranges::any_of(call.told, refused) ||
      !publisher_.has_come_to(call.told.front().first))
    return false;
  call.answers.reserve(call.batch.size());
  for (std::size_t i = 0; i < call.batch.size(); ++i) {
    auto& commit = call.batch[i].commit;
    auto done = done_at(call.told[i].first, commit);
    publisher_.tell_next(done, std::move(commit.events));
    call.answers.emplace_back(std::move(done));
  }
  return true;
}

Async<> Sender::settle(CallPtr call) {
  co_await my_turn(call->ticket);
  auto& [batch, group, now, ticket, replicas, reply, told, answers] = *call;
  if (reply && told.empty()) told = group.settle(*reply);
  if (told.empty()) {
    const auto error = reply ? not_understood() : reply.error();
    answers.assign(batch.size(), Result<Committed>(fail(error)));
  } else {
    answers.reserve(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto& commit = batch[i].commit;
      if (told[i].instead != nullptr) {
        answers.push_back(co_await settle_one(*told[i].instead, commit));
        continue;
      }
      auto done = done_at(told[i].first, commit);
      co_await publisher_.tell(done, std::move(commit.events));
      answers.emplace_back(std::move(done));
    }
  }
  if (too_few(replicas, options_)) say_too_few(answers, replicas);
  answer(*call);
}

/// Of a commit that was not done now.
Async<Result<Committed>> Sender::settle_one(RedisReply& answer, const Commit& commit) {
  auto& parts = answer.elements;
  if (parts.size() == 2 && parts[0].integer == 2)
    co_return fail(Errc::corrupt, "Redis refused a commit: " + parts[1].text);
  if (parts.size() == 3 && parts[0].integer == 0) {
    const Verdict verdict{.which = parts[1].integer, .instead = std::move(parts[2].text)};
    co_return fail(refusal(commit, verdict));
  }
  if (parts.size() != 4 || parts[0].integer != 1) co_return fail(not_understood());
  Committed done{.first = {static_cast<std::uint64_t>(parts[1].integer)},
                 .last = {static_cast<std::uint64_t>(parts[2].integer)},
                 .repeated = true,
                 .answer = std::move(parts[3].text)};
  // Its first time may have been ours, and its answer lost.
  co_await publisher_.read_up_to(done.last);
  co_return done;
}

/// Ends its turn. Who commits again at once is heard before the next call goes out.
void Sender::answer(Call& call) {
  answering_ = true;
  turn_is_over();
  for (std::size_t i = 0; i < call.batch.size(); ++i)
    call.batch[i].answer(std::move(call.answers[i]));
  answering_ = false;
  // One after the other: nobody else is on the way who could go along.
  if (call.batch.size() == 1 && queue_.size() == 1 && in_flight_ == 0) {
    send_all();
  } else {
    wake();
  }
  if (committed_) committed_();
}

void Sender::catch_up(Position head) {
  if (catching_up_) return;
  catching_up_ = true;
  start("commits whose answers were lost", catch_up_to(head, ticket_++));
}

Async<> Sender::catch_up_to(Position head, std::uint64_t ticket) {
  co_await my_turn(ticket);
  co_await publisher_.read_up_to(head);
  catching_up_ = false;
  turn_is_over();
}

}  // namespace reeve::store::redis
