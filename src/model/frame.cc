#include "model/frame.h"

#include <boost/describe.hpp>

namespace reeve {
namespace {

struct DeltaView {
  RunId run;
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  std::string kind;
  Time time{};
  std::vector<Scope> scopes;
};
BOOST_DESCRIBE_STRUCT(DeltaView, (), (run, epoch, number, kind, time, scopes))

}  // namespace

BOOST_DESCRIBE_STRUCT(Gap, (), (run, epoch, from, to, dropped))
BOOST_DESCRIBE_STRUCT(Progress, (), (position))

std::string_view frame_name(const Frame& frame) {
  constexpr std::array<std::string_view, 4> kNames{"event", "delta", "gap", "progress"};
  return kNames.at(frame.index());
}

std::string frame_json(const Frame& frame) {
  if (const auto* event = std::get_if<EventPtr>(&frame)) return event_json(**event);
  if (const auto* gap = std::get_if<Gap>(&frame)) return write_json_of(*gap);
  if (const auto* progress = std::get_if<Progress>(&frame)) return write_json_of(*progress);
  const auto& delta = *std::get<DeltaPtr>(frame);
  auto text = write_json_of(
      DeltaView{delta.run, delta.epoch, delta.number, delta.kind, delta.time, *delta.scopes});
  text.pop_back();
  text += ",\"payload\":";
  text += delta.payload;
  text += '}';
  return text;
}

std::optional<Position> frame_position(const Frame& frame) {
  if (const auto* event = std::get_if<EventPtr>(&frame)) return (*event)->position;
  if (const auto* progress = std::get_if<Progress>(&frame)) return progress->position;
  return std::nullopt;
}

}  // namespace reeve
