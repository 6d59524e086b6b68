#include "world.h"

#include <algorithm>
#include <cstdio>

#include "store/memory/memory_store.h"

namespace reeve::sim {
namespace {

bool is_end(std::string_view kind) {
  return kind == "RunCompleted" || kind == "RunFailed" || kind == "RunCancelled";
}

std::unique_ptr<store::FaultyStore> make_disk(World& world, std::uint64_t seed) {
  const auto executor = world.env.loop.get_executor();
  auto witness = std::make_unique<Witness>(store::make_memory(world.env, executor));
  world.witness = witness.get();
  return std::make_unique<store::FaultyStore>(world.env, executor, std::move(witness), seed,
                                              world.setting.faults);
}

}  // namespace

Setting Setting::draw(Random& random) {
  Setting setting;
  auto& faults = setting.faults;
  if (random.chance(80)) {
    // Some disks are bad in one way only, some in all.
    const auto some = [&](int percent, int up_to) {
      return random.chance(percent) ? random.pick(1, up_to) : 0;
    };
    faults.unavailable = some(50, 120);
    faults.full = some(30, 120);
    faults.unknown_lost = some(50, 150);
    faults.unknown_done = some(50, 150);
    faults.unreadable = some(50, 120);
  }
  if (random.chance(80)) {
    faults.usual_time = random.up_to(4ms) + 1us;
    faults.slow = random.pick(0, 60);
    faults.slow_time = random.up_to(3s) + 1ms;
  }
  setting.lives = random.chance(15) ? 1 : random.pick(2, 5);
  setting.clerks = random.pick(1, 3);
  setting.executors = random.pick(1, 2);
  setting.askers = random.pick(1, 2);
  setting.ops = random.pick(4, 40);
  if (random.chance(60)) setting.tail.tail_events = random.below(40);
  if (random.chance(20)) setting.tail.tail_bytes = random.below(3000);
  if (random.chance(60)) {
    setting.retention.keep_events = random.below(60);
    setting.retention.max_events = setting.retention.keep_events + random.below(120);
    if (random.chance(30)) setting.retention.max_age = Duration(random.pick(500, 20'000));
  }
  if (random.chance(40)) {
    auto& rule = setting.retention.prune.emplace_back();
    rule.kinds = {"Noted"};
    rule.after = Duration(random.pick(0, 9000));
  }
  return setting;
}

bool Setting::calm() const {
  return lives == 1 && faults.unavailable + faults.full + faults.unknown_lost +
                               faults.unknown_done + faults.unreadable ==
                           0;
}

void Witness::set_feed(Feed feed) {
  inner_->set_feed([this, f = std::move(feed)](const std::vector<EventPtr>& events) {
    for (const auto& event : events) {
      history.push_back(event);
      if (told) told(event);
    }
    f(events);
  });
}

World::World(std::uint64_t seed, bool verbose)
    : env(seed),
      random(seed * 0x9e3779b97f4a7c15ULL + 1),
      setting(Setting::draw(random)),
      verbose_(verbose) {
  disk = make_disk(*this, random());
  witness->told = [this](const EventPtr& event) { see(event); };
}

void World::see(const EventPtr& event) {
  if (event->position.value != history().size())
    complain("G4 positions are dense", fmt::format("{} is the event number {} of the log",
                                                   event->position.value, history().size()));
  note("log", fmt::format("{} {} {}", event->position.value, event->kind, event->id.str()));
  const auto run = std::ranges::find(event->scopes, std::string_view("run"), &Scope::family);
  if (run == event->scopes.end()) return;
  const auto id = RunId::parse(run->id());
  if (!id) return;
  if (event->kind == "ToolCallDone") results.emplace(*id, text_in(*event, "id"));
  if (is_end(event->kind) && !ends.emplace(*id, event).second)
    complain("G7 a run has one terminal event",
             fmt::format("{} has a second one, {} at {}", id->str(), event->kind,
                         event->position.value));
}

const Event* World::end_of(const RunId& run) const {
  const auto found = ends.find(run);
  return found == ends.end() ? nullptr : found->second.get();
}

void World::complain(std::string_view guarantee, std::string what) {
  findings.push_back(fmt::format("{}: {}", guarantee, what));
  note("COMPLAINT", findings.back());
}

void World::note(std::string_view who, std::string_view what) {
  const auto at = std::chrono::floor<std::chrono::microseconds>(env.uptime()).count();
  const auto mix = [this](std::string_view text) {
    for (const char c : text) trace_ = (trace_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  mix(who);
  mix(what);
  trace_ = (trace_ ^ static_cast<std::uint64_t>(at)) * 0x100000001b3;
  if (verbose_) {
    fmt::print("{:>14.6f} {:<10} {}\n", static_cast<double>(at) / 1e6, who, what);
    std::fflush(stdout);
  }
}

// --- Life ---------------------------------------------------------------------------------------

Life::Life(World& all, int which)
    : world(all),
      number(which),
      log(all.env, all.env.loop.get_executor(), *all.disk, all.setting.tail),
      outbox(all.env, all.env.loop.get_executor(), *all.disk),
      invocation(all.env, all.env.loop.get_executor(), log, providers, tools, {}),
      listening(all.env, all.env.loop.get_executor(), log),
      group(all.env.loop.get_executor(),
            [this](std::string_view who, const std::exception_ptr& why) {
              if (!over)
                world.complain("nobody throws", fmt::format("{}: {}", who, aio::what(why)));
            }) {}

Async<> Life::begin() {
  for (;;) {
    const auto ended = co_await invocation.recover();
    if (ended) {
      world.note("daemon", fmt::format("life {}: {} runs ended", number, *ended));
      co_return;
    }
    if (!may_pass(ended.error()))
      world.complain("G7 a daemon ends what the last one left open", text_of(ended.error()));
    co_await pause(1s);
  }
}

Async<> Life::end(bool crash) {
  if (crash) {
    world.disk->crash();
    over = true;
  }
  world.note("daemon", fmt::format("life {} {}", number, crash ? "crashes" : "ends"));
  co_await invocation.close();
  over = true;  // from here on players do not see what they are told
  group.cancel();
  co_await group.join();
  co_await listening.close();
  for (const auto& relay : relays) co_await relay->close();
  relays.clear();
}

// ------------------------------------------------------------------------------------------------

bool may_pass(const Error& error) {
  return error.is(Errc::unavailable) || error.is(Errc::storage_full) ||
         error.is(Errc::unknown_outcome);
}

std::string text_of(const Error& error) {
  return fmt::format("{}: {}", describe(error.code()).name, error.message());
}

std::string text_in(const Event& event, std::string_view member) {
  const auto payload = parse_json(event.payload).value();
  const auto* value = payload.as_object().if_contains(member);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

NewEvent make_event(World& world, std::string kind, std::vector<Scope> scopes, json::object payload,
                    std::string origin) {
  NewEvent event;
  event.id = EventId(world.env.uuid7());
  event.time = world.env.now();
  event.kind = std::move(kind);
  event.scopes = std::move(scopes);
  event.origin = std::move(origin);
  event.payload = write_json(payload);
  return event;
}

}  // namespace reeve::sim
