#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "doors/tinytown/forms.h"
#include "event/event.h"
#include "model/agent.h"
#include "model/fact.h"
#include "model/message.h"
#include "model/task.h"

/// What of our town tinytown is shown, and in which form. Pure.
namespace reeve::doors::tinytown {

/// Of a text that tinytown is shown: beyond it, it is cut, and says so. tt prints a line of it;
/// ours has it whole.
inline constexpr std::size_t kShownText = 64 << 10;

/// Of hashes, a field of ours: what guard_of() was when we wrote the hash last. A hash whose guard
/// is another now has been changed by tinytown.
inline constexpr std::string_view kWroteField = "reeve_wrote";
/// The fields that the guard is made of, joined by "|"; an absent one is blank.
const std::vector<std::string>& agent_guard();  ///< state
const std::vector<std::string>& task_guard();   ///< state, assigned_to
std::string guard_of(const TtAgent& agent);
std::string guard_of(const TtTask& task);

/// `heartbeat`: when it was last known to be alive, for tt takes an agent whose heartbeat is older
/// than two minutes for dead.
TtAgent form_of(const Agent& agent, const LogId& owner, Time heartbeat);
TtTask form_of(const Task& task, const LogId& owner);
TtMessage form_of(const Message& message);

/// Whether a message stands in the urgent list, not in the inbox.
bool is_urgent(const Message& message);
/// An item of these lists: the message with one more member behind tinytown's, `reeve`, the owner,
/// by which an item is known as ours (tinytown passes over it).
std::string item_of(const Message& message, const LogId& owner);
bool is_our_item(std::string_view item);

/// What a fact is to tinytown beside hashes and lists.
struct Told {
  std::optional<TtEvent> event;
  /// A line of an agent's activity. It may want the number of a round: number_round().
  struct Activity {
    AgentId agent;
    std::string text;
  };
  std::optional<Activity> activity;
  /// The stop flag of an agent is set (true) or goes (false).
  struct Stop {
    AgentId agent;
    bool set = false;
  };
  std::optional<Stop> stop;
};
/// `task`: its text, where the fact is about a task and it is known.
Told told_of(const Fact& fact, Time at, const std::optional<std::string>& task = std::nullopt);
/// Whether a line of activity wants the number of a round.
bool wants_round(std::string_view line);
/// Puts it there; none: it is not known any more.
void number_round(std::string& line, std::optional<std::int64_t> number);
/// The agents whose streams have the event, beside the town's: each once.
std::vector<AgentId> readers_of(const TtEvent& event);

/// Events that are one broadcast are next to each other and have this in common: sender, type,
/// text, moment. None: it cannot be part of one.
std::optional<std::string> broadcast_mark(const Message& message);

/// In the streams, the field kEchoField: whose entry it is, and of which event of the log.
std::string echo_of(const LogId& owner, Position position);
/// none: not ours.
std::optional<Position> position_of_echo(std::string_view echo, const LogId& owner);

}  // namespace reeve::doors::tinytown
