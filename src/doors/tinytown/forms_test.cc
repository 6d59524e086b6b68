#include "doors/tinytown/forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/limits.h"
#include "base/overloaded.h"
#include "doors/tinytown/ids.h"
#include "doors/tinytown/keys.h"
#include "doors/tinytown/recorded.h"

namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

const Moment kNow = read_moment("2026-11-22T00:00:00Z").value();

/// A recorded town, read.
struct Town {
  std::map<std::string, TtAgent> agents;
  std::map<std::string, TtTask> tasks;
  std::map<std::string, std::vector<TtMessage>> inboxes;  ///< by the agent's id
  std::map<std::string, std::vector<TtMessage>> urgent;
  std::vector<std::string> backlog;
  std::vector<TtEvent> events;
};

std::vector<TtMessage> messages_of(const json::value& list) {
  std::vector<TtMessage> messages;
  for (const auto& item : list.as_array()) {
    auto message = decode_message(item.as_string());
    EXPECT_TRUE(message) << item;
    if (!message) continue;
    EXPECT_EQ(encode(*message), item.as_string());
    messages.push_back(std::move(*message));
  }
  return messages;
}

/// Reads all of it; each value is written again as it was on the way.
Town read_town(const std::string& step) {
  Town town;
  const Keys keys(kRecordedTown);
  for (const auto& [key, entry] : recorded_state(step)) {
    const auto parsed = keys.parse(key).value();
    const auto& id = parsed.id;
    switch (parsed.family) {
      case KeyFamily::agent: {
        const auto fields = fields_of(entry.value);
        auto agent = decode_agent(fields, kNow).value();
        const auto form = encode(agent);
        EXPECT_THAT(form.set, UnorderedElementsAreArray(fields)) << key;
        town.agents[id] = std::move(agent);
        break;
      }
      case KeyFamily::task: {
        const auto fields = fields_of(entry.value);
        auto task = decode_task(fields, kNow).value();
        EXPECT_THAT(encode(task).set, UnorderedElementsAreArray(fields)) << key;
        town.tasks[id] = std::move(task);
        break;
      }
      case KeyFamily::inbox: town.inboxes[id] = messages_of(entry.value); break;
      case KeyFamily::urgent: town.urgent[id] = messages_of(entry.value); break;
      case KeyFamily::backlog:
        for (const auto& item : entry.value.as_array()) town.backlog.emplace_back(item.as_string());
        break;
      case KeyFamily::events:
      case KeyFamily::agent_events:
      case KeyFamily::mission_events:
        for (const auto& item : entry.value.as_array()) {
          const auto& fields = item.at(1).as_array();
          EXPECT_EQ(fields.at(0).as_string(), "event_type");
          EXPECT_EQ(fields.at(2).as_string(), "data");
          auto event = decode_event(fields.at(3).as_string()).value();
          EXPECT_EQ(encode(event), fields.at(3).as_string());
          EXPECT_EQ(enum_name(event.type), fields.at(1).as_string());
          if (parsed.family == KeyFamily::events) town.events.push_back(std::move(event));
        }
        break;
      default: break;
    }
  }
  return town;
}

std::string label(const TtAgent& agent) {
  const auto shown = agent.nickname.value_or(agent.name);
  const auto role = agent.role.value_or("default");
  return shown + " [" + (role == "default" ? agent.name : role) + "]";
}
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }
std::string clock(Moment moment) { return json_text(moment).substr(11, 8); }

TEST(TinytownForms, EveryRecordedStateIsReadAndWrittenAgainAsItWas) {
  std::set<std::string> seen;
  std::size_t messages = 0, events = 0;
  for (const auto& step : recorded_steps()) {
    SCOPED_TRACE(step.name);
    const auto town = read_town(step.name);
    for (const auto& [id, agent] : town.agents) {
      EXPECT_EQ(agent.id.str(), id);
      seen.insert("agent " + std::string(enum_name(agent.state)));
    }
    for (const auto& [id, task] : town.tasks) {
      EXPECT_EQ(task.id.str(), id);
      seen.insert("task " + std::string(enum_name(task.state)));
    }
    for (const auto& [id, inbox] : town.inboxes) messages += inbox.size();
    for (const auto& [id, list] : town.urgent) messages += list.size();
    events += town.events.size();
  }
  // What was recorded; fewer would mean that this test has looked at less.
  for (const char* state : {"agent idle", "agent draining", "agent stopped", "task pending",
                            "task assigned", "task running", "task completed"})
    EXPECT_TRUE(seen.contains(state)) << state;
  EXPECT_GT(messages, 10U);
  EXPECT_GT(events, 20U);
}

TEST(TinytownForms, HashesAreWrittenFieldByFieldAsTtSentThem) {
  const Keys keys(kRecordedTown);
  std::map<std::pair<int, std::string>, std::vector<std::string>> cleared;
  int hashes = 0;
  for (const auto& [connection, words] : recorded_commands()) {
    if (words.size() < 2) continue;
    const auto key = keys.parse(words[1]);
    if (!key || (key->family != KeyFamily::agent && key->family != KeyFamily::task)) continue;
    auto& before = cleared[{connection, words[1]}];
    if (words[0] == "HDEL") before.assign(words.begin() + 2, words.end());
    if (words[0] != "HMSET") continue;
    Fields sent;
    for (std::size_t i = 2; i + 1 < words.size(); i += 2) sent.emplace_back(words[i], words[i + 1]);
    const auto form = key->family == KeyFamily::agent ? encode(decode_agent(sent, kNow).value())
                                                      : encode(decode_task(sent, kNow).value());
    EXPECT_THAT(form.set, ElementsAreArray(sent)) << words[1];
    EXPECT_THAT(form.cleared, ElementsAreArray(before)) << words[1];
    before.clear();
    ++hashes;
  }
  EXPECT_GT(hashes, 20);
}

TEST(TinytownForms, ListsAndStreamsAreWrittenAsTtSentThem) {
  const Keys keys(kRecordedTown);
  int messages = 0, events = 0;
  for (const auto& [connection, words] : recorded_commands()) {
    if (words.size() < 2) continue;
    const auto key = keys.parse(words[1]);
    if (!key) continue;
    if ((words[0] == "RPUSH" || words[0] == "LPUSH") &&
        (key->family == KeyFamily::inbox || key->family == KeyFamily::urgent)) {
      EXPECT_EQ(encode(decode_message(words[2]).value()), words[2]);
      ++messages;
    }
    if (words[0] == "XADD") {
      EXPECT_EQ(encode(decode_event(words.back()).value()), words.back());
      ++events;
    }
  }
  EXPECT_EQ(messages, 6);
  EXPECT_GE(events, 14);
}

TEST(TinytownForms, RecordedAgentsAreWhatTtListed) {
  for (const char* step : {"06-list", "26-list2"}) {
    const auto town = read_town(step);
    std::vector<std::string> shown{"Agents:"};
    for (const auto& [id, agent] : town.agents) {
      shown.push_back("  " + label(agent) + " (" + agent.id.short_str() + ") - " +
                      tt_state_word(agent.state));
    }
    EXPECT_THAT(shown, UnorderedElementsAreArray(said_in(step)));
  }
}

TEST(TinytownForms, RecordedTasksAreWhatTtListed) {
  const auto town = read_town("20-task-list");
  std::vector<std::string> shown{"📋 Tasks (" + std::to_string(town.tasks.size()) + "):"};
  for (const auto& [id, task] : town.tasks) {
    const auto whose = task.assigned_to ? label(town.agents.at(task.assigned_to->str()))
                                        : std::string("unassigned");
    shown.push_back(std::string("   ") + (task.state == TaskState::pending ? "⏳ " : "🔄 ") +
                    task.id.short_str() + " - " + first_line(task.description) + " [" + whose +
                    "]");
  }
  EXPECT_THAT(shown, UnorderedElementsAreArray(said_in("20-task-list")));

  const auto done = read_town("22-task-show").tasks.at("3ae4123d-903e-4c08-8c36-0fdc7958905e");
  const auto said = said_in("22-task-show");
  const auto in_words = [](Moment moment) {
    auto text = json_text(moment);
    text[10] = ' ';
    text.back() = ' ';
    return text + "UTC";
  };
  EXPECT_EQ(said.at(1), "   Description: " + done.description);
  EXPECT_EQ(said.at(2), "   State: Completed");
  EXPECT_EQ(done.state, TaskState::completed);
  EXPECT_EQ(said.at(3), "   Created: " + in_words(done.created_at));
  EXPECT_EQ(said.at(4), "   Updated: " + in_words(done.updated_at));
  EXPECT_EQ(said.at(5), "   Completed: " + in_words(done.completed_at.value()));
  EXPECT_EQ(said.at(6), "   Result: " + done.result.value());
  EXPECT_THAT(done.tags, ElementsAre("api", "backend"));
  EXPECT_EQ(said.at(7), "   Tags: api, backend");
}

TEST(TinytownForms, RecordedMailAndBacklogAreWhatTtShowed) {
  const auto town = read_town("13-inbox");
  const auto said = said_in("13-inbox");
  std::string bob;
  for (const auto& [id, agent] : town.agents) {
    if (agent.name == "bob") bob = id;
  }
  const auto& inbox = town.inboxes.at(bob);
  ASSERT_EQ(inbox.size(), 2U);
  EXPECT_EQ(inbox[0].type, MessageType::query);
  EXPECT_EQ(said.at(6), "   [Q] question: " + inbox[0].text);
  EXPECT_EQ(our_sender(inbox[0].from), "4763624f-a2b7-4450-8a0e-36b0e21c9a93");
  EXPECT_EQ(inbox[1].type, MessageType::confirmation);
  EXPECT_EQ(said.at(7), "   [C] " + std::string(enum_name(inbox[1].ack.kind)));
  EXPECT_EQ(our_sender(inbox[1].from), kSupervisor);
  ASSERT_EQ(town.urgent.at(bob).size(), 1U);
  EXPECT_EQ(town.urgent.at(bob)[0].text, "now!");

  const auto listed = read_town("15-backlog-list");
  ASSERT_EQ(listed.backlog.size(), 1U);
  const auto& task = listed.tasks.at(listed.backlog[0]);
  EXPECT_EQ(said_in("15-backlog-list").at(2), "   " + task.id.short_str() + " (" + task.id.str() +
                                                  ") - " + task.description + " [api, backend]");
}

TEST(TinytownForms, RecordedEventsAreWhatTtShowed) {
  std::vector<std::string> shown;
  for (const auto& event : read_town("18-events").events) {
    shown.push_back(clock(event.timestamp) + " [" + std::string(enum_name(event.type)) +
                    "] agent:" + event.agent.value().str() + " — " + event.message);
  }
  EXPECT_THAT(shown, ElementsAreArray(said_in("18-events")));
}

// --- Beyond what was recorded -------------------------------------------------------------------

TtMessage message_of(MessageType type) {
  TtMessage message;
  message.id = MessageId::parse("8974d8d3-dcc0-4d44-bccf-f03a735d1722").value();
  message.from = supervisor_id();
  message.to = AgentId::parse("4763624f-a2b7-4450-8a0e-36b0e21c9a93").value();
  message.type = type;
  message.text = "a \"text\"\nof two lines, ünï";
  message.task_id = "7";
  message.kind = "k";
  message.state = "Idle";
  message.ack = {AckKind::rejected, "no"};
  message.created_at = kNow;
  message.correlation = message.id.uuid;
  return message;
}

TEST(TinytownForms, EachTypeOfMessageHasItsMembersInOrder) {
  const std::map<MessageType, std::string> wanted{
      {MessageType::task, R"("description":"a \"text\"\nof two lines, ünï",)"},
      {MessageType::query, R"("question":"a \"text\"\nof two lines, ünï",)"},
      {MessageType::informational, R"("summary":"a \"text\"\nof two lines, ünï",)"},
      {MessageType::confirmation, R"("ack_type":{"type":"rejected","reason":"no"},)"},
      {MessageType::task_assign, R"("task_id":"7",)"},
      {MessageType::task_done, R"("task_id":"7","result":"a \"text\"\nof two lines, ünï",)"},
      {MessageType::task_failed, R"("task_id":"7","error":"a \"text\"\nof two lines, ünï",)"},
      {MessageType::status_request, ""},
      {MessageType::status_response, R"("state":"Idle","current_task":null,)"},
      {MessageType::ping, ""},
      {MessageType::pong, ""},
      {MessageType::shutdown, ""},
      {MessageType::custom, R"("kind":"k","payload":"a \"text\"\nof two lines, ünï",)"},
  };
  EXPECT_EQ(wanted.size(), 13U);
  for (const auto& [type, members] : wanted) {
    const auto text = encode(message_of(type));
    EXPECT_EQ(text, R"({"id":"8974d8d3-dcc0-4d44-bccf-f03a735d1722",)"
                    R"("from":"00000000-0000-0000-0000-000000000001",)"
                    R"("to":"4763624f-a2b7-4450-8a0e-36b0e21c9a93","type":")" +
                        std::string(enum_name(type)) + "\"," + members +
                        R"("priority":"normal","created_at":"2026-11-22T00:00:00Z",)"
                        R"("correlation_id":"8974d8d3-dcc0-4d44-bccf-f03a735d1722"})");
    const auto read = decode_message(text);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(encode(*read), text);
  }
}

TEST(TinytownForms, AnEventLeavesOutWhatItHasNot) {
  TtEvent event;
  event.type = TtEventType::task_delegated;
  event.message = "m";
  event.timestamp = kNow;
  EXPECT_EQ(encode(event),
            R"({"event_type":"task_delegated","message":"m","timestamp":"2026-11-22T00:00:00Z"})");
  event.agent = supervisor_id();
  event.task = TaskId(supervisor_id().uuid);
  event.mission = supervisor_id().uuid;
  event.old_state = "Idle";
  event.new_state = "Working";
  event.parent_agent = event.child_agent = supervisor_id();
  event.scope = "s";
  event.spawn_mode = "fresh";
  const auto text = encode(event);
  std::vector<std::string> members;
  const auto parsed = parse_json(text).value();
  for (const auto& member : parsed.as_object()) members.emplace_back(member.key());
  EXPECT_THAT(members, ElementsAre("event_type", "agent_id", "task_id", "mission_id", "old_state",
                                   "new_state", "message", "timestamp", "parent_agent_id",
                                   "child_agent_id", "scope", "spawn_mode"));
  EXPECT_EQ(encode(decode_event(text).value()), text);
  int types = 0;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<TtEventType>>(
      [&](auto) { ++types; });
  EXPECT_EQ(types, 22);
}

TEST(TinytownForms, OurMarkIsBehindTinytownsFields) {
  TtAgent agent;
  agent.name = "a";
  agent.owner = "L";
  auto form = encode(agent);
  EXPECT_EQ(form.set.back(), (std::pair<std::string, std::string>("reeve_owner", "L")));
  EXPECT_THAT(form.cleared, ElementsAre("current_task", "nickname", "role_id", "parent_agent_id"));
  agent.spawn_mode = SpawnMode::forked_context;
  agent.parent = supervisor_id();
  form = encode(agent);
  EXPECT_EQ(decode_agent(form.set, kNow).value(), agent);
  TtTask task;
  task.owner = "L";
  task.tags = {"a", "ü\"x"};
  EXPECT_EQ(decode_task(encode(task).set, kNow).value(), task);
}

TEST(TinytownForms, AHashIsReadAsTinytownReadsIt) {
  const std::string id = "4763624f-a2b7-4450-8a0e-36b0e21c9a93";
  const auto agent = decode_agent({{"id", id},
                                   {"state", "dancing"},
                                   {"agent_type", "?"},
                                   {"spawn_mode", "forkedcontext"},
                                   {"tasks_completed", "-1"},
                                   {"rounds_completed", "7"},
                                   {"created_at", "2026-01-01T00:00:00Z"},
                                   {"last_heartbeat", "yesterday"},
                                   {"parent_agent_id", "none"},
                                   {"what", "ever"}},
                                  kNow)
                         .value();
  EXPECT_EQ(agent.state, AgentState::starting);
  EXPECT_EQ(agent.type, TtAgentType::worker);
  EXPECT_EQ(agent.spawn_mode, SpawnMode::forked_context);
  EXPECT_EQ(agent.tasks_completed, 0U);
  EXPECT_EQ(agent.rounds_completed, 7U);
  EXPECT_EQ(agent.last_heartbeat, kNow);
  EXPECT_EQ(json_text(agent.last_active_at), "2026-01-01T00:00:00Z");
  EXPECT_EQ(agent.parent, std::nullopt);
  EXPECT_EQ(agent.owner, std::nullopt);

  const auto task =
      decode_task({{"id", "{" + id + "}"}, {"state", "in_flight"}, {"tags", "[1]"}}, kNow).value();
  EXPECT_EQ(task.id.str(), id);
  EXPECT_EQ(task.state, TaskState::running);
  EXPECT_THAT(task.tags, IsEmpty());
  EXPECT_EQ(task.created_at, kNow);
  EXPECT_EQ(decode_task({{"id", id}, {"state", "?"}}, kNow).value().state, TaskState::pending);

  EXPECT_FALSE(decode_agent({}, kNow));
  EXPECT_FALSE(decode_agent({{"name", "a"}}, kNow));
  EXPECT_FALSE(decode_agent({{"id", "a"}}, kNow));
  const auto large =
      decode_task({{"id", id}, {"result", std::string(limits::kTinytownValue + 1, 'x')}}, kNow);
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().is(Errc::too_large));
  EXPECT_EQ(decode_agent({{"id", id}, {"name", "a\xff"}}, kNow).value().name, "a\xEF\xBF\xBD");
}

TEST(TinytownForms, W07_AMessageThatCannotBeReadIsAnErrorThatSaysWhy) {
  const auto good = encode(message_of(MessageType::query));
  ASSERT_TRUE(decode_message(good));
  // A missing correlation, and what is not known, are no errors.
  auto object = parse_json(good).value().as_object();
  object.erase("correlation_id");
  object["more"] = 7;
  EXPECT_TRUE(decode_message(write_json(object)));

  const std::map<std::string, json::value> wrong{
      {"id", "7"},          {"from", nullptr},     {"type", "dance"}, {"question", 7},
      {"priority", "asap"}, {"created_at", "now"}, {"to", 7}};
  for (const auto& [member, value] : wrong) {
    auto bad = parse_json(good).value().as_object();
    bad[member] = value;
    const auto read = decode_message(write_json(bad));
    ASSERT_FALSE(read) << member;
    EXPECT_TRUE(read.error().is(Errc::invalid_argument));
    EXPECT_THAT(read.error().message(), HasSubstr(member));
    bad.erase(member);
    EXPECT_FALSE(decode_message(write_json(bad))) << member;
  }
  for (const char* text : {"", "{", "[]", "7", "\xff", "{\"id\":\"\xff\"}"})
    EXPECT_FALSE(decode_message(text)) << text;
  const auto large = decode_message(std::string(limits::kTinytownValue + 1, ' '));
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().is(Errc::too_large));
  EXPECT_FALSE(decode_event(R"({"event_type":"dance","message":"","timestamp":""})"));
}

TEST(TinytownIds, AreTheSameInBothPrograms) {
  EXPECT_EQ(tt_sender("supervisor"), supervisor_id());
  EXPECT_EQ(tt_sender("system"), supervisor_id());
  const auto id = AgentId::parse("4763624f-a2b7-4450-8a0e-36b0e21c9a93").value();
  EXPECT_EQ(tt_sender(our_sender(id)), id);
  EXPECT_EQ(tt_sender(our_sender(supervisor_id())), supervisor_id());
  EXPECT_EQ(tt_correlation("no uuid"), std::nullopt);
  EXPECT_EQ(tt_correlation(std::nullopt), std::nullopt);
  EXPECT_EQ(tt_correlation(id.str()), id.uuid);
  EXPECT_EQ(id_of<TaskTag>("7"), std::nullopt);
  EXPECT_EQ(id_of<TaskTag>(id.str()), TaskId(id.uuid));
}

}  // namespace
}  // namespace reeve::doors::tinytown
