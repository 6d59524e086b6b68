#include "event/agent_event.h"

#include <boost/mp11/list.hpp>

namespace reeve {

BOOST_DESCRIBE_STRUCT(RunStarted, (), (thread, run, parent_run, provider, model))
BOOST_DESCRIBE_STRUCT(RunFinished, (), (ending, code, message, text, steps))
BOOST_DESCRIBE_STRUCT(SessionStarted, (), (session, model, permission_mode))
BOOST_DESCRIBE_STRUCT(StepStarted, (), (message_id))
BOOST_DESCRIBE_STRUCT(StepEnded, (), ())
BOOST_DESCRIBE_STRUCT(ContextBuilt, (), (messages))
BOOST_DESCRIBE_STRUCT(ModelStarted, (), (provider, model, iteration))
BOOST_DESCRIBE_STRUCT(InferenceComplete, (), (model, usage, duration_ms, finish_reason))
BOOST_DESCRIBE_STRUCT(TextDelta, (), (delta))
BOOST_DESCRIBE_STRUCT(ReasoningDelta, (), (delta))
BOOST_DESCRIBE_STRUCT(ReasoningEncrypted, (), (value))
BOOST_DESCRIBE_STRUCT(ToolCallStarted, (), (id, name))
BOOST_DESCRIBE_STRUCT(ToolCallDelta, (), (id, args_delta))
BOOST_DESCRIBE_STRUCT(ToolCallReady, (), (id, name, arguments))
BOOST_DESCRIBE_STRUCT(ToolExecutionStarted, (), (id, name))
BOOST_DESCRIBE_STRUCT(ToolOutputDelta, (), (id, name, delta))
BOOST_DESCRIBE_STRUCT(ToolCallDone, (),
                      (id, name, outcome, result, metadata, duration_ms, status, suspension))
BOOST_DESCRIBE_STRUCT(ToolCallResumed, (), (id, result, decision))
BOOST_DESCRIBE_STRUCT(ToolCallCancelled, (), (id, name, reason))
BOOST_DESCRIBE_STRUCT(PermissionDenied, (), (id, tool, input, reason))
BOOST_DESCRIBE_STRUCT(StreamReset, (), (reason))
BOOST_DESCRIBE_STRUCT(AssistantMessage, (), (message_id, text, reasoning, parent_tool_call))
BOOST_DESCRIBE_STRUCT(ToolMessage, (), (message_id, tool_call_id))
BOOST_DESCRIBE_STRUCT(UsageRecorded, (), (usage, cost_usd))
BOOST_DESCRIBE_STRUCT(CacheMetrics, (),
                      (cache_creation_input_tokens, cache_read_input_tokens, cached_input_tokens))
BOOST_DESCRIBE_STRUCT(MessagesSnapshot, (), (messages))
BOOST_DESCRIBE_STRUCT(ActivitySnapshot, (), (message_id, activity_type, content, replace))
BOOST_DESCRIBE_STRUCT(ActivityDelta, (), (message_id, activity_type, patch))
BOOST_DESCRIBE_STRUCT(StateSnapshot, (), (snapshot))
BOOST_DESCRIBE_STRUCT(StateDelta, (), (delta))
BOOST_DESCRIBE_STRUCT(RateLimited, (), (status, window, resets_at, message))
BOOST_DESCRIBE_STRUCT(DoomLoopDetected, (), (description))
BOOST_DESCRIBE_STRUCT(CompactionCircuitOpened, (), (consecutive_failures))
BOOST_DESCRIBE_STRUCT(ErrorRaised, (), (code, message, retrying))
BOOST_DESCRIBE_STRUCT(Notice, (), (level, topic, text, detail))
BOOST_DESCRIBE_STRUCT(RawLine, (), (line, cut))

namespace {

template <class>
inline constexpr std::string_view kName = "";
#define REEVE_NAME(type) \
  template <>            \
  inline constexpr std::string_view kName<type> = #type
REEVE_NAME(RunStarted);
REEVE_NAME(RunFinished);
REEVE_NAME(SessionStarted);
REEVE_NAME(StepStarted);
REEVE_NAME(StepEnded);
REEVE_NAME(ContextBuilt);
REEVE_NAME(ModelStarted);
REEVE_NAME(InferenceComplete);
REEVE_NAME(TextDelta);
REEVE_NAME(ReasoningDelta);
REEVE_NAME(ReasoningEncrypted);
REEVE_NAME(ToolCallStarted);
REEVE_NAME(ToolCallDelta);
REEVE_NAME(ToolCallReady);
REEVE_NAME(ToolExecutionStarted);
REEVE_NAME(ToolOutputDelta);
REEVE_NAME(ToolCallDone);
REEVE_NAME(ToolCallResumed);
REEVE_NAME(ToolCallCancelled);
REEVE_NAME(PermissionDenied);
REEVE_NAME(StreamReset);
REEVE_NAME(AssistantMessage);
REEVE_NAME(ToolMessage);
REEVE_NAME(UsageRecorded);
REEVE_NAME(CacheMetrics);
REEVE_NAME(MessagesSnapshot);
REEVE_NAME(ActivitySnapshot);
REEVE_NAME(ActivityDelta);
REEVE_NAME(StateSnapshot);
REEVE_NAME(StateDelta);
REEVE_NAME(RateLimited);
REEVE_NAME(DoomLoopDetected);
REEVE_NAME(CompactionCircuitOpened);
REEVE_NAME(ErrorRaised);
REEVE_NAME(Notice);
REEVE_NAME(RawLine);
REEVE_NAME(UnknownEvent);
#undef REEVE_NAME

template <class T>
inline constexpr bool kNests = json_detail::DescribedStruct<T> && !json_detail::OwnJson<T>;
template <class T>
inline constexpr bool kNests<std::optional<T>> = kNests<T>;
template <class T>
struct Inner : std::type_identity<T> {};
template <class T>
struct Inner<std::optional<T>> : std::type_identity<T> {};

/// Copies the members that T does not have into `more`, those of nested structs into objects of
/// their members' names; `but` is not copied. False: an enumerator's name is unknown, so T is not
/// what was meant.
template <class T>
bool set_aside(const json::object& in, json::object& more, std::string_view but = {}) {
  bool understood = true;
  for (const auto& item : in) {
    bool known = !but.empty() && item.key() == but;
    boost::mp11::mp_for_each<json_detail::Members<T>>([&](auto member) {
      if (known || json_detail::without_underscore(member.name) != item.key()) return;
      known = true;
      using Member = std::remove_cvref_t<decltype(std::declval<T>().*member.pointer)>;
      using Held = typename Inner<Member>::type;
      if constexpr (kNests<Member>) {
        const auto* object = item.value().if_object();
        json::object deeper;
        if (object != nullptr && !set_aside<Held>(*object, deeper)) understood = false;
        if (!deeper.empty()) more[item.key()] = std::move(deeper);
      } else if constexpr (json_detail::DescribedEnum<Held>) {
        const auto* text = item.value().if_string();
        if (text != nullptr && !enum_from_name<Held>(*text)) understood = false;
      }
    });
    if (!known) more[item.key()] = item.value();
  }
  return understood;
}

/// ... and back to their places. What stands there already stays.
void add_unknown(const json::object& more, json::object& out) {
  for (const auto& item : more) {
    const auto [place, is_new] = out.emplace(item.key(), item.value());
    if (is_new || !item.value().is_object() || !place->value().is_object()) continue;
    add_unknown(item.value().get_object(), place->value().get_object());
  }
}

template <class T>
void write_members(const T& typed, json::object& out) {
  boost::mp11::mp_for_each<json_detail::Members<T>>([&](auto member) {
    const auto& field = typed.*member.pointer;
    if constexpr (json_detail::kIsOptional<std::remove_cvref_t<decltype(field)>>) {
      if (!field) return;
    }
    out.emplace(json_detail::without_underscore(member.name), to_json_value(field));
  });
}

std::optional<std::int64_t> sum(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  if (!a) return b;
  return *a + b.value_or(0);
}

}  // namespace

Usage operator+(const Usage& a, const Usage& b) {
  return {.input_tokens = sum(a.input_tokens, b.input_tokens),
          .output_tokens = sum(a.output_tokens, b.output_tokens),
          .total_tokens = sum(a.total_tokens, b.total_tokens),
          .cache_read_tokens = sum(a.cache_read_tokens, b.cache_read_tokens),
          .cache_write_tokens = sum(a.cache_write_tokens, b.cache_write_tokens),
          .reasoning_tokens = sum(a.reasoning_tokens, b.reasoning_tokens)};
}

ToolStatus status_of(const ToolCallDone& done) {
  if (done.status) return *done.status;
  switch (done.outcome) {
    case ToolOutcome::succeeded: return ToolStatus::success;
    case ToolOutcome::failed: return ToolStatus::error;
    case ToolOutcome::suspended: return ToolStatus::pending;
  }
  return ToolStatus::error;
}

std::string_view type_name(const AgentEvent& event) {
  return std::visit([]<class T>(const T&) { return kName<T>; }, event);
}

bool is_delta(const AgentEvent& event) {
  return std::holds_alternative<TextDelta>(event) ||
         std::holds_alternative<ReasoningDelta>(event) ||
         std::holds_alternative<ToolCallDelta>(event) ||
         std::holds_alternative<ToolOutputDelta>(event);
}

const json::object& more_of(const AgentEvent& event) {
  return std::visit([](const auto& typed) -> const json::object& { return typed.more; }, event);
}

json::object& more_of(AgentEvent& event) {
  return std::visit([](auto& typed) -> json::object& { return typed.more; }, event);
}

json::value to_json(const AgentEvent& event) {
  json::object object;
  std::visit(
      [&]<class T>(const T& typed) {
        if constexpr (std::same_as<T, UnknownEvent>) {
          object["type"] = typed.type;
        } else {
          object.reserve(boost::mp11::mp_size<json_detail::Members<T>>::value + 1);
          object["type"] = kName<T>;
          write_members(typed, object);
        }
        add_unknown(typed.more, object);
      },
      event);
  return object;
}

Status from_json(const json::value& value, AgentEvent& out) {
  const auto* object = value.if_object();
  const auto* type = object != nullptr ? object->if_contains("type") : nullptr;
  if (type == nullptr || !type->is_string())
    return fail(Errc::invalid_argument, "expected an object with a type");
  const std::string_view name = type->get_string();
  bool known = false;
  Status status;
  using Known = boost::mp11::mp_remove<AgentEvent, UnknownEvent>;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, Known>>(
      [&]<class T>(std::type_identity<T>) {
        if (known || kName<T> != name) return;
        T typed;
        known = set_aside<T>(*object, typed.more, "type");
        if (!known) return;
        status = read_json(value, typed);
        if (status) out = std::move(typed);
      });
  if (!known) {
    UnknownEvent unknown{.type = std::string(name), .more = *object};
    unknown.more.stable_erase(unknown.more.find("type"));
    out = std::move(unknown);
  }
  return status;
}

}  // namespace reeve
