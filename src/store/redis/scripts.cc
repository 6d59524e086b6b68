#include "store/redis/scripts.h"

#include <array>

#include "base/error.h"

namespace reeve::store::redis {
namespace {

constexpr std::array<std::string_view, kScripts> kNames{
    "open",     "beat",     "commit", "list",     "items",       "read",    "events_at", "segment",
    "postings", "truncate", "prune",  "snapshot", "snapshot_of", "acquire", "release"};

}  // namespace

std::string_view name_of(Script script) { return kNames.at(static_cast<std::size_t>(script)); }

std::string text_of(Script script) {
  const auto text = lua_file(name_of(script));
  REEVE_CHECK(!text.empty());
  return "#!lua\n" + std::string(lua_file("common")) + std::string(text);
}

}  // namespace reeve::store::redis
