#include <array>
#include <functional>
#include <utility>

#include "base/utf8.h"
#include "llm/scripted.h"

namespace reeve::llm {
namespace {

struct CallForm {
  std::string id;
  std::string name;
  std::optional<json::value> arguments;
  std::optional<std::string> arguments_text;
};
BOOST_DESCRIBE_STRUCT(CallForm, (), (id, name, arguments, arguments_text))

struct ErrorForm {
  Trouble trouble = Trouble::overloaded;
  std::string message = "the script says so";
  std::optional<Duration> retry_after_ms;
};
BOOST_DESCRIBE_STRUCT(ErrorForm, (), (trouble, message, retry_after_ms))

std::unexpected<Error> wrong(std::string text) {
  return fail(Errc::invalid_argument, std::move(text));
}

/// `text` in `count` pieces of about the same size, none of which ends inside a character.
std::vector<std::string> pieces_of(std::string_view text, std::size_t count) {
  std::vector<std::string> pieces;
  for (auto left = count; left > 1 && !text.empty(); --left) {
    const auto size = (text.size() + left - 1) / left;
    const auto piece = head_of(text, size);
    if (piece.empty()) continue;
    pieces.emplace_back(piece);
    text.remove_prefix(piece.size());
  }
  if (!text.empty() || pieces.empty()) pieces.emplace_back(text);
  return pieces;
}

Result<Act> read_say(const json::object& act, const json::value& value) {
  auto text = from_json<std::string>(value);
  if (!text) return fail(text.error());
  std::size_t count = 1;
  if (const auto* pieces = act.if_contains("pieces")) {
    if (auto read = read_json(*pieces, count); !read)
      return fail(json_detail::inside("pieces", read.error()));
  }
  return act::Say{pieces_of(*text, count)};
}

Result<Act> read_call(const json::value& value) {
  auto form = from_json<CallForm>(value);
  if (!form) return fail(form.error());
  if (form->name.empty()) return wrong("a call needs its name");
  std::string arguments = "{}";
  if (form->arguments) arguments = write_json(*form->arguments);
  if (form->arguments_text) arguments = *form->arguments_text;
  return act::Call{std::move(form->id), std::move(form->name), std::move(arguments)};
}

Result<Act> read_error(const json::value& value) {
  auto form = from_json<ErrorForm>(value);
  if (!form) return fail(form.error());
  return act::Fail{form->trouble, std::move(form->message), form->retry_after_ms};
}

/// An act whose form is one value of type T.
template <class T, class Make>
Result<Act> read_one(const json::value& value, Make make) {
  auto read = from_json<T>(value);
  if (!read) return fail(read.error());
  return Act(make(std::move(*read)));
}

using ReadAct = Result<Act> (*)(const json::object& act, const json::value& value);
constexpr std::array<std::pair<std::string_view, ReadAct>, 9> kActs{{
    {"text", read_say},
    {"reasoning",
     [](const json::object&, const json::value& value) {
       return read_one<std::string>(value, [](auto text) { return act::Think{std::move(text)}; });
     }},
    {"call", [](const json::object&, const json::value& value) { return read_call(value); }},
    {"wait_ms",
     [](const json::object&, const json::value& value) {
       return read_one<Duration>(value, [](auto time) { return act::Wait{time}; });
     }},
    {"hang", [](const json::object&, const json::value&) -> Result<Act> { return act::Hang{}; }},
    {"reset",
     [](const json::object&, const json::value& value) {
       return read_one<std::string>(value, [](auto text) { return act::Reset{std::move(text)}; });
     }},
    {"error", [](const json::object&, const json::value& value) { return read_error(value); }},
    {"usage",
     [](const json::object&, const json::value& value) {
       return read_one<Usage>(value, [](auto usage) { return act::Count{usage}; });
     }},
    {"finish",
     [](const json::object&, const json::value& value) {
       return read_one<FinishReason>(value, [](auto reason) { return act::Finish{reason}; });
     }},
}};

Result<Act> read_act(const json::value& value) {
  if (value.is_string()) return read_say({}, value);
  if (!value.is_object()) return wrong("expected a text or an object");
  const auto& object = value.get_object();
  for (const auto& [name, read] : kActs) {
    const auto* found = object.if_contains(name);
    if (found == nullptr) continue;
    auto act = read(object, *found);
    if (!act) return fail(json_detail::inside(name, act.error()));
    return act;
  }
  std::string names;
  for (const auto& [name, read] : kActs) names += (names.empty() ? "" : ", ") + std::string(name);
  return wrong("expected one of " + names);
}

Result<std::vector<Act>> read_turn(const json::value& value) {
  std::vector<Act> turn;
  if (!value.is_array()) {
    auto act = read_act(value);
    if (!act) return fail(act.error());
    turn.push_back(std::move(*act));
    return turn;
  }
  for (const auto& item : value.get_array()) {
    auto act = read_act(item);
    if (!act) {
      return fail(json_detail::inside("[" + std::to_string(turn.size()) + "]", act.error()));
    }
    turn.push_back(std::move(*act));
  }
  return turn;
}

}  // namespace

Result<Script> read_script(const json::value& value) {
  if (!value.is_object()) return wrong("expected an object");
  const auto& object = value.get_object();
  Script script;
  const auto read_member = [&object](std::string_view name, auto& out) -> Status {
    const auto* found = object.if_contains(name);
    if (found == nullptr) return {};
    if (auto read = read_json(*found, out); !read)
      return fail(json_detail::inside(name, read.error()));
    return {};
  };
  if (auto read = read_member("by", script.by); !read) return fail(read.error());
  if (auto read = read_member("repeat", script.repeat); !read) return fail(read.error());
  if (auto read = read_member("model", script.model); !read) return fail(read.error());
  const auto* turns = object.if_contains("turns");
  if (turns == nullptr || !turns->is_array() || turns->get_array().empty())
    return wrong("a script needs turns: a list of what it answers");
  for (const auto& item : turns->get_array()) {
    auto turn = read_turn(item);
    if (!turn) {
      const auto place = "turns[" + std::to_string(script.turns.size()) + "]";
      return fail(json_detail::inside(place, turn.error()));
    }
    script.turns.push_back(std::move(*turn));
  }
  return script;
}

}  // namespace reeve::llm
