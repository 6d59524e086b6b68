#include "doors/tinytown/keys.h"

#include <algorithm>
#include <array>
#include <utility>

namespace reeve::doors::tinytown {
namespace {

using enum KeyFamily;

/// Longest first, where one begins as another does.
constexpr std::array<std::pair<std::string_view, KeyFamily>, 9> kWithId{{
    {"events:agent:", agent_events},
    {"events:mission:", mission_events},
    {"agent:", agent},
    {"inbox:", inbox},
    {"urgent:", urgent},
    {"activity:", activity},
    {"stop:", stop},
    {"task:", task},
    {"docket:", docket},
}};
constexpr std::array<std::pair<std::string_view, KeyFamily>, 3> kWhole{{
    {"backlog", backlog},
    {"broadcast", broadcast},
    {"events", events},
}};

constexpr std::array<std::string_view, 8> kLegacy{"agent",    "inbox", "urgent",  "task",
                                                  "activity", "stop",  "backlog", "broadcast"};
constexpr std::array<std::string_view, 5> kMissionWords{"work", "watch", "events", "control",
                                                        "active"};

}  // namespace

std::optional<Uuid> TtKey::uuid() const {
  switch (family) {
    case agent:
    case inbox:
    case urgent:
    case activity:
    case stop:
    case task:
    case agent_events:
    case mission_events: break;
    default: return std::nullopt;
  }
  const auto parsed = Uuid::parse(id);
  if (!parsed) return std::nullopt;
  return *parsed;
}

std::string Keys::pattern(std::string_view behind) const {
  std::string text;
  for (const char c : prefix_) {
    if (std::string_view("*?[]\\").contains(c)) text += '\\';
    text += c;
  }
  return text + std::string(behind);
}

std::optional<TtKey> Keys::parse(std::string_view key) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  const auto rest = key.substr(prefix_.size());
  for (const auto& [name, family] : kWhole) {
    if (rest == name) return TtKey{family, ""};
  }
  for (const auto& [name, family] : kWithId) {
    if (rest.starts_with(name)) return TtKey{family, std::string(rest.substr(name.size()))};
  }
  if (rest.starts_with("mission:")) {
    return TtKey{mission, std::string(rest.substr(std::string_view("mission:").size()))};
  }
  return TtKey{other, std::string(rest)};
}

std::string mirror_place_key(std::string_view town) {
  return "reeve:{" + std::string(town) + "}:mirror";
}

Status check_tt_town(std::string_view town) {
  const auto refuse = [&](const std::string& why) {
    return fail(Errc::invalid_argument,
                "tinytown cannot share a town called \"" + std::string(town) + "\": " + why);
  };
  if (town.empty()) return refuse("it has no name");
  if (town.find_first_of(":*?[]{}\\") != std::string_view::npos) {
    return refuse("its name holds a character that means something in Redis' keys");
  }
  if (std::ranges::find(kLegacy, town) != kLegacy.end()) {
    return refuse("tt would take its keys for those of an old version");
  }
  for (const auto word : kMissionWords) {
    if (town.starts_with(word)) {
      return refuse("its name begins with \"" + std::string(word) +
                    "\", and tt's list of missions leaves such towns out");
    }
  }
  return {};
}

}  // namespace reeve::doors::tinytown
