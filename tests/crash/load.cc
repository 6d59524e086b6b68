#include "load.h"

#include <thread>

#include "base/json.h"

namespace reeve::crash {
namespace {

using namespace std::chrono_literals;

/// How long a writer waits for its answer before it gives a request up as "maybe".
constexpr auto kPatience = 60s;

/// Refused is as good as done: a lost answer, or somebody was faster.
Status done_or_refused(const Status& answer) {
  if (!answer && !answer.error().is(Errc::conflict)) return answer;
  return {};
}
template <class T>
Status done_or_refused(const Result<T>& answer) {
  return done_or_refused(answer ? Status() : Status(fail(answer.error())));
}

}  // namespace

client::Client connect(const Place& place, bool starts) {
  client::ClientSettings settings;
  settings.version = REEVE_VERSION;
  settings.may_start_daemon = starts;
  settings.program = place.program;
  return {place.town, settings};
}

Load::Request Load::invent(Random& random, int number, int count, bool keyed) {
  Request request;
  const auto name = "w" + std::to_string(number) + "-" + std::to_string(count);
  // Tasks only as fast as the agents get them done.
  request.task = open_tasks_ < 2 * static_cast<int>(agents_.size()) && chance(random, 40);
  request.agent = anyone(random);
  request.text = (request.task ? "task " : "message ") + name;
  if (request.task && doomed_ && chance(random, 5)) request.text += " doomed to fail";
  if (keyed) request.key = "crash-" + name;
  return request;
}

Result<std::string> Load::ask(client::Client& client, const Request& request) {
  if (request.task) {
    const auto task = client.assign(request.agent, {.text = request.text}, request.key);
    if (!task) return fail(task.error());
    return task->id.str();
  }
  api::SendRequest send;
  send.to = request.agent;
  send.text = request.text;
  send.type = MessageType::informational;
  const auto message = client.send(send, request.key);
  if (!message) return fail(message.error());
  return message->id.str();
}

void Load::write(std::uint64_t seed, int number, bool starts) {
  Random random(seed);
  auto client = connect(place_, starts);
  std::vector<Request> done;
  for (int count = 1; writing_; ++count) {
    const auto request = invent(random, number, count, !starts);
    Result<std::string> answer = fail(Errc::unavailable, "not asked");
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    do {
      if (starts) {
        const std::shared_lock allowed(starters_);
        answer = ask(client, request);
        break;
      }
      answer = ask(client, request);
      if (!answer) std::this_thread::sleep_for(10ms);
    } while (!answer && std::chrono::steady_clock::now() < deadline);
    {
      const std::scoped_lock guard(mutex_);
      if (answer) {
        acknowledged_.push_back({request.task, *answer, request.text});
      } else {
        unacknowledged_.push_back(request.text + ": " + answer.error().message());
      }
    }
    if (answer && !starts) {
      done.push_back(request);
      done.back().id = *answer;
      if (chance(random, 20)) {
        repeat(client,
               done[static_cast<std::size_t>(pick(random, 0, static_cast<int>(done.size()) - 1))],
               random);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 20, 160)));
  }
}

bool Load::insist(const std::string& what, const std::function<Status()>& ask) {
  Status answer;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    answer = ask();
    if (answer) return true;
    if (std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::sleep_for(10ms);
  }
  const std::scoped_lock guard(mutex_);
  unacknowledged_.push_back(what + ": " + answer.error().message());
  return false;
}

void Load::retire(std::uint64_t seed) {
  Random random(seed);
  auto client = connect(place_, false);
  for (int count = 1; writing_; ++count) {
    auto like = like_;
    like.name = "t" + std::to_string(count);
    const auto spawn = [&]() -> Status {
      const auto spawned = client.spawn(like);
      // A conflict: an earlier attempt, whose answer was lost, has done it.
      if (!spawned && !spawned.error().is(Errc::conflict)) return fail(spawned.error());
      return {};
    };
    if (!insist("spawn " + like.name, spawn)) continue;
    for (int i = pick(random, 1, 3); i > 0; --i) {
      const auto text = "task for " + like.name + ", number " + std::to_string(i);
      const auto assign = [&]() -> Status {
        const auto task = client.assign(like.name, {.text = text},
                                        "crash-" + like.name + "-" + std::to_string(i));
        if (!task) return fail(task.error());
        const std::scoped_lock guard(mutex_);
        acknowledged_.push_back({true, task->id.str(), text});
        return {};
      };
      insist(text, assign);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 0, 300)));
    const auto kill = [&]() -> Status {
      const auto killed = client.kill(like.name, "retired");
      if (!killed) return fail(killed.error());
      if (killed->state != AgentState::stopped) return fail(Errc::timeout, "it has a round still");
      return {};
    };
    insist("kill " + like.name, kill);
    api::ReclaimRequest request;
    request.from = like.name;
    request.to = anyone(random);
    const auto reclaim = [&]() -> Status {
      const auto reclaimed = client.reclaim(request);
      if (!reclaimed) return fail(reclaimed.error());
      return {};
    };
    insist("reclaim " + like.name, reclaim);
    if (chance(random, 50)) continue;
    const auto prune = [&]() -> Status {
      const auto pruned = client.prune(like.name, {.reason = "retired", .leftovers = {}});
      // Its name is nobody's: an earlier attempt has done it.
      if (!pruned && !pruned.error().is(Errc::not_found)) return fail(pruned.error());
      return {};
    };
    insist("prune " + like.name, prune);
  }
}

void Load::pause(client::Client& client, Random& random, const std::string& agent) {
  insist("interrupt " + agent,
         [&] { return done_or_refused(client.interrupt(agent, "the test pauses it")); });
  std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 0, 200)));
  insist("resume " + agent, [&] { return done_or_refused(client.resume(agent, "go on")); });
}

void Load::close_and_restart(client::Client& client, const std::string& agent) {
  insist("close " + agent,
         [&] { return done_or_refused(client.close(agent, "the test closes it")); });
  const auto restart = [&]() -> Status {
    const auto view = client.agent(agent);
    if (!view) return fail(view.error());
    if (!is_ended(view->agent.state)) return fail(Errc::timeout, "it has a round still");
    return done_or_refused(client.restart(agent, {.reason = "the test restarts it"}));
  };
  insist("restart " + agent, restart);
}

/// Through the backlog to one agent, maybe back, and to another.
void Load::hand_on(client::Client& client, Random& random, const std::string& text) {
  std::string id;
  const auto add = [&]() -> Status {
    const auto task = client.add_task({.text = text});
    if (!task) return fail(task.error());
    id = task->id.str();
    return {};
  };
  if (!insist(text, add)) return;
  {
    const std::scoped_lock guard(mutex_);
    acknowledged_.push_back({true, id, text});
  }
  const auto claim = [&] {
    insist("claim " + id, [&] { return done_or_refused(client.claim_task(id, anyone(random))); });
  };
  claim();
  if (!chance(random, 40)) return;
  insist("requeue " + id,
         [&] { return done_or_refused(client.change_task(id, "requeue", "the test takes it")); });
  claim();
}

void Load::steer(std::uint64_t seed) {
  Random random(seed);
  auto client = connect(place_, false);
  for (int count = 1; writing_; ++count) {
    const auto& agent = anyone(random);
    const int what = pick(random, 1, 100);
    if (what <= 40) {
      pause(client, random, agent);
    } else if (what <= 60) {
      close_and_restart(client, agent);
    } else if (open_tasks_ < 2 * static_cast<int>(agents_.size())) {
      hand_on(client, random, "task by the backlog, number " + std::to_string(count));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 50, 400)));
  }
}

/// The same key: the first answer again; with another body a conflict.
void Load::repeat(client::Client& client, const Request& request, Random& random) {
  auto again = request;
  const bool other = chance(random, 30);
  if (other) again.text += " (changed)";
  const auto answer = ask(client, again);
  if (!answer && (answer.error().is(Errc::unavailable) || answer.error().is(Errc::unknown_outcome)))
    return;
  const bool right =
      other ? !answer && answer.error().is(Errc::conflict) : answer && *answer == request.id;
  if (right) return;
  const std::scoped_lock guard(mutex_);
  wrong_answers_.push_back(again.key + ": " + (answer ? *answer : answer.error().message()) +
                           " instead of " + (other ? "a conflict" : request.id));
}

bool Load::see(const std::string& data) {
  const std::scoped_lock guard(mutex_);
  const auto event = parse_json_as<Event>(data);
  if (!event) {
    breaks_.push_back(event.error().message() + ": " + data);
    return true;
  }
  if (event->position.value != reached_ + 1) {
    breaks_.push_back("position " + std::to_string(event->position.value) + " after " +
                      std::to_string(reached_));
  }
  reached_ = event->position.value;
  followed_.push_back(event->id.str());
  if (event->kind == "TaskCreated") ++open_tasks_;
  if (event->kind == "TaskCompleted" || event->kind == "TaskFailed" ||
      event->kind == "TaskCancelled")
    --open_tasks_;
  return reached_ < until_;
}

void Load::follow(std::uint64_t seed) {
  Random random(seed);
  auto client = connect(place_, false);
  std::string cursor;
  while (reached_ < until_) {
    int left = pick(random, 20, 600);  // then the follower itself begins anew
    client::Client::EventQuery query;
    query.after = cursor;
    const auto done = client.follow(
        query, [&](const std::string& name, const std::string& data, const std::string& at) {
          if (!at.empty()) cursor = at;
          if (name != "event") return reached_ < until_;
          return see(data) && --left > 0;
        });
    if (done) continue;
    // Without a keeper nobody brings the daemon back, as far as a follower can tell; here somebody
    // does.
    if (!done.error().is(Errc::unavailable))
      breaks_.push_back("following failed: " + done.error().message());
    std::this_thread::sleep_for(50ms);
    if (breaks_.size() > 100) break;
  }
  follows_ = false;
}

std::size_t Load::acknowledged() {
  const std::scoped_lock guard(mutex_);
  return acknowledged_.size();
}

void Load::testify(Evidence& evidence) {
  const std::scoped_lock guard(mutex_);
  evidence.acknowledged = std::move(acknowledged_);
  evidence.unacknowledged = std::move(unacknowledged_);
  evidence.wrong_answers = std::move(wrong_answers_);
  evidence.followed = std::move(followed_);
  evidence.breaks = std::move(breaks_);
}

}  // namespace reeve::crash
