#include "doors/tinytown/streams.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/json.h"

namespace reeve::doors::tinytown {
namespace {

/// What each keeps, about: MAXLEN ~.
constexpr std::size_t kTownEvents = 1000;
constexpr std::size_t kAgentEvents = 100;
constexpr std::size_t kMissionEvents = 500;

}  // namespace

void Streams::add(const TtEvent& event, Position position) {
  const auto number = entries_.size();
  bool wanted = false;
  const auto take = [&](Taken& stream, std::size_t most) {
    if (stream.size() == most) return;
    stream.push_back(number);
    wanted = true;
  };
  take(town_, kTownEvents);
  for (const auto& agent : readers_of(event)) take(agents_[agent], kAgentEvents);
  if (event.mission) take(missions_[*event.mission], kMissionEvents);
  if (wanted) entries_.push_back({std::string(enum_name(event.type)), encode(event), position});
}

void Streams::write(Writes& writes) {
  if (entries_.empty()) return;
  std::ranges::reverse(entries_);
  const auto last = entries_.size() - 1;
  writes.entries(entries_);
  entries_.clear();
  const auto put = [&](std::string key, std::size_t most, Taken& stream) {
    std::ranges::reverse(stream);
    for (auto& number : stream) number = last - number;
    writes.stream(std::move(key), most, stream);
  };
  const auto& keys = writes.keys();
  if (!town_.empty()) put(keys.events(), kTownEvents, town_);
  for (auto& [id, stream] : agents_) put(keys.agent_events(id), kAgentEvents, stream);
  for (auto& [id, stream] : missions_) put(keys.mission_events(id.str()), kMissionEvents, stream);
  town_.clear();
  agents_.clear();
  missions_.clear();
}

}  // namespace reeve::doors::tinytown
