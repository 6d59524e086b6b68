#include "doors/tinytown/telling.h"

#include <algorithm>
#include <utility>

#include "base/json.h"

namespace reeve::doors::tinytown {
namespace {

/// What each keeps, about: MAXLEN ~.
constexpr std::size_t kTownEvents = 1000;
constexpr std::size_t kAgentEvents = 100;
constexpr std::size_t kMissionEvents = 500;
/// Lines that an agent's activity keeps.
constexpr std::size_t kActivityLines = 10;
/// Keys that one command deletes.
constexpr std::size_t kRemoved = 1000;

/// One more, if there is room.
bool take(std::size_t& taken, std::size_t most) {
  if (taken == most) return false;
  ++taken;
  return true;
}

}  // namespace

bool Telling::is_overtaken(const std::vector<Scope>& about, bool line) const {
  if (town_ < kTownEvents) return false;
  return std::ranges::all_of(about, [&](const Scope& scope) {
    return !scope.str().starts_with("agent:") ||
           (full_streams_.contains(scope.str()) &&
            (!line || full_activities_.contains(scope.str())));
  });
}

void Telling::add(Told told, Position position, std::optional<std::string> publish) {
  One one{.position = position};
  if (told.event) add_entry(*told.event, one);
  if (told.activity) {
    auto& lines = agents_[told.activity->agent].lines;
    if (take(lines, kActivityLines)) {
      if (lines == kActivityLines) full_activities_.insert(Scope::of(told.activity->agent).str());
      one.activity = std::move(told.activity);
    }
  }
  // The last word counts.
  if (told.stop && stops_.insert(told.stop->agent).second) one.stop = told.stop;
  one.publish = std::move(publish);
  if (!one.type.empty() || one.activity || one.stop || one.publish) all_.push_back(std::move(one));
}

void Telling::add_entry(const TtEvent& event, One& one) {
  one.town = take(town_, kTownEvents);
  for (const auto& agent : readers_of(event)) {
    auto& entries = agents_[agent].entries;
    if (!take(entries, kAgentEvents)) continue;
    one.agents.push_back(agent);
    if (entries == kAgentEvents) full_streams_.insert(Scope::of(agent).str());
  }
  if (event.mission && take(missions_[*event.mission], kMissionEvents)) one.mission = event.mission;
  if (!one.town && one.agents.empty() && !one.mission) return;
  one.type = enum_name(event.type);
  one.data = encode(event);
}

/// What one call writes.
struct Telling::Part {
  using Taken = std::vector<std::size_t>;  // numbers of entries
  std::vector<Writes::Entry> entries;
  Taken town;
  std::map<AgentId, Taken> agents;
  std::map<Uuid, Taken> missions;
  std::map<AgentId, std::vector<std::string>> lines;
  std::vector<AgentId> stops;
  std::vector<std::string> no_stops;
  std::vector<std::string> published;

  void add(One one, const Keys& keys) {
    if (!one.type.empty()) {
      const auto number = entries.size();
      entries.push_back({std::move(one.type), std::move(one.data), one.position});
      if (one.town) town.push_back(number);
      for (const auto& agent : one.agents) agents[agent].push_back(number);
      if (one.mission) missions[*one.mission].push_back(number);
    }
    if (one.activity) lines[one.activity->agent].push_back(std::move(one.activity->text));
    if (one.stop && one.stop->set) stops.push_back(one.stop->agent);
    if (one.stop && !one.stop->set) no_stops.push_back(keys.stop(one.stop->agent));
    if (one.publish) published.push_back(std::move(*one.publish));
  }

  void write(Writes& writes) {
    const auto& keys = writes.keys();
    for (const auto& [id, shown] : lines) writes.activity(id, shown);
    for (const auto& id : stops) writes.stop(id);
    for (std::size_t at = 0; at < no_stops.size(); at += kRemoved) {
      const auto from = no_stops.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = std::min(kRemoved, no_stops.size() - at);
      writes.remove({from, from + static_cast<std::ptrdiff_t>(count)});
    }
    if (!entries.empty()) writes.entries(entries);
    if (!town.empty()) writes.stream(keys.events(), kTownEvents, town);
    for (const auto& [id, taken] : agents)
      writes.stream(keys.agent_events(id), kAgentEvents, taken);
    for (const auto& [id, taken] : missions)
      writes.stream(keys.mission_events(id.str()), kMissionEvents, taken);
    for (auto& text : published) writes.publish(std::move(text));
  }
};

Position Telling::write(Writes& writes, std::size_t most) {
  Part part;
  Position last;
  for (auto left = std::min(most, all_.size()); left > 0; --left) {
    last = all_.back().position;
    part.add(std::move(all_.back()), writes.keys());
    all_.pop_back();
  }
  part.write(writes);
  if (all_.empty()) *this = Telling();
  return last;
}

}  // namespace reeve::doors::tinytown
