#include "judge.h"

#include <algorithm>

#include "clerk.h"
#include "run/fold_check.h"

namespace reeve::sim {
namespace {

Async<> check_log(World& world) {
  auto& store = *world.disk;
  auto at = store.log().mark();
  while (at < store.log().head) {
    const auto page = co_await store.read(at, store::EventFilter(), limits::kPage);
    if (!page || page->events.empty()) {
      world.complain("G4 the log can be read", page ? "an empty page" : text_of(page.error()));
      co_return;
    }
    for (const auto& event : page->events) {
      if (event->position != next(at))
        world.complain("G4 positions are dense",
                       fmt::format("{} follows {}", event->position.value, at.value));
      if (event->position.value > world.history().size() ||
          world.history()[event->position.value - 1]->id != event->id)
        world.complain("G3 what was told is what is there", event->id.str());
      at = event->position;
    }
  }
  if (at.value != world.history().size())
    world.complain("G1 what was told is there", fmt::format("the log ends at {}, {} were told",
                                                            at.value, world.history().size()));
}

/// Each run from its start to its one end, and nothing of it afterwards.
void check_runs(World& world) {
  std::map<RunId, Position> started;
  for (const auto& event : world.history()) {
    const auto scope = std::ranges::find(event->scopes, std::string_view("run"), &Scope::family);
    if (scope == event->scopes.end()) continue;
    const auto run = RunId::parse(scope->id()).value();
    if (event->kind == "RunStarted" && !started.emplace(run, event->position).second)
      world.complain("G7 a run starts once", run.str());
    if (!started.contains(run))
      world.complain("G7 a run starts before anything else of it",
                     fmt::format("{} has {}", run.str(), event->kind));
    const auto* end = world.end_of(run);
    if (end != nullptr && event->position > end->position)
      world.complain("G8 nothing of a run comes after its end",
                     fmt::format("{} has {} at {}, and ended at {}", run.str(), event->kind,
                                 event->position.value, end->position.value));
  }
  for (const auto& [run, position] : started) {
    if (world.end_of(run) == nullptr)
      world.complain("G7 a run has exactly one terminal event",
                     fmt::format("{}, started at {}, has none", run.str(), position.value));
  }
}

Async<> check_documents(World& world) {
  const auto differences = co_await run::testing::fold_differences(*world.disk);
  if (!differences) {
    world.complain("G2 state is the fold of the log", text_of(differences.error()));
    co_return;
  }
  for (const auto& difference : *differences)
    world.complain("G2 state is the fold of the log", difference);

  const auto counted = std::ranges::count_if(
      world.history(), [](const EventPtr& event) { return event->kind == "Counted"; });
  store::DocKey key{kCounterKind, "all"};
  const auto counter = co_await world.disk->get(std::move(key));
  const auto number = counter && *counter ? std::stoll((*counter)->body) : 0;
  if (number != counted)
    world.complain("G2 documents and events change together",
                   fmt::format("the counter is at {} after {} events", number, counted));
}

Async<> check_bills(World& world, const Clerk& clerk, const Postman& postman) {
  for (const auto& id : clerk.bills()) {
    store::DocKey key{"_outbox", id};
    const auto doc = co_await world.disk->get(std::move(key));
    if (!doc || !*doc) {
      world.complain("G1 an acknowledged outbox row is there", id);
      continue;
    }
    const auto row = parse_json_as<log::OutboxRow>((*doc)->body).value();
    const auto tally = postman.tallies().find(id);
    const bool taken = tally != postman.tallies().end() && tally->second.taken > 0;
    if (row.state != log::OutboxState::delivered || !taken)
      world.complain(
          "outbox: each row is delivered at least once",
          fmt::format("{} is {}{}", id, enum_name(row.state), taken ? "" : ", and nobody has it"));
  }
}

}  // namespace

Async<> judge(World& world, const std::vector<std::unique_ptr<Player>>& players) {
  co_await check_log(world);
  check_runs(world);
  co_await check_documents(world);
  const Postman* postman = nullptr;
  for (const auto& player : players) {
    if (const auto* found = dynamic_cast<const Postman*>(player.get())) postman = found;
  }
  for (const auto& player : players) {
    const auto* clerk = dynamic_cast<const Clerk*>(player.get());
    if (clerk != nullptr && postman != nullptr) co_await check_bills(world, *clerk, *postman);
  }
}

}  // namespace reeve::sim
