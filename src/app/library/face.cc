#include "app/library/face.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/limits.h"

namespace reeve::library {
namespace {

static_assert(static_cast<int>(v1::Code::invalid_argument) ==
              static_cast<int>(Errc::invalid_argument));
static_assert(static_cast<int>(v1::Code::cancelled) == static_cast<int>(Errc::cancelled));
static_assert(static_cast<int>(v1::Code::unknown_outcome) ==
              static_cast<int>(Errc::unknown_outcome));
static_assert(static_cast<int>(v1::Code::unsupported) == static_cast<int>(Errc::unsupported));

void take_scopes(const std::vector<Scope>& scopes, v1::Event& out) {
  out.scopes.reserve(scopes.size());
  for (const auto& scope : scopes) {
    if (scope.family() == "run") out.run = scope.id();
    if (scope.family() == "thread") out.session = scope.id();
    out.scopes.push_back(scope.str());
  }
}

Result<ChatPart> inner(v1::Part part) {
  const int given =
      int{!part.text.empty()} + int{!part.image_url.empty()} + int{!part.image_data.empty()};
  if (given != 1) {
    return fail(
        Errc::invalid_argument,
        "a part of the input is a text, an image's address or an image's data: one of them");
  }
  if (!part.text.empty()) return TextPart{std::move(part.text)};
  if (!part.image_data.empty() && part.media_type.empty())
    return fail(Errc::invalid_argument, "an image's data need their media type");
  return ImagePart{std::move(part.image_url), std::move(part.media_type),
                   std::move(part.image_data)};
}

ToolChoice inner(v1::ToolChoice choice) {
  ToolChoice out;
  switch (choice.mode) {
    case v1::ToolChoice::Mode::automatic: out.mode = ToolChoice::Mode::auto_; break;
    case v1::ToolChoice::Mode::none: out.mode = ToolChoice::Mode::none; break;
    case v1::ToolChoice::Mode::required: out.mode = ToolChoice::Mode::required; break;
    case v1::ToolChoice::Mode::named:
      out.mode = ToolChoice::Mode::named;
      out.name = std::move(choice.name);
      break;
  }
  return out;
}

Sampling inner(v1::Sampling from) {
  Sampling out;
  out.temperature = from.temperature;
  out.top_p = from.top_p;
  out.max_output_tokens = from.max_output_tokens;
  out.stop = std::move(from.stop);
  out.seed = from.seed;
  return out;
}

v1::RunState face(RunState state) {
  switch (state) {
    case RunState::running: return v1::RunState::running;
    case RunState::completed: return v1::RunState::completed;
    case RunState::failed: return v1::RunState::failed;
    case RunState::cancelled: return v1::RunState::cancelled;
  }
  return v1::RunState::running;
}

}  // namespace

v1::Error face(const Error& error) {
  return {static_cast<v1::Code>(static_cast<int>(error.code())), error.message()};
}

Error inner(const v1::Error& error) {
  return Error(static_cast<Errc>(static_cast<int>(error.code)), error.message);
}

v1::Event face(const Event& event, const LogId& log) {
  v1::Event out;
  out.kind = event.kind;
  out.payload = event.payload;
  take_scopes(event.scopes, out);
  out.position = event.position.value;
  out.cursor = Cursor{log, event.position}.str();
  out.id = event.id.str();
  out.fidelity = enum_name(event.fidelity);
  out.visibility = enum_name(event.visibility);
  out.origin = event.origin;
  out.correlation = event.correlation.value_or("");
  out.causation = event.causation.value_or("");
  out.schema = event.schema;
  out.time = event.time;
  return out;
}

v1::Event face(const Delta& delta) {
  v1::Event out;
  out.sort = v1::Event::Sort::delta;
  out.kind = delta.kind;
  out.payload = delta.payload;
  take_scopes(*delta.scopes, out);
  out.run = delta.run.str();
  out.time = delta.time;
  out.epoch = delta.epoch;
  out.number = delta.number;
  return out;
}

v1::Event face(const Gap& gap) {
  v1::Event out;
  out.sort = v1::Event::Sort::gap;
  out.kind = "Gap";
  out.payload = frame_json(Frame(gap));
  if (!gap.run.is_nil()) out.run = gap.run.str();
  out.epoch = gap.epoch;
  out.number = gap.from;
  out.last = gap.to;
  out.dropped = gap.dropped;
  return out;
}

v1::Usage face(const Usage& usage) {
  return {usage.input_tokens,      usage.output_tokens,      usage.total_tokens,
          usage.cache_read_tokens, usage.cache_write_tokens, usage.reasoning_tokens};
}

Usage inner(const v1::Usage& usage) {
  return {usage.input_tokens,      usage.output_tokens,      usage.total_tokens,
          usage.cache_read_tokens, usage.cache_write_tokens, usage.reasoning_tokens};
}

v1::Message face(const ChatMessage& message) {
  return {std::string(enum_name(message.role)), text_of(message), write_json_of(message)};
}

v1::RunResult face(const RunResult& result) {
  v1::RunResult out;
  out.run = result.run.str();
  out.session = result.session.str();
  out.state = face(result.state);
  out.reason = result.reason;
  out.error = result.error;
  out.text = result.text;
  for (const auto& message : result.messages) out.messages.push_back(face(message));
  out.usage = face(result.usage);
  out.steps = result.steps;
  return out;
}

v1::ToolSpec face(const ToolDescriptor& tool) {
  return {tool.name,       tool.description, write_json(tool.input_schema),
          tool.idempotent, tool.timeout,     tool.output_limit};
}

v1::ToolChoice face(const ToolChoice& choice) {
  v1::ToolChoice out;
  switch (choice.mode) {
    case ToolChoice::Mode::auto_: out.mode = v1::ToolChoice::Mode::automatic; break;
    case ToolChoice::Mode::none: out.mode = v1::ToolChoice::Mode::none; break;
    case ToolChoice::Mode::required: out.mode = v1::ToolChoice::Mode::required; break;
    case ToolChoice::Mode::named: out.mode = v1::ToolChoice::Mode::named; break;
  }
  out.name = choice.name.value_or("");
  return out;
}

v1::Sampling face(const Sampling& from) {
  return {from.temperature, from.top_p, from.max_output_tokens, from.stop, from.seed};
}

Result<store::EventFilter> inner(const v1::EventFilter& filter) {
  store::EventFilter out;
  out.kinds = filter.kinds;
  // Scopes are alternatives to the log, and here all that is set must hold: the narrowest is asked.
  if (!filter.run.empty()) {
    const auto run = RunId::parse(filter.run);
    if (!run) return fail(run.error().during("the filter's run"));
    out.scopes = {Scope::of(*run)};
  } else if (!filter.session.empty()) {
    const auto session = ThreadId::parse(filter.session);
    if (!session) return fail(session.error().during("the filter's session"));
    out.scopes = {Scope::of(*session)};
  } else {
    for (const auto& text : filter.scopes) {
      auto scope = Scope::parse(text);
      if (!scope) return fail(scope.error().during("the filter's scopes"));
      out.scopes.push_back(std::move(*scope));
    }
  }
  return out;
}

reeve::Durability inner(v1::Durability durability) {
  switch (durability) {
    case v1::Durability::disabled: return reeve::Durability::disabled;
    case v1::Durability::compacted: return reeve::Durability::compacted;
    case v1::Durability::full_fidelity: return reeve::Durability::full_fidelity;
  }
  return reeve::Durability::compacted;
}

Result<EmitRequest> inner(v1::EmitRequest from) {
  EmitRequest out;
  out.provider = std::move(from.provider);
  out.agent = std::move(from.agent);
  out.model = std::move(from.model);
  for (auto& part : from.input) {
    auto one = inner(std::move(part));
    if (!one) return fail(one.error());
    out.input.push_back(std::move(*one));
  }
  out.system = std::move(from.system);
  if (!from.session.empty()) {
    const auto session = ThreadId::parse(from.session);
    if (!session) return fail(session.error().during("the session"));
    out.session = *session;
  }
  if (!from.client_request_id.empty()) out.client_request_id = std::move(from.client_request_id);
  auto metadata = read_text("the metadata", from.metadata);
  if (!metadata) return fail(metadata.error());
  out.metadata = std::move(*metadata);
  out.tool_choice = inner(std::move(from.tool_choice));
  out.sampling = inner(std::move(from.sampling));
  out.tools = std::move(from.tools);
  if (from.durability) out.durability = inner(*from.durability);
  out.max_steps = from.max_steps;
  return out;
}

Result<ToolDescriptor> inner(v1::ToolSpec spec) {
  auto schema = read_text("the input schema", spec.input_schema);
  if (!schema) return fail(schema.error());
  ToolDescriptor out;
  out.name = std::move(spec.name);
  out.description = std::move(spec.description);
  out.input_schema = std::move(*schema);
  out.idempotent = spec.idempotent;
  out.timeout = spec.timeout;
  out.output_limit = spec.output_limit;
  return out;
}

Result<json::value> read_text(std::string_view what, std::string_view text) {
  auto value = parse_json(text);
  if (!value) return fail(value.error().during(what));
  return value;
}

}  // namespace reeve::library

namespace reeve::v1 {

std::string_view name_of(Code code) {
  return describe(static_cast<Errc>(static_cast<int>(code))).name;
}

bool EventFilter::matches(const Event& event) const {
  const auto holds = [](const std::vector<std::string>& wanted, const std::string& given) {
    return std::ranges::find(wanted, given) != wanted.end();
  };
  if (!kinds.empty() && !holds(kinds, event.kind)) return false;
  if (!run.empty() && run != event.run) return false;
  // A gap is of a run that the log chose by its scopes already.
  if (event.sort == Event::Sort::gap) return true;
  if (!session.empty() && session != event.session) return false;
  const bool in_scope =
      scopes.empty() || holds(scopes, "town") ||
      std::ranges::any_of(event.scopes, [&](const auto& scope) { return holds(scopes, scope); });
  return in_scope && (!predicate || predicate(event));
}

}  // namespace reeve::v1
