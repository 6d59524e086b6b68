#include "doors/tinytown/ids.h"

namespace reeve::doors::tinytown {

AgentId tt_sender(std::string_view from) {
  const auto id = AgentId::parse(from);
  return id ? *id : supervisor_id();
}

std::string our_sender(const AgentId& from) {
  return from == supervisor_id() ? std::string(kSupervisor) : from.str();
}

std::optional<Uuid> tt_correlation(const std::optional<std::string>& correlation) {
  if (!correlation) return std::nullopt;
  const auto id = Uuid::parse(*correlation);
  if (!id) return std::nullopt;
  return *id;
}

}  // namespace reeve::doors::tinytown
