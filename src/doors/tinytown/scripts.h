#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace reeve::doors::tinytown {

/// A script of lua/, by its file's name without ".lua". Made by cmake/embed_lua.cmake.
std::string_view lua_file(std::string_view name);
/// Several, one behind the other: what the first defines, the last uses.
inline std::string lua_of(std::initializer_list<std::string_view> names) {
  std::string text;
  for (const auto name : names) text += lua_file(name);
  return text;
}

}  // namespace reeve::doors::tinytown
