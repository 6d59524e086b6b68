// A large, old town: 1,000 agents and 100,000 tasks that are over. What its commands cost beside
// the same commands in an empty one, how soon a message becomes a round, and what an agent that
// does nothing costs.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "aio/real_env.h"
#include "aio/run.h"
#include "base/fd.h"
#include "client/client.h"
#include "harness.h"
#include "program.h"
#include "run/draft.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::bench {
namespace {

constexpr int kAgents = 1'000;
constexpr int kTasks = 100'000;
constexpr int kRounds = 30;

template <class T>
T need(Result<T> value) {
  if (!value) throw std::runtime_error(value.error().message());
  return std::move(*value);
}

std::string agent_name(int number) { return "agent-" + std::to_string(number); }

aio::Async<> add_agents(Env& env, store::Store& store, std::vector<AgentId>& ids) {
  for (int i = 0; i < kAgents; ++i) {
    run::Draft draft(env, store, run::Caller{});
    Agent agent;
    agent.id = AgentId(env.uuid4());
    agent.name = agent_name(i);
    agent.cli = "cat";
    agent.created_at = agent.last_active_at = env.now();
    ids.push_back(agent.id);
    auto added = co_await draft.add(fact::AgentSpawned{agent});
    if (!added) throw std::runtime_error(added.error().message());
    draft.write(store::PutDoc{{run::kNameKind, agent.name}, write_json_of(agent.id), {}});
    need(co_await draft.commit());
  }
}

aio::Async<> add_tasks(Env& env, store::Store& store, const std::vector<AgentId>& agents) {
  constexpr int kTogether = 500;
  for (int i = 0; i < kTasks; i += kTogether) {
    run::Draft draft(env, store, run::Caller{});
    for (int t = 0; t < kTogether; ++t) {
      Task task;
      task.id = TaskId(env.uuid4());
      task.text =
          "change what task " + std::to_string(i + t) + " says, and see that its test passes";
      task.state = TaskState::completed;
      task.agent = agents[static_cast<std::size_t>(i + t) % agents.size()];
      task.result = "done";
      task.created_at = task.updated_at = env.now();
      auto added = co_await draft.add(fact::TaskCreated{std::move(task)});
      if (!added) throw std::runtime_error(added.error().message());
    }
    need(co_await draft.commit());
  }
}

void fill(const std::filesystem::path& database, bool with_tasks) {
  boost::asio::io_context loop;
  aio::RealEnv env(loop);
  store::SqliteOptions options{.path = database.string()};
  options.durability = store::Durability::os;
  auto store = need(store::open_sqlite(env, loop.get_executor(), options));
  std::vector<AgentId> agents;
  aio::run(loop, add_agents(env, *store, agents));
  if (with_tasks) aio::run(loop, add_tasks(env, *store, agents));
  aio::run(loop, store->close());
}

/// A child says by a FIFO that it runs.
class Gate {
 public:
  explicit Gate(const std::filesystem::path& folder)
      : path_(folder / "gate"), script_(folder / "agent.sh") {
    ::mkfifo(path_.c_str(), 0600);
    fifo_ = Fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    std::ofstream(script_) << "#!/bin/sh\necho x > " << path_.string() << "\necho done\n";
    std::filesystem::permissions(script_, std::filesystem::perms::owner_all);
  }
  [[nodiscard]] std::string script() const { return script_.string(); }
  /// Waits for a child.
  void wait() const {
    char word[2];
    if (::read(fifo_.get(), word, sizeof word) != sizeof word)
      throw std::runtime_error("the gate is broken");
  }

 private:
  std::filesystem::path path_;
  std::filesystem::path script_;
  Fd fifo_;
};

/// When the newest event of a kind was seen, by a follower in a thread of its own.
class Watch {
 public:
  Watch(client::TownFolder folder, std::string scope) {
    thread_ = std::jthread([this, f = std::move(folder), s = std::move(scope)] {
      client::Client client(f, client::ClientSettings{});
      client::EventQuery query;
      query.scopes = {s};
      query.after = need(client.town()).cursor;
      ready_.store(true);
      ready_.notify_all();
      static_cast<void>(client.follow(query, [&](const auto& name, const auto& data, const auto&) {
        if (name != "event") return !over_.load();
        const std::scoped_lock lock(mutex_);
        const auto event = parse_json_as<Event>(data);
        if (event) seen_.emplace_back(event->kind, Clock::now());
        changed_.notify_all();
        return !over_.load();
      }));
    });
    ready_.wait(false);
  }
  void stop() { over_ = true; }  // ends with the next frame

  /// When the next event of that kind was seen, behind those looked at before.
  Clock::time_point next(std::string_view kind) {
    std::unique_lock lock(mutex_);
    for (;;) {
      for (; looked_ < seen_.size(); ++looked_) {
        if (seen_[looked_].first == kind) return seen_[looked_++].second;
      }
      if (changed_.wait_for(lock, std::chrono::seconds(30)) == std::cv_status::timeout)
        throw std::runtime_error("no " + std::string(kind));
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::string, Clock::time_point>> seen_;
  std::size_t looked_ = 0;
  std::atomic<bool> ready_ = false;
  std::atomic<bool> over_ = false;
  std::jthread thread_;
};

double ms(Clock::duration time) { return Seconds(time).count() * 1e3; }

void commands(Run& run, const std::string& reeve, const std::string& town,
              const std::string& empty) {
  const auto compare = [&](const std::string& name, std::vector<std::string> words,
                           std::vector<std::string> words_empty) {
    const auto with = [&](const std::string& of, std::vector<std::string> more) {
      more.insert(more.begin(), {reeve, "--town", of});
      return median_run(more) * 1e3;
    };
    const auto value = with(town, std::move(words));
    run.report("town/" + name, value, "ms",
               {{"the same in an empty town", with(empty, std::move(words_empty))}});
  };
  compare("list", {"list"}, {"list"});
  compare("status", {"status"}, {"status"});
  compare("status of one", {"status", agent_name(1)}, {"status", "ada"});
  compare("task list", {"task", "list"}, {"task", "list"});
  compare("send", {"send", agent_name(1), "--info", "hello"}, {"send", "ada", "--info", "hello"});
  compare("backlog add", {"backlog", "add", "paint"}, {"backlog", "add", "paint"});
}

void rounds(Run& run, const std::filesystem::path& folder) {
  const Gate gate(folder);
  std::vector<double> alone;
  for (int i = 0; i < kRounds; ++i) {
    const auto begin = Clock::now();
    std::thread child([&] { run_program({gate.script()}); });
    gate.wait();
    alone.push_back(ms(Clock::now() - begin));
    child.join();
  }
  const double child = median(std::move(alone));

  client::Client client(client::TownFolder(folder), client::ClientSettings{});
  api::SpawnRequest request;
  request.cli = gate.script();
  std::vector<double> first;
  for (int i = 0; i < kRounds / 3; ++i) {
    request.name = "new-" + std::to_string(i);
    const auto begin = Clock::now();
    const auto agent = need(client.spawn(request));
    api::AssignRequest task;
    task.text = "begin";
    need(client.assign(agent.name, task));
    gate.wait();
    first.push_back(ms(Clock::now() - begin));
    need(client.wait_agent(agent.name, std::nullopt));
  }
  run.report("town/spawn to the child's first word", median(std::move(first)), "ms",
             {{"the child alone", child}});

  const auto agent = need(client.agent("new-0")).agent;
  Watch watch(client::TownFolder(folder), "agent:" + agent.id.str());
  std::vector<double> begun;
  std::vector<double> ran;
  for (int i = 0; i < kRounds; ++i) {
    api::SendRequest message;
    message.to = "new-0";
    message.text = "go on";
    message.type = MessageType::task;
    const auto begin = Clock::now();
    need(client.send(message));
    begun.push_back(ms(watch.next("RunStarted") - begin));
    if (i == kRounds - 1) watch.stop();  // the round's end is what it ends with
    gate.wait();
    ran.push_back(ms(Clock::now() - begin));
    if (i == kRounds - 1) break;
    watch.next("RunCompleted");
  }
  run.report("town/message to RunStarted", median(std::move(begun)), "ms", {});
  run.report("town/message to the child's first word", median(std::move(ran)), "ms",
             {{"the child alone", child}});
  need(client.wait_agent("new-0", std::nullopt));
}

/// What a daemon holds after it has started and answered `status` and `list`.
double held(const std::filesystem::path& folder) {
  const auto reeve = reeve_program();
  for (const char* command : {"status", "list"})
    run_program({reeve, "--town", folder.string(), command});
  client::Client client(client::TownFolder(folder), client::ClientSettings{});
  return anonymous_mb(need(client.town()).pid) * (1 << 20);
}

void measure(Run& run) {
  const auto reeve = reeve_program();
  const auto town = run.fresh_folder("town");
  const auto empty = run.fresh_folder("empty_town");
  const auto idle = run.fresh_folder("idle_town");
  for (const auto& folder : {town, empty, idle})
    run_program({reeve, "--town", folder.string(), "init", "--name", "bench"});
  run_program({reeve, "--town", empty.string(), "spawn", "ada", "--cli", "cat"});
  run_program({reeve, "--town", empty.string(), "backlog", "add", "paint"});
  fill(town / ".reeve" / "town.db", true);
  fill(idle / ".reeve" / "town.db", false);
  run.report("town/memory of an idle agent", (held(idle) - held(empty)) / kAgents, "bytes", {});
  commands(run, reeve, town.string(), empty.string());
  rounds(run, town);
  for (const auto& folder : {town, empty, idle})
    run_program({reeve, "--town", folder.string(), "stop"});
}

const Registration kTown{"town", "a town of 1,000 agents and 100,000 tasks", &measure};

}  // namespace
}  // namespace reeve::bench
