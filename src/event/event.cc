#include "event/event.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/limits.h"

namespace reeve {
namespace {

constexpr std::array<std::string_view, 5> kFamilies{"agent", "thread", "run", "mission", "task"};
constexpr std::size_t kScopeId = 128;
constexpr std::string_view kCursorVersion = "c1";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// An Event as people and programs outside see it; the payload is a value there.
struct EventView {
  Position position;
  EventId id;
  std::string kind;
  Time time{};
  std::vector<Scope> scopes;
  std::string origin;
  Fidelity fidelity = Fidelity::domain;
  Visibility visibility = Visibility::public_;
  std::uint32_t schema = 1;
  std::optional<std::string> correlation;
  std::optional<std::string> causation;
};
BOOST_DESCRIBE_STRUCT(EventView, (),
                      (position, id, kind, time, scopes, origin, fidelity, visibility, schema,
                       correlation, causation))

EventView view_of(const Event& event) {
  return {event.position, event.id,          event.kind,     event.time,
          event.scopes,   event.origin,      event.fidelity, event.visibility,
          event.schema,   event.correlation, event.causation};
}

}  // namespace

Result<Scope> Scope::parse(std::string_view text) {
  if (text == "town") return Scope();
  const auto colon = text.find(':');
  const auto family = text.substr(0, colon);
  const auto id = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const bool plain = std::ranges::all_of(id, [](char c) { return c > ' ' && c != 127; });
  if (std::ranges::find(kFamilies, family) == kFamilies.end() || id.empty() ||
      id.size() > kScopeId || !plain) {
    return fail(Errc::invalid_argument,
                "not a scope: \"" + std::string(text.substr(0, 160)) +
                    "\" (town, or agent: thread: run: mission: task: and an id)");
  }
  return Scope(std::string(text));
}

std::string_view Scope::id() const {
  const auto colon = text_.find(':');
  return colon == std::string::npos ? std::string_view()
                                    : std::string_view(text_).substr(colon + 1);
}

Status from_json(const json::value& value, Scope& out) {
  if (!value.is_string()) return fail(Errc::invalid_argument, "expected a scope");
  auto parsed = Scope::parse(value.get_string());
  if (!parsed) return fail(parsed.error());
  out = std::move(*parsed);
  return {};
}

json::value to_json(const Event& event) {
  auto object = to_json_value(view_of(event)).as_object();
  auto payload = parse_json(event.payload);
  object["payload"] = payload ? std::move(*payload) : json::value(event.payload);
  return object;
}

std::string event_json(const Event& event) {
  auto text = write_json_of(view_of(event));
  text.pop_back();
  text.reserve(text.size() + event.payload.size() + 12);
  text += ",\"payload\":";
  text += event.payload;
  text += '}';
  return text;
}

Status from_json(const json::value& value, Event& out) {
  EventView view;
  if (auto read = read_json(value, view); !read) return read;
  out.position = view.position;
  out.id = view.id;
  out.kind = std::move(view.kind);
  out.time = view.time;
  out.scopes = std::move(view.scopes);
  out.origin = std::move(view.origin);
  out.fidelity = view.fidelity;
  out.visibility = view.visibility;
  out.schema = view.schema;
  out.correlation = std::move(view.correlation);
  out.causation = std::move(view.causation);
  const auto* payload = value.get_object().if_contains("payload");
  out.payload = payload != nullptr ? write_json(*payload) : "{}";
  return {};
}

std::uint64_t stored_bytes(const NewEvent& event) {
  std::uint64_t bytes = kRowBytes + event.kind.size() + event.origin.size() + event.payload.size();
  for (const auto& scope : event.scopes) bytes += scope.str().size() + 1;
  return event.scopes.empty() ? bytes : bytes - 1;  // blanks between them
}

Status check(const NewEvent& event) {
  const auto refuse = [&](const std::string& why) {
    return fail(Errc::invalid_argument,
                "event " + (event.kind.empty() ? event.id.str() : event.kind) + ": " + why);
  };
  if (is_blank(event.kind) || event.kind.size() > limits::kName)
    return refuse("its kind is blank or too long");
  if (is_blank(event.origin) || event.origin.size() > limits::kName)
    return refuse("its origin is blank or too long");
  for (const auto* join : {&event.correlation, &event.causation}) {
    if (*join && (is_blank(**join) || (*join)->size() > limits::kStoreName)) {
      return refuse(std::string(join == &event.correlation ? "its correlation" : "its causation") +
                    " is blank or too long (leave it out where there is none)");
    }
  }
  if (event.schema == 0) return refuse("its schema is 0; they count from 1");
  if (event.id.is_nil()) return refuse("it has no id");
  if (event.scopes.size() > limits::kEventScopes) return refuse("too many scopes");
  for (auto scope = event.scopes.begin(); scope != event.scopes.end(); ++scope) {
    if (scope->is_town()) return refuse("the town's own scope is left out: every event has it");
    if (std::find(event.scopes.begin(), scope, *scope) != scope)
      return refuse("scope " + scope->str() + " stands twice");
  }
  if (event.payload.size() > limits::kEventPayload) {
    return fail(Errc::too_large, "event " + event.kind + ": its payload has " +
                                     std::to_string(event.payload.size()) +
                                     " bytes, the limit is " +
                                     std::to_string(limits::kEventPayload));
  }
  return {};
}

std::string Cursor::str() const {
  return std::string(kCursorVersion) + "." + log.str() + "." + std::to_string(position.value);
}

Result<Cursor> Cursor::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(Errc::invalid_argument,
                "not a cursor: \"" + std::string(text.substr(0, 80)) +
                    "\" (take it from an event or from `reeve events --json`)");
  };
  const auto first = text.find('.');
  const auto last = text.rfind('.');
  if (first == std::string_view::npos || first == last || text.substr(0, first) != kCursorVersion)
    return bad();
  const auto log = LogId::parse(text.substr(first + 1, last - first - 1));
  if (!log) return bad();
  const auto digits = text.substr(last + 1);
  Position position;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), position.value);
  if (error != std::errc() || end != digits.data() + digits.size()) return bad();
  return Cursor{*log, position};
}

}  // namespace reeve
