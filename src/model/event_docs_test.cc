// docs/formats/events.md and docs/events.md are complete: each kind has its row, with its members.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "event/awaken_json.h"
#include "event/behest_json.h"
#include "event/normaliser.h"
#include "model/fact.h"

namespace reeve {
namespace {

using Row = std::vector<std::string>;

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

/// The rows of a page's tables, each its cells.
std::vector<Row> rows_of(const std::string& page) {
  std::ifstream file(std::string(REEVE_DOCS "/") + page);
  EXPECT_TRUE(file) << page;
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| ")) continue;
    Row row;
    std::istringstream cells(line.substr(1));
    for (std::string cell; std::getline(cells, cell, '|');) row.push_back(trimmed(cell));
    rows.push_back(std::move(row));
  }
  return rows;
}

/// "`a`, `b`?" -> {a, b}
std::set<std::string> names_in(const std::string& cell) {
  std::set<std::string> names;
  std::istringstream text(cell);
  std::string name;
  for (bool inside = false; std::getline(text, name, '`'); inside = !inside) {
    if (inside) names.insert(name);
  }
  return names;
}

template <class T>
std::set<std::string> members_of() {
  std::set<std::string> names;
  using Members = boost::describe::describe_members<T, boost::describe::mod_public |
                                                           boost::describe::mod_inherited>;
  boost::mp11::mp_for_each<Members>([&](auto member) { names.insert(member.name); });
  return names;
}

struct Described {
  Fact fact;
  std::set<std::string> members;
};
std::vector<Described> each_fact() {
  std::vector<Described> all;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, AnyFact>>(
      [&]<class T>(std::type_identity<T>) { all.push_back({T(), members_of<T>()}); });
  return all;
}

std::vector<AgentEvent> each_agent_event() {
  std::vector<AgentEvent> all;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, AgentEvent>>(
      [&]<class T>(std::type_identity<T>) { all.emplace_back(T()); });
  return all;
}

TEST(EventDocs, EachFactHasItsRowWithItsMembers) {
  std::map<std::string, std::set<std::string>> told;
  for (const auto& row : rows_of("formats/events.md")) {
    if (row.size() == 3) told[row[0]] = names_in(row[1]);
  }
  for (const auto& [fact, members] : each_fact()) {
    const auto kind = "`" + std::string(kind_of(fact)) + "`";
    ASSERT_TRUE(told.contains(kind)) << kind;
    EXPECT_EQ(told[kind], members) << kind;
  }
}

TEST(EventDocs, EachAgentEventHasItsRowWithItsMembers) {
  std::map<std::string, Row> told;
  for (const auto& row : rows_of("formats/events.md")) {
    if (row.size() == 4) told[row[1]] = row;
  }
  for (const auto& event : each_agent_event()) {
    const auto type = "`" + std::string(type_name(event)) + "`";
    ASSERT_TRUE(told.contains(type)) << type;
    const auto& row = told[type];
    const auto normal = classify_watched(event);
    EXPECT_EQ(row[0], "`" + std::string(normal.kind) + "`");
    EXPECT_EQ(row[3], enum_name(normal.fidelity)) << type;
    // Optional members are left out of the JSON of an empty one, so they are not checked here.
    std::set<std::string> required = names_in(row[2]);
    for (auto name = required.begin(); name != required.end();) {
      const bool optional = row[2].find("`" + *name + "`?") != std::string::npos;
      name = optional ? required.erase(name) : std::next(name);
    }
    std::set<std::string> members;
    const auto value = to_json(event);
    for (const auto& member : value.as_object()) members.insert(std::string(member.key()));
    members.erase("type");
    EXPECT_EQ(required, members) << type;
  }
}

TEST(EventDocs, EachAgentEventHasItsNamesElsewhere) {
  std::map<std::string, Row> told;
  std::set<std::string> elsewhere;
  for (const auto& row : rows_of("events.md")) {
    if (row.size() != 7) continue;
    told[row[0]] = row;
    elsewhere.merge(names_in(row[3]));
  }
  // A type's own name over there, or none at all.
  const auto expect_told = [](const std::string& cell, std::string_view name) {
    if (name.empty()) {
      EXPECT_EQ(cell, "");
    } else {
      EXPECT_TRUE(names_in(cell).contains(std::string(name))) << cell << " without " << name;
    }
  };
  for (const auto& event : each_agent_event()) {
    const auto type = "`" + std::string(type_name(event)) + "`";
    SCOPED_TRACE(type);
    ASSERT_TRUE(told.contains(type));
    const auto& row = told[type];
    const auto normal = classify(event);
    EXPECT_EQ(row[1], "`" + std::string(normal.kind) + "`");
    EXPECT_EQ(row[2], enum_name(normal.fidelity));
    const auto flat = awaken::project(event, {});
    expect_told(row[3], flat ? flat->at("event_type").as_string().c_str() : "");
    const auto tagged = behest::project(event, {});
    expect_told(row[4], tagged ? std::string_view(tagged->begin()->key()) : std::string_view());
    const auto chat = behest::project_chat(event);
    expect_told(row[5], chat ? chat->at("type").as_string().c_str() : "");
  }
  for (const char* variant : {"run_start",
                              "run_finish",
                              "text_delta",
                              "reasoning_delta",
                              "reasoning_encrypted_value",
                              "tool_call_start",
                              "tool_call_delta",
                              "tool_call_ready",
                              "tool_call_done",
                              "tool_call_stream_delta",
                              "tool_call_resumed",
                              "tool_call_cancel",
                              "stream_reset",
                              "step_start",
                              "step_end",
                              "inference_complete",
                              "messages_snapshot",
                              "activity_snapshot",
                              "activity_delta",
                              "state_snapshot",
                              "state_delta",
                              "error"}) {
    EXPECT_TRUE(elsewhere.contains(variant)) << variant;
  }
}

TEST(TownEvents, W15_EachOfTinytownsTypesHasItsFactOrComesLater) {
  const std::set<std::string> types{"agent_state_changed",
                                    "agent_spawned",
                                    "agent_stopped",
                                    "task_assigned",
                                    "task_completed",
                                    "task_failed",
                                    "mission_state_changed",
                                    "mission_work_promoted",
                                    "mission_work_assigned",
                                    "mission_work_completed",
                                    "mission_work_blocked",
                                    "mission_help_needed",
                                    "mission_watch_triggered",
                                    "mission_event",
                                    "task_delegated",
                                    "agent_interrupted",
                                    "agent_resumed",
                                    "agent_completed",
                                    "agent_failed",
                                    "reviewer_handoff",
                                    "reviewer_approval",
                                    "conductor_escalation"};
  std::set<std::string> told;
  for (const auto& row : rows_of("events.md")) {
    if (row.size() != 3 || names_in(row[0]).size() != 1) continue;
    const auto type = *names_in(row[0]).begin();
    if (!types.contains(type)) continue;
    told.insert(type);
    EXPECT_NE(row[2], "") << type;
    if (row[1] == "later: missions") {
      EXPECT_TRUE(type.starts_with("mission_") || type.starts_with("reviewer_")) << type;
      continue;
    }
    ASSERT_EQ(names_in(row[1]).size(), 1u) << type;
    EXPECT_TRUE(is_fact_kind(*names_in(row[1]).begin())) << row[1];
  }
  EXPECT_EQ(told, types);
}

}  // namespace
}  // namespace reeve
