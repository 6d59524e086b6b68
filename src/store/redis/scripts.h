#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace reeve::store::redis {

/// What Redis does in one step: a file of lua/ each, loaded once for a server and called by its
/// SHA.
enum class Script {
  open,
  beat,
  commit,
  list,
  items,
  read,
  events_at,
  segment,
  postings,
  truncate,
  prune,
  snapshot,
  snapshot_of,
  acquire,
  release,
};
inline constexpr std::size_t kScripts = static_cast<std::size_t>(Script::release) + 1;

/// The file's name, without its ending.
std::string_view name_of(Script script);
/// As it is loaded, with what all scripts begin with.
std::string text_of(Script script);

/// A file of lua/ as it stands there; made by cmake/embed_lua.cmake. Empty: there is none.
std::string_view lua_file(std::string_view name);

}  // namespace reeve::store::redis
