#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace reeve::store::redis {

/// What Redis does in one step: a file of lua/ each, called by the SHA-1 of its text.
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
  // From outside, without a session:
  look,
  claim,
  erase,
  names,
  requests,
  moved,
};
inline constexpr std::size_t kScripts = static_cast<std::size_t>(Script::moved) + 1;

/// The file's name, without its ending.
std::string_view name_of(Script script);
/// As it is loaded, with what all scripts begin with.
std::string text_of(Script script);
/// What Redis knows it by once it has run: the SHA-1 of its text, hexadecimal.
std::string sha_of(Script script);

/// A file of lua/ as it stands there; made by cmake/embed_lua.cmake. Empty: there is none.
std::string_view lua_file(std::string_view name);

}  // namespace reeve::store::redis
