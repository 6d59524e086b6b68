#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/json.h"

/// Reading members of a foreign object that may have any shape: absent, null and another type are
/// alike.
namespace reeve::proc {

inline const json::value* member(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}
/// "" if there is none.
inline std::string_view text_of(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (found == nullptr || !found->is_string()) return {};
  const auto& text = found->get_string();
  return {text.data(), text.size()};
}
inline const json::object* object_of(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found == nullptr ? nullptr : found->if_object();
}
inline const json::array* list_of(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found == nullptr ? nullptr : found->if_array();
}
inline bool flag_of(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}
inline std::optional<double> real_of(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  return found->to_number<double>();
}
/// A whole number; fractions are cut, what no int64 holds is absent.
inline std::optional<std::int64_t> count_of(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  if (found == nullptr) return std::nullopt;
  if (const auto* whole = found->if_int64()) return *whole;
  const auto real = real_of(object, name);
  constexpr double kLimit = 9e18;
  if (!real || !(*real > -kLimit && *real < kLimit)) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}
/// A copy, null if there is none.
inline json::value value_of(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found == nullptr ? json::value(nullptr) : *found;
}

}  // namespace reeve::proc
