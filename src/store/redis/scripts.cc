#include "store/redis/scripts.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

#include "base/error.h"

namespace reeve::store::redis {
namespace {

/// What Redis lets a script do. One that writes is refused as a whole, before it begins, when there
/// is no memory or the server takes no writes; one that only reads is not.
enum class May { read, write, write_when_full };

struct Row {
  std::string_view name;
  May may;
};
constexpr auto kRows = std::to_array<Row>({{"open", May::write_when_full},
                                           {"beat", May::write_when_full},
                                           {"commit", May::write},
                                           {"list", May::read},
                                           {"items", May::read},
                                           {"read", May::read},
                                           {"events_at", May::read},
                                           {"segment", May::write},
                                           {"postings", May::read},
                                           {"truncate", May::write_when_full},
                                           {"prune", May::write_when_full},
                                           {"snapshot", May::read},
                                           {"snapshot_of", May::read},
                                           {"acquire", May::write},
                                           {"release", May::write_when_full},
                                           {"look", May::read},
                                           {"claim", May::write},
                                           {"erase", May::write_when_full},
                                           {"names", May::read},
                                           {"requests", May::read},
                                           {"moved", May::write_when_full}});
static_assert(kRows.size() == kScripts);

const Row& row_of(Script script) { return kRows.at(static_cast<std::size_t>(script)); }

std::string_view head_of(May may) {
  switch (may) {
    case May::read: return "#!lua flags=no-writes\n";
    case May::write: return "#!lua\n";
    case May::write_when_full: return "#!lua flags=allow-oom\n";
  }
  return {};
}

}  // namespace

std::string_view name_of(Script script) { return row_of(script).name; }

std::string text_of(Script script) {
  const auto text = lua_file(name_of(script));
  REEVE_CHECK(!text.empty());
  auto all = std::string(head_of(row_of(script).may));
  // Lua makes every function anew for each call, and commits are many.
  if (script == Script::commit) all += lua_file("alone");
  all += lua_file("common");
  if (script != Script::commit) all += lua_file("tools");
  return all += text;
}

std::string sha_of(Script script) {
  const auto text = text_of(script);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the library's own bytes
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace reeve::store::redis
