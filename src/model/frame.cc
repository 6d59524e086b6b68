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

Result<std::optional<Frame>> read_frame(std::string_view name, std::string_view text) {
  auto value = parse_json(text);
  if (!value) return fail(value.error());
  if (name == "event") {
    auto event = std::make_shared<Event>();
    if (auto read = from_json(*value, *event); !read) return fail(read.error());
    if (event->kind.empty() || event->position == Position())
      return fail(Errc::invalid_argument, "an event has a kind and a position");
    return Frame(EventPtr(std::move(event)));
  }
  if (name == "delta") {
    DeltaView view;
    if (auto read = read_json(*value, view); !read) return fail(read.error());
    auto delta = std::make_shared<Delta>();
    delta->run = view.run;
    delta->epoch = view.epoch;
    delta->number = view.number;
    delta->kind = std::move(view.kind);
    delta->time = view.time;
    delta->scopes = share(std::move(view.scopes));
    const auto* payload = value->get_object().if_contains("payload");
    delta->payload = payload != nullptr ? write_json(*payload) : "{}";
    return Frame(DeltaPtr(std::move(delta)));
  }
  if (name == "gap") {
    Gap gap;
    if (auto read = read_json(*value, gap); !read) return fail(read.error());
    return Frame(gap);
  }
  if (name == "progress") {
    Progress progress;
    if (auto read = read_json(*value, progress); !read) return fail(read.error());
    return Frame(progress);
  }
  return std::nullopt;
}

std::optional<Position> frame_position(const Frame& frame) {
  if (const auto* event = std::get_if<EventPtr>(&frame)) return (*event)->position;
  if (const auto* progress = std::get_if<Progress>(&frame)) return progress->position;
  return std::nullopt;
}

}  // namespace reeve
