#include "event/foreign_json.h"

namespace reeve::foreign {

json::object difference(const json::object& told, const json::object& own) {
  json::object out;
  for (const auto& member : told) {
    const auto* mine = own.if_contains(member.key());
    if (mine == nullptr) {
      out.emplace(member.key(), member.value());
    } else if (mine->is_object() && member.value().is_object()) {
      auto deeper = difference(member.value().get_object(), mine->get_object());
      if (!deeper.empty()) out.emplace(member.key(), std::move(deeper));
    } else if (*mine != member.value()) {
      out.emplace(member.key(), member.value());
    }
  }
  return out;
}

void overlay(json::object& out, const json::object& over) {
  for (const auto& member : over) {
    auto& place = out[member.key()];
    if (place.is_object() && member.value().is_object()) {
      overlay(place.get_object(), member.value().get_object());
    } else {
      place = member.value();
    }
  }
}

const json::object* kept(const AgentEvent& event, std::string_view project) {
  const auto* found = more_of(event).if_contains(project);
  return found != nullptr ? found->if_object() : nullptr;
}

void keep(AgentEvent& event, std::string_view project, const json::object& told,
          const json::object& own) {
  auto rest = difference(told, own);
  if (!rest.empty()) more_of(event)[project] = std::move(rest);
}

AgentEvent unknown(std::string_view project, std::string_view type, const json::object& told) {
  UnknownEvent event;
  event.type = std::string(project) + ":" + std::string(type);
  event.more[project] = told;
  return event;
}

void Reader::refuse(std::string_view name, std::string_view why) {
  if (status_) status_ = fail(Errc::invalid_argument, path_of(name) + ": " + std::string(why));
}

}  // namespace reeve::foreign
