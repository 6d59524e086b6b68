#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "doors/tinytown/moment.h"
#include "model/agent.h"
#include "model/message.h"
#include "model/task.h"

namespace reeve::limits {

/// One value of tinytown's, a hash field or an item of a list: a text at its limit (kText), with
/// escapes. What is longer was not written for a town.
inline constexpr std::size_t kTinytownValue = 16 << 20;

}  // namespace reeve::limits

/// What tinytown keeps in Redis, as values: plain structs, and how each is read and written.
/// Sections 0 and 1 of its formats. Pure.
///
/// Reading takes any bytes: text that is no UTF-8 is repaired, and what tinytown would not read is
/// an error, never more.
namespace reeve::doors::tinytown {

/// A hash's fields in the order in which they are written.
using Fields = std::vector<std::pair<std::string, std::string>>;
/// How a hash is written: these are deleted first, then those are set. Others stay as they are.
struct HashForm {
  Fields set;
  std::vector<std::string> cleared;
};

/// Of hashes, beside tinytown's own fields, which survive its writers: the id of the log whose
/// object it is (LogId).
inline constexpr std::string_view kOwnerField = "reeve_owner";
/// Of entries in the streams, a field of its own behind event_type and data, with the same value:
/// what has it was written by us.
inline constexpr std::string_view kEchoField = "reeve";

enum class TtAgentType { worker, supervisor };
BOOST_DESCRIBE_ENUM(TtAgentType, worker, supervisor)

/// The hash agent:ID.
struct TtAgent {
  AgentId id;
  std::string name;
  TtAgentType type = TtAgentType::worker;
  AgentState state = AgentState::starting;
  std::string cli;
  Moment created_at{};
  Moment last_heartbeat{};
  std::uint64_t tasks_completed = 0;
  std::uint64_t rounds_completed = 0;
  Moment last_active_at{};
  SpawnMode spawn_mode = SpawnMode::fresh;
  std::optional<TaskId> current_task;
  std::optional<std::string> nickname;
  std::optional<std::string> role;
  std::optional<AgentId> parent;
  std::optional<std::string> owner;  ///< kOwnerField

  friend bool operator==(const TtAgent&, const TtAgent&) = default;
};

/// The hash task:ID.
struct TtTask {
  TaskId id;
  std::string description;
  TaskState state = TaskState::pending;
  Moment created_at{};
  Moment updated_at{};
  std::vector<std::string> tags;
  std::optional<AgentId> assigned_to;
  std::optional<Moment> started_at;
  std::optional<Moment> completed_at;
  std::optional<std::string> result;
  std::optional<TaskId> parent;
  std::optional<std::string> owner;  ///< kOwnerField

  friend bool operator==(const TtTask&, const TtTask&) = default;
};

/// An item of inbox:ID or urgent:ID, and what is published to the broadcast channel. MessageType,
/// Priority and AckKind have tinytown's words.
struct TtMessage {
  MessageId id;
  AgentId from;
  AgentId to;
  MessageType type = MessageType::informational;
  /// description, question, summary, result, error or payload, by the type. Empty for the others.
  std::string text;
  std::string task_id;                      ///< of task_assign, task_done, task_failed: any text
  Ack ack;                                  ///< of a confirmation
  std::string kind;                         ///< of a custom one
  std::string state;                        ///< of a status_response
  std::optional<std::string> current_task;  ///< the same: any text
  Priority priority = Priority::normal;
  Moment created_at{};
  std::optional<Uuid> correlation;
};

enum class TtEventType {
  agent_state_changed,
  agent_spawned,
  agent_stopped,
  task_assigned,
  task_completed,
  task_failed,
  mission_state_changed,
  mission_work_promoted,
  mission_work_assigned,
  mission_work_completed,
  mission_work_blocked,
  mission_help_needed,
  mission_watch_triggered,
  mission_event,
  task_delegated,
  agent_interrupted,
  agent_resumed,
  agent_completed,
  agent_failed,
  reviewer_handoff,
  reviewer_approval,
  conductor_escalation,
};
BOOST_DESCRIBE_ENUM(TtEventType, agent_state_changed, agent_spawned, agent_stopped, task_assigned,
                    task_completed, task_failed, mission_state_changed, mission_work_promoted,
                    mission_work_assigned, mission_work_completed, mission_work_blocked,
                    mission_help_needed, mission_watch_triggered, mission_event, task_delegated,
                    agent_interrupted, agent_resumed, agent_completed, agent_failed,
                    reviewer_handoff, reviewer_approval, conductor_escalation)

/// The field `data` of an entry in the streams.
struct TtEvent {
  TtEventType type = TtEventType::agent_state_changed;
  std::optional<AgentId> agent;
  std::optional<TaskId> task;
  std::optional<Uuid> mission;
  std::optional<std::string> old_state;  ///< "Idle": written with a capital
  std::optional<std::string> new_state;
  std::string message;
  Moment timestamp{};
  std::optional<AgentId> parent_agent;
  std::optional<AgentId> child_agent;
  std::optional<std::string> scope;
  std::optional<std::string> spawn_mode;
};

/// "forkedcontext": tinytown's one word.
std::string_view tt_spawn_mode(SpawnMode mode);
/// "Idle": as its events and lists show a state.
std::string tt_state_word(AgentState state);

HashForm encode(const TtAgent& agent);
HashForm encode(const TtTask& task);
/// JSON texts.
std::string encode(const TtMessage& message);
std::string encode(const TtEvent& event);

/// Of a hash as HGETALL gives it, in any order. Unknown words become the default, `now` stands for
/// moments that are missing or no moments, fields that it does not know are passed over.
/// invalid_argument: it has no id, or one that is no UUID. too_large: kTinytownValue.
Result<TtAgent> decode_agent(const Fields& fields, Moment now);
Result<TtTask> decode_task(const Fields& fields, Moment now);
/// invalid_argument: no such JSON; the text names what is wrong. too_large: kTinytownValue.
Result<TtMessage> decode_message(std::string_view text);
Result<TtEvent> decode_event(std::string_view data);

}  // namespace reeve::doors::tinytown
