#pragma once

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11/algorithm.hpp>

#include <chrono>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

/// How values become JSON and come back.
///
/// A struct that is described (BOOST_DESCRIBE_STRUCT) is an object of its public members in
/// declared order; an empty optional is left out. A described enum is the name of its enumerator,
/// without a trailing underscore (`delete_`). Ids and times are texts (UUID, RFC 3339), a Position
/// is a number, a json::value is itself. A type may instead have its own `json::value to_json(const
/// T&)` and `Status from_json(const json::value&, T&)`, found by argument-dependent lookup.
///
/// Reading is tolerant: a missing or null member keeps its default, an unknown one is passed over.
/// A wrong type is invalid_argument, and its text names the member: "limits.rounds: expected a
/// whole number".
namespace reeve {

namespace json = boost::json;

/// invalid_argument: not JSON, or nested deeper than limits::kJsonDepth.
Result<json::value> parse_json(std::string_view text);
/// Compact, members in their order.
std::string write_json(const json::value& value);
/// Members sorted by name at every level: the same text for equal values, to take a digest of.
std::string canonical_json(const json::value& value);

template <class T>
json::value to_json_value(const T& value);
template <class T>
Status read_json(const json::value& value, T& out);

/// `auto task = from_json<Task>(value);`
template <class T>
Result<T> from_json(const json::value& value) {
  T out{};
  if (auto read = read_json(value, out); !read) return fail(read.error());
  return out;
}
/// From text in one step.
template <class T>
Result<T> parse_json_as(std::string_view text) {
  const auto value = parse_json(text);
  if (!value) return fail(value.error());
  return from_json<T>(*value);
}
/// The compact text of a value: write_json(to_json_value(value)), without the tree in between.
template <class T>
std::string write_json_of(const T& value);

/// The name of an enumerator, and back. Only for described enums.
template <class E>
std::string_view enum_name(E value);
template <class E>
std::optional<E> enum_from_name(std::string_view name);

namespace json_detail {

template <class T>
concept DescribedStruct = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;
template <class T>
concept DescribedEnum = boost::describe::has_describe_enumerators<T>::value;
template <class T>
concept OwnJson = requires(const T& value, T& out, const json::value& in) {
  { to_json(value) } -> std::convertible_to<json::value>;
  { from_json(in, out) } -> std::same_as<Status>;
};
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool kIsId = false;
template <class Tag>
inline constexpr bool kIsId<Id<Tag>> = true;

template <class T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public |
                                                         boost::describe::mod_inherited>;

inline std::unexpected<Error> expected(const char* what) {
  return fail(Errc::invalid_argument, std::string("expected ") + what);
}
/// "outer" + "inner: text" = "outer.inner: text"; "outer" + "expected ..." = "outer: expected ...".
Error inside(std::string_view member, const Error& error);
constexpr std::string_view without_underscore(std::string_view name) {
  return name.ends_with('_') ? name.substr(0, name.size() - 1) : name;
}

}  // namespace json_detail

template <class E>
std::string_view enum_name(E value) {
  std::string_view name = "?";
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto e) {
    if (e.value == value) name = json_detail::without_underscore(e.name);
  });
  return name;
}

template <class E>
std::optional<E> enum_from_name(std::string_view name) {
  std::optional<E> found;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto e) {
    if (json_detail::without_underscore(e.name) == name) found = e.value;
  });
  return found;
}

template <class T>
json::value to_json_value(const T& value) {
  using namespace json_detail;
  if constexpr (std::same_as<T, json::value> || std::same_as<T, bool> ||
                std::same_as<T, std::string>) {
    return json::value(value);
  } else if constexpr (std::same_as<T, json::object> || std::same_as<T, json::array>) {
    return json::value(value);
  } else if constexpr (OwnJson<T>) {
    return to_json(value);
  } else if constexpr (kIsId<T> || std::same_as<T, Uuid>) {
    return json::value(value.str());
  } else if constexpr (std::same_as<T, Position>) {
    return json::value(value.value);
  } else if constexpr (std::same_as<T, Time>) {
    return json::value(to_rfc3339(value));
  } else if constexpr (std::same_as<T, Duration>) {
    return json::value(value.count());
  } else if constexpr (DescribedEnum<T>) {
    return json::value(enum_name(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return json::value(value);
  } else if constexpr (kIsOptional<T>) {
    return value ? to_json_value(*value) : json::value(nullptr);
  } else if constexpr (kIsVector<T>) {
    json::array array;
    array.reserve(value.size());
    for (const auto& item : value) array.push_back(to_json_value(item));
    return array;
  } else if constexpr (kIsMap<T>) {
    json::object object;
    for (const auto& [name, item] : value) object[name] = to_json_value(item);
    return object;
  } else {
    static_assert(DescribedStruct<T>, "describe the type, or give it to_json and from_json");
    json::object object;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      const auto& field = value.*member.pointer;
      if constexpr (kIsOptional<std::remove_cvref_t<decltype(field)>>) {
        if (!field) return;
      }
      object[without_underscore(member.name)] = to_json_value(field);
    });
    return object;
  }
}

namespace json_detail {
void append_text(std::string& out, std::string_view text);
void append_tree(std::string& out, const json::value& value);
void append_whole(std::string& out, std::int64_t number);
void append_whole(std::string& out, std::uint64_t number);
}  // namespace json_detail

/// Writes a value's text behind `out`.
template <class T>
void append_json(std::string& out, const T& value) {
  using namespace json_detail;
  if constexpr (std::same_as<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) {
    append_text(out, value);
  } else if constexpr (std::same_as<T, json::value> || std::same_as<T, json::object> ||
                       std::same_as<T, json::array> || OwnJson<T> || std::floating_point<T>) {
    append_tree(out, to_json_value(value));
  } else if constexpr (kIsId<T> || std::same_as<T, Uuid>) {
    out += '"';
    out += value.str();
    out += '"';
  } else if constexpr (std::same_as<T, Position>) {
    append_whole(out, value.value);
  } else if constexpr (std::same_as<T, Time>) {
    out += '"';
    out += to_rfc3339(value);
    out += '"';
  } else if constexpr (std::same_as<T, Duration>) {
    append_whole(out, static_cast<std::int64_t>(value.count()));
  } else if constexpr (DescribedEnum<T>) {
    out += '"';
    out += enum_name(value);
    out += '"';
  } else if constexpr (std::signed_integral<T>) {
    append_whole(out, static_cast<std::int64_t>(value));
  } else if constexpr (std::unsigned_integral<T>) {
    append_whole(out, static_cast<std::uint64_t>(value));
  } else if constexpr (kIsOptional<T>) {
    if (value) {
      append_json(out, *value);
    } else {
      out += "null";
    }
  } else if constexpr (kIsVector<T>) {
    char before = '[';
    for (const auto& item : value) {
      out += std::exchange(before, ',');
      append_json(out, item);
    }
    if (value.empty()) out += '[';
    out += ']';
  } else if constexpr (kIsMap<T>) {
    char before = '{';
    for (const auto& [name, item] : value) {
      out += std::exchange(before, ',');
      append_text(out, name);
      out += ':';
      append_json(out, item);
    }
    if (value.empty()) out += '{';
    out += '}';
  } else {
    static_assert(DescribedStruct<T>, "describe the type, or give it to_json and from_json");
    out += '{';
    const auto first = out.size();
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      const auto& field = value.*member.pointer;
      if constexpr (kIsOptional<std::remove_cvref_t<decltype(field)>>) {
        if (!field) return;
      }
      if (out.size() != first) out += ',';
      out += '"';
      out += without_underscore(member.name);  // an identifier: nothing in it needs an escape
      out += "\":";
      append_json(out, field);
    });
    out += '}';
  }
}

template <class T>
std::string write_json_of(const T& value) {
  std::string out;
  append_json(out, value);
  return out;
}

template <class T>
Status read_json(const json::value& value, T& out) {
  using namespace json_detail;
  if constexpr (std::same_as<T, json::value>) {
    out = value;
  } else if constexpr (std::same_as<T, json::object>) {
    if (!value.is_object()) return expected("an object");
    out = value.get_object();
  } else if constexpr (std::same_as<T, json::array>) {
    if (!value.is_array()) return expected("a list");
    out = value.get_array();
  } else if constexpr (OwnJson<T>) {
    return from_json(value, out);
  } else if constexpr (std::same_as<T, std::string>) {
    if (!value.is_string()) return expected("a text");
    out = value.get_string();
  } else if constexpr (std::same_as<T, bool>) {
    if (!value.is_bool()) return expected("true or false");
    out = value.get_bool();
  } else if constexpr (kIsId<T> || std::same_as<T, Uuid>) {
    if (!value.is_string()) return expected("a UUID");
    auto parsed = T::parse(value.get_string());
    if (!parsed) return fail(parsed.error());
    out = *parsed;
  } else if constexpr (std::same_as<T, Position>) {
    return read_json(value, out.value);
  } else if constexpr (std::same_as<T, Time>) {
    if (!value.is_string()) return expected("an RFC 3339 time");
    auto parsed = parse_rfc3339(value.get_string());
    if (!parsed) return fail(parsed.error());
    out = *parsed;
  } else if constexpr (std::same_as<T, Duration>) {
    std::int64_t count = 0;
    if (auto read = read_json(value, count); !read) return read;
    out = Duration(count);
  } else if constexpr (DescribedEnum<T>) {
    if (!value.is_string()) return expected("a name");
    auto found = enum_from_name<T>(value.get_string());
    if (!found) {
      std::string names;
      boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto e) {
        names += (names.empty() ? "" : ", ") + std::string(without_underscore(e.name));
      });
      return fail(Errc::invalid_argument,
                  "\"" + std::string(value.get_string()) + "\" is none of " + names);
    }
    out = *found;
  } else if constexpr (std::integral<T>) {
    boost::system::error_code error;
    const auto number = value.to_number<T>(error);
    if (error) return expected("a whole number");
    out = number;
  } else if constexpr (std::floating_point<T>) {
    boost::system::error_code error;
    const auto number = value.to_number<T>(error);
    if (error) return expected("a number");
    out = number;
  } else if constexpr (kIsOptional<T>) {
    if (value.is_null()) {
      out.reset();
      return {};
    }
    return read_json(value, out.emplace());
  } else if constexpr (kIsVector<T>) {
    if (!value.is_array()) return expected("a list");
    out.clear();
    for (const auto& item : value.get_array()) {
      if (auto read = read_json(item, out.emplace_back()); !read) {
        return fail(inside("[" + std::to_string(out.size() - 1) + "]", read.error()));
      }
    }
  } else if constexpr (kIsMap<T>) {
    if (!value.is_object()) return expected("an object");
    out.clear();
    for (const auto& item : value.get_object()) {
      if (auto read = read_json(item.value(), out[std::string(item.key())]); !read) {
        return fail(inside(item.key(), read.error()));
      }
    }
  } else {
    static_assert(DescribedStruct<T>, "describe the type, or give it to_json and from_json");
    if (!value.is_object()) return expected("an object");
    Status status;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      if (!status) return;
      const auto name = without_underscore(member.name);
      const auto* found = value.get_object().if_contains(name);
      if (found == nullptr || found->is_null()) return;
      if (auto read = read_json(*found, out.*member.pointer); !read)
        status = fail(inside(name, read.error()));
    });
    return status;
  }
  return {};
}

/// For types that many files use: their mapping is compiled once, in one .cc file
/// (REEVE_JSON_COMPILE), instead of in each file. At namespace reeve's scope, behind the type's
/// description.
#define REEVE_JSON_DECLARE(type)                                     \
  extern template json::value to_json_value<type>(const type&);      \
  extern template void append_json<type>(std::string&, const type&); \
  extern template Status read_json<type>(const json::value&, type&)
#define REEVE_JSON_COMPILE(type)                              \
  template json::value to_json_value<type>(const type&);      \
  template void append_json<type>(std::string&, const type&); \
  template Status read_json<type>(const json::value&, type&)

}  // namespace reeve
