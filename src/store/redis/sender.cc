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
  group_.spawn("commits", send_all());
}

Async<> Sender::end() {
  while (!queue_.empty() || in_flight_ > 0) co_await changed_.wait_uncancelled();
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

void Sender::wake() {
  if (may_send()) changed_.notify();
}

/// Sends what is queued, in its order.
Async<> Sender::send_all() {
  for (;;) {
    while (!may_send()) co_await changed_.wait();
    if (queue_.front().call) {
      auto call = std::move(queue_.front().call);
      queue_.pop_front();
      call();
      continue;
    }
    start("a call of commits", send_commits(std::make_shared<Batch>(take_batch()), ticket_++));
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
}

Async<> Sender::send_commits(std::shared_ptr<Batch> batch, std::uint64_t ticket) {
  std::vector<const Commit*> commits;
  commits.reserve(batch->size());
  for (const auto& one : *batch) commits.push_back(&one.commit);
  const auto group = std::make_shared<Group>(std::move(commits), heads_);
  auto make = [group, now = env_.now()] {
    RedisWords args;
    group->encode(args, now);
    return args;
  };
  Server::Replicas replicas{.wanted = options_.replicas, .wait = options_.replica_timeout};
  auto reply = co_await session_.write(Script::commit, std::move(make), &replicas);
  co_await my_turn(ticket);
  std::vector<Result<Committed>> answers;
  co_await settle_all(*batch, *group, std::move(reply), answers);
  if (too_few(replicas, options_)) say_too_few(answers, replicas);
  turn_is_over();
  for (std::size_t i = 0; i < batch->size(); ++i) (*batch)[i].answer(std::move(answers[i]));
  if (committed_) committed_();
}

Async<> Sender::settle_all(Batch& batch, Group& group, Result<RedisReply> reply,
                           std::vector<Result<Committed>>& answers) {
  std::vector<Group::Answer> told;
  if (reply) told = group.settle(*reply);
  if (told.empty()) {
    const auto error = reply ? not_understood() : reply.error();
    answers.assign(batch.size(), Result<Committed>(fail(error)));
    co_return;
  }
  answers.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto& commit = batch[i].commit;
    if (told[i].instead != nullptr) {
      answers.push_back(co_await settle(*told[i].instead, commit));
      continue;
    }
    Committed done{.first = told[i].first,
                   .last = {told[i].first.value + commit.events.size() - 1},
                   .repeated = false,
                   .answer = std::move(commit.answer)};
    co_await publisher_.tell(done, std::move(commit.events));
    answers.emplace_back(std::move(done));
  }
}

/// Of a commit that was not done now.
Async<Result<Committed>> Sender::settle(RedisReply& answer, const Commit& commit) {
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
