#include "doors/tinytown/forms.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"

namespace reeve::doors::tinytown {
namespace {

// --- Hashes -------------------------------------------------------------------------------------

/// What is set or, where there is nothing, deleted.
class HashWriter {
 public:
  HashWriter& set(std::string_view name, std::string value) {
    form_.set.emplace_back(name, std::move(value));
    return *this;
  }
  template <class T>
  HashWriter& set_or_clear(std::string_view name, const std::optional<T>& value) {
    if (!value) {
      form_.cleared.emplace_back(name);
    } else {
      set(name, text_of(*value));
    }
    return *this;
  }
  /// Ours: set if there is one, never deleted.
  HashWriter& owner(const std::optional<std::string>& value) {
    return value ? set(kOwnerField, *value) : *this;
  }
  HashForm take() { return std::move(form_); }

 private:
  static std::string text_of(const std::string& text) { return text; }
  static std::string text_of(Moment moment) { return hash_text(moment); }
  template <class Tag>
  static std::string text_of(const Id<Tag>& id) {
    return id.str();
  }
  HashForm form_;
};

class HashReader {
 public:
  HashReader(const Fields& fields, Moment now) : fields_(fields), now_(now) {}

  Status sound() const {
    for (const auto& [name, value] : fields_) {
      if (value.size() > limits::kTinytownValue) {
        return fail(Errc::too_large, "the field " + to_utf8(name.substr(0, 64)) + " has " +
                                         std::to_string(value.size()) + " bytes");
      }
    }
    return {};
  }
  [[nodiscard]] const std::string* find(std::string_view name) const {
    // The last one holds, as in Redis.
    for (auto at = fields_.rbegin(); at != fields_.rend(); ++at) {
      if (at->first == name) return &at->second;
    }
    return nullptr;
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    const auto* value = find(name);
    return value == nullptr ? "" : to_utf8(*value);
  }
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view name) const {
    const auto* value = find(name);
    if (value == nullptr) return std::nullopt;
    return to_utf8(*value);
  }
  template <class I>
  [[nodiscard]] std::optional<I> id(std::string_view name) const {
    const auto* value = find(name);
    if (value == nullptr) return std::nullopt;
    auto parsed = I::parse(*value);
    if (!parsed) return std::nullopt;
    return *parsed;
  }
  template <class E>
  [[nodiscard]] E word(std::string_view name, E otherwise) const {
    const auto* value = find(name);
    return value == nullptr ? otherwise : enum_from_name<E>(*value).value_or(otherwise);
  }
  [[nodiscard]] std::optional<Moment> optional_moment(std::string_view name) const {
    const auto* value = find(name);
    return value == nullptr ? std::nullopt : read_moment(*value);
  }
  [[nodiscard]] Moment moment(std::string_view name) const {
    return optional_moment(name).value_or(now_);
  }
  [[nodiscard]] std::uint64_t number(std::string_view name) const {
    const auto* value = find(name);
    std::uint64_t number = 0;
    if (value == nullptr) return 0;
    const auto read = std::from_chars(value->data(), value->data() + value->size(), number);
    return read.ec == std::errc() && read.ptr == value->data() + value->size() ? number : 0;
  }

 private:
  const Fields& fields_;
  Moment now_;
};

std::unexpected<Error> no_id(std::string_view what) {
  return fail(Errc::invalid_argument, "a hash without an id is no " + std::string(what));
}

// --- JSON ---------------------------------------------------------------------------------------

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? to_json_value(*value) : json::value(nullptr);
}

/// Members one after the other; the first that is missing or wrong is what the error says.
class ObjectReader {
 public:
  explicit ObjectReader(const json::object& object) : object_(object) {}

  template <class T>
  ObjectReader& need(std::string_view name, T& out) {
    const auto* value = object_.if_contains(name);
    if (value == nullptr || value->is_null()) return wrong(name, "it is missing");
    return read(name, *value, out);
  }
  template <class T>
  ObjectReader& may(std::string_view name, std::optional<T>& out) {
    const auto* value = object_.if_contains(name);
    if (value == nullptr || value->is_null()) return *this;
    T there{};
    read(name, *value, there);
    if (status_) out = std::move(there);
    return *this;
  }
  ObjectReader& wrong(std::string_view name, const std::string& why) {
    if (status_) status_ = fail(Errc::invalid_argument, std::string(name) + ": " + why);
    return *this;
  }
  [[nodiscard]] const json::object& object() const { return object_; }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  template <class T>
  ObjectReader& read(std::string_view name, const json::value& value, T& out) {
    if constexpr (std::same_as<T, Moment>) {
      const auto moment = value.is_string() ? read_moment(value.get_string()) : std::nullopt;
      if (!moment) return wrong(name, "expected a moment");
      out = *moment;
    } else if (auto done = read_json(value, out); !done) {
      return wrong(name, done.error().message());
    }
    return *this;
  }
  const json::object& object_;
  Status status_;
};

Result<json::object> read_object(std::string_view text) {
  if (text.size() > limits::kTinytownValue) {
    return fail(Errc::too_large, "a value of " + std::to_string(text.size()) + " bytes");
  }
  auto value = parse_json(text);
  if (!value) return fail(value.error());
  if (!value->is_object()) return fail(Errc::invalid_argument, "expected an object");
  return std::move(value->get_object());
}

/// The member that a type's text stands in; blank: it has none.
std::string_view text_member(MessageType type) {
  switch (type) {
    case MessageType::task: return "description";
    case MessageType::query: return "question";
    case MessageType::informational: return "summary";
    case MessageType::task_done: return "result";
    case MessageType::task_failed: return "error";
    case MessageType::custom: return "payload";
    default: return "";
  }
}

bool names_task(MessageType type) {
  return type == MessageType::task_assign || type == MessageType::task_done ||
         type == MessageType::task_failed;
}

json::object ack_object(const Ack& ack) {
  json::object object{{"type", enum_name(ack.kind)}};
  if (ack.kind == AckKind::rejected) object["reason"] = ack.reason;
  return object;
}

void read_ack_member(ObjectReader& reader, Ack& ack) {
  json::object inner;
  if (!reader.need("ack_type", inner).status()) return;
  ObjectReader of(inner);
  of.need("type", ack.kind);
  if (of.status() && ack.kind == AckKind::rejected) of.need("reason", ack.reason);
  if (!of.status()) reader.wrong("ack_type", of.status().error().message());
}

}  // namespace

std::string_view tt_spawn_mode(SpawnMode mode) {
  switch (mode) {
    case SpawnMode::forked_context: return "forkedcontext";
    case SpawnMode::resumed: return "resumed";
    case SpawnMode::fresh: break;
  }
  return "fresh";
}

std::string tt_state_word(AgentState state) {
  std::string word(enum_name(state));
  word[0] = static_cast<char>(word[0] - 'a' + 'A');
  return word;
}

HashForm encode(const TtAgent& agent) {
  return HashWriter()
      .set("id", agent.id.str())
      .set("name", agent.name)
      .set("agent_type", std::string(enum_name(agent.type)))
      .set("state", std::string(enum_name(agent.state)))
      .set("cli", agent.cli)
      .set("created_at", hash_text(agent.created_at))
      .set("last_heartbeat", hash_text(agent.last_heartbeat))
      .set("tasks_completed", std::to_string(agent.tasks_completed))
      .set("rounds_completed", std::to_string(agent.rounds_completed))
      .set("last_active_at", hash_text(agent.last_active_at))
      .set("spawn_mode", std::string(tt_spawn_mode(agent.spawn_mode)))
      .set_or_clear("current_task", agent.current_task)
      .set_or_clear("nickname", agent.nickname)
      .set_or_clear("role_id", agent.role)
      .set_or_clear("parent_agent_id", agent.parent)
      .owner(agent.owner)
      .take();
}

HashForm encode(const TtTask& task) {
  return HashWriter()
      .set("id", task.id.str())
      .set("description", task.description)
      .set("state", std::string(enum_name(task.state)))
      .set("created_at", hash_text(task.created_at))
      .set("updated_at", hash_text(task.updated_at))
      .set("tags", write_json_of(task.tags))
      .set_or_clear("assigned_to", task.assigned_to)
      .set_or_clear("started_at", task.started_at)
      .set_or_clear("completed_at", task.completed_at)
      .set_or_clear("result", task.result)
      .set_or_clear("parent_id", task.parent)
      .owner(task.owner)
      .take();
}

std::string encode(const TtMessage& message) {
  json::object object;
  object["id"] = message.id.str();
  object["from"] = message.from.str();
  object["to"] = message.to.str();
  object["type"] = enum_name(message.type);
  if (names_task(message.type)) object["task_id"] = message.task_id;
  if (message.type == MessageType::custom) object["kind"] = message.kind;
  if (const auto member = text_member(message.type); !member.empty()) object[member] = message.text;
  if (message.type == MessageType::confirmation) object["ack_type"] = ack_object(message.ack);
  if (message.type == MessageType::status_response) {
    object["state"] = message.state;
    object["current_task"] = or_null(message.current_task);
  }
  object["priority"] = enum_name(message.priority);
  object["created_at"] = json_text(message.created_at);
  object["correlation_id"] = or_null(message.correlation);
  return write_json(object);
}

/// Written without the tree in between: there is one for each event of a busy town.
std::string encode(const TtEvent& event) {
  constexpr std::size_t kUsual = 320;
  std::string out;
  out.reserve(kUsual);
  const auto add = [&out](std::string_view name, const auto& value) {
    if (!value) return;
    out += ",\"";
    out += name;
    out += "\":";
    append_json(out, *value);
  };
  out += R"({"event_type":)";
  append_json(out, event.type);
  add("agent_id", event.agent);
  add("task_id", event.task);
  add("mission_id", event.mission);
  add("old_state", event.old_state);
  add("new_state", event.new_state);
  add("message", &event.message);
  add("timestamp", std::optional(json_text(event.timestamp)));
  add("parent_agent_id", event.parent_agent);
  add("child_agent_id", event.child_agent);
  add("scope", event.scope);
  add("spawn_mode", event.spawn_mode);
  out += '}';
  return out;
}

Result<TtAgent> decode_agent(const Fields& fields, Moment now) {
  const HashReader hash(fields, now);
  if (auto sound = hash.sound(); !sound) return fail(sound.error());
  const auto id = hash.id<AgentId>("id");
  if (!id) return no_id("agent");
  TtAgent agent;
  agent.id = *id;
  agent.name = hash.text("name");
  agent.type = hash.word("agent_type", TtAgentType::worker);
  agent.state = hash.word("state", AgentState::starting);
  agent.cli = hash.text("cli");
  agent.created_at = hash.moment("created_at");
  agent.last_heartbeat = hash.moment("last_heartbeat");
  agent.tasks_completed = hash.number("tasks_completed");
  agent.rounds_completed = hash.number("rounds_completed");
  agent.last_active_at = hash.optional_moment("last_active_at").value_or(agent.created_at);
  const auto mode = hash.text("spawn_mode");
  for (const auto known : {SpawnMode::forked_context, SpawnMode::resumed}) {
    if (mode == tt_spawn_mode(known)) agent.spawn_mode = known;
  }
  agent.current_task = hash.id<TaskId>("current_task");
  agent.nickname = hash.optional_text("nickname");
  agent.role = hash.optional_text("role_id");
  agent.parent = hash.id<AgentId>("parent_agent_id");
  agent.owner = hash.optional_text(kOwnerField);
  return agent;
}

Result<TtTask> decode_task(const Fields& fields, Moment now) {
  const HashReader hash(fields, now);
  if (auto sound = hash.sound(); !sound) return fail(sound.error());
  const auto id = hash.id<TaskId>("id");
  if (!id) return no_id("task");
  TtTask task;
  task.id = *id;
  task.description = hash.text("description");
  const auto state = hash.text("state");
  task.state = state == "in_flight" ? TaskState::running : hash.word("state", TaskState::pending);
  task.created_at = hash.moment("created_at");
  task.updated_at = hash.moment("updated_at");
  if (auto tags = parse_json_as<std::vector<std::string>>(hash.text("tags")); tags)
    task.tags = std::move(*tags);
  task.assigned_to = hash.id<AgentId>("assigned_to");
  task.started_at = hash.optional_moment("started_at");
  task.completed_at = hash.optional_moment("completed_at");
  task.result = hash.optional_text("result");
  task.parent = hash.id<TaskId>("parent_id");
  task.owner = hash.optional_text(kOwnerField);
  return task;
}

Result<TtMessage> decode_message(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return fail(object.error());
  TtMessage message;
  ObjectReader reader(*object);
  reader.need("id", message.id)
      .need("from", message.from)
      .need("to", message.to)
      .need("type", message.type);
  if (!reader.status()) return fail(reader.status().error());
  if (names_task(message.type)) reader.need("task_id", message.task_id);
  if (message.type == MessageType::custom) reader.need("kind", message.kind);
  if (const auto member = text_member(message.type); !member.empty())
    reader.need(member, message.text);
  if (message.type == MessageType::confirmation) read_ack_member(reader, message.ack);
  if (message.type == MessageType::status_response) {
    reader.need("state", message.state).may("current_task", message.current_task);
  }
  reader.need("priority", message.priority)
      .need("created_at", message.created_at)
      .may("correlation_id", message.correlation);
  if (!reader.status()) return fail(reader.status().error());
  return message;
}

Result<TtEvent> decode_event(std::string_view data) {
  const auto object = read_object(data);
  if (!object) return fail(object.error());
  TtEvent event;
  ObjectReader reader(*object);
  reader.need("event_type", event.type)
      .may("agent_id", event.agent)
      .may("task_id", event.task)
      .may("mission_id", event.mission)
      .may("old_state", event.old_state)
      .may("new_state", event.new_state)
      .need("message", event.message)
      .need("timestamp", event.timestamp)
      .may("parent_agent_id", event.parent_agent)
      .may("child_agent_id", event.child_agent)
      .may("scope", event.scope)
      .may("spawn_mode", event.spawn_mode);
  if (!reader.status()) return fail(reader.status().error());
  return event;
}

}  // namespace reeve::doors::tinytown
