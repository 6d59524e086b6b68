#include "inquest.h"

#include <sqlite3.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

#include "base/json.h"
#include "processes.h"

namespace reeve::crash {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

Finding question(client::Client& client, Evidence& evidence) {
  std::vector<std::string> failures;
  client::Client::EventQuery query;
  for (;;) {
    const auto page = client.events(query);
    if (!page) {
      failures.push_back("events: " + page.error().message());
      break;
    }
    for (const auto& text : page->events) {
      auto event = parse_json_as<Event>(text);
      if (event) {
        evidence.log.push_back(std::move(*event));
      } else {
        failures.push_back(event.error().message());
      }
    }
    query.after = page->cursor;
    if (page->events.empty()) break;
  }
  std::vector<std::string> mailboxes{std::string(kSupervisor)};
  const auto views = client.agents({.limit = 500});
  if (!views) failures.push_back("agents: " + views.error().message());
  if (views) {
    for (const auto& view : views->agents) {
      mailboxes.push_back(view.agent.name);
      evidence.agents.push_back(view.agent);
    }
  }
  for (const auto& name : mailboxes) {
    const auto inbox = client.inbox(name);
    if (!inbox) {
      failures.push_back("inbox: " + inbox.error().message());
      continue;
    }
    if (inbox->more + inbox->more_dead > 0) failures.push_back("inbox: not all of it is shown");
    for (const auto& message : inbox->messages) {
      evidence.waiting.insert(message.id.str());
      if (message.task) evidence.brought.emplace(message.to.str(), message.task->str());
    }
    for (const auto& message : inbox->dead) evidence.dead.insert(message.id.str());
  }
  for (std::uint64_t after = 0;;) {
    const auto page = client.tasks({.after = after, .limit = 500});
    if (!page) {
      failures.push_back("tasks: " + page.error().message());
      break;
    }
    for (const auto& view : page->tasks) evidence.tasks.push_back(view.task);
    if (!page->next) break;
    after = *page->next;
  }
  // Nothing was mended before: the daemons' own sweeps leave alone what changed in the last minute.
  const auto report = client.recover(true);
  if (!report) failures.push_back("recover: " + report.error().message());
  if (report) {
    for (const auto& orphan : report->orphans)
      evidence.orphans.push_back(orphan.what + " " + orphan.id + ": " + orphan.text);
  }
  for (const auto& event : evidence.log) {
    if (event.kind == "OrphanMended") evidence.orphans.push_back("mended: " + event.payload);
  }
  return {"the town answers", 1, std::move(failures)};
}

Finding look_for_zombies(const fs::path& root) {
  std::vector<std::string> zombies;
  for (int look = 0; look < 3; ++look) {  // one that is about to be reaped is none
    zombies.clear();
    for (const auto& zombie : zombies_of(root)) zombies.push_back(std::to_string(zombie.ref.pid));
    if (zombies.empty()) break;
    std::this_thread::sleep_for(1s);
  }
  return {"no zombie is left", 1, std::move(zombies)};
}

Finding look_at_database(const fs::path& path) {
  std::vector<std::string> damage;
  sqlite3* db = nullptr;
  const auto database = path.string();
  if (::sqlite3_open_v2(database.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK)
    damage.emplace_back("cannot open " + database);
  const auto take = [](void* out, int, char** values, char**) {
    const std::string_view value = values[0] == nullptr ? "" : values[0];
    if (value != "ok") static_cast<std::vector<std::string>*>(out)->emplace_back(value);
    return 0;
  };
  if (::sqlite3_exec(db, "PRAGMA integrity_check", take, &damage, nullptr) != SQLITE_OK)
    damage.emplace_back(::sqlite3_errmsg(db));
  ::sqlite3_close(db);
  return {"the database is whole", 1, std::move(damage)};
}

std::map<std::string, RoundTrace> traces_in(const fs::path& side) {
  std::map<std::string, RoundTrace> traces;
  for (const auto& entry : fs::directory_iterator(side)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("run.")) continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    traces[name.substr(4)] = read_trace(text.str());
  }
  return traces;
}

}  // namespace reeve::crash
