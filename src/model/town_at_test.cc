#include "model/town_at.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reeve {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class I>
I id(std::uint8_t number) {
  return I(Uuid{{number}});
}

/// ada (1) works on task 1 in run 1; bob (2) has mail; a task that is over was bob's.
class EventsTownAt : public ::testing::Test {
 protected:
  EventsTownAt() {
    agent(2, "bob", from_ms(5'000));
    agent(1, "ada", from_ms(9'000));
    task(1, id<AgentId>(1));
    task(2, id<AgentId>(2));
    add(fact::TaskFailed{id<TaskId>(2), id<AgentId>(2), {}, "no"});
    send(1, std::string(kSupervisor), id<AgentId>(1), Priority::normal);
    send(2, id<AgentId>(1).str(), id<AgentId>(2), Priority::normal);
    send(3, std::string(kSupervisor), id<AgentId>(2), Priority::urgent);
    send(4, id<AgentId>(2).str(), supervisor_id(), Priority::normal);
    reeve::Run run;
    run.id = id<RunId>(1);
    run.agent = id<AgentId>(1);
    run.thread = id<ThreadId>(1);
    run.task = id<TaskId>(1);
    run.messages = {id<MessageId>(1)};
    add(fact::RunStarted{run});
    add(fact::TaskStarted{*run.task, *run.agent, run.id});
    Webhook webhook;
    webhook.id = id<WebhookId>(1);
    webhook.scopes = {Scope::of(id<AgentId>(2))};
    add(fact::WebhookAdded{webhook});
  }
  void add(const Fact& fact) {
    NewEvent event;
    event.kind = kind_of(fact);
    event.payload = std::visit([](const auto& typed) { return write_json_of(typed); }, fact);
    ASSERT_TRUE(fold_.apply(Event(next(fold_.position()), std::move(event))));
  }
  void agent(std::uint8_t number, std::string name, Time at) {
    Agent made;
    made.id = id<AgentId>(number);
    made.name = std::move(name);
    made.created_at = at;
    add(fact::AgentSpawned{made});
  }
  void task(std::uint8_t number, AgentId of) {
    Task made;
    made.id = id<TaskId>(number);
    made.text = "task " + std::to_string(number);
    add(fact::TaskCreated{made});
    add(fact::TaskAssigned{made.id, of});
  }
  void send(std::uint8_t number, std::string from, AgentId to, Priority priority) {
    Message message;
    message.id = id<MessageId>(number);
    message.from = std::move(from);
    message.to = to;
    message.priority = priority;
    add(fact::MessageSent{message, {}});
  }
  [[nodiscard]] std::vector<std::string> about(const Scope& scope) const {
    std::vector<std::string> names;
    for (const auto& doc : documents_about(fold_, scope))
      names.push_back(doc.name.kind + doc.name.id.substr(1, 1));
    return names;
  }

  Fold fold_;
};

TEST_F(EventsTownAt, ATownAtAGlance) {
  const auto town = town_at(fold_, Scope::town());
  EXPECT_EQ(town.tasks.running, 1);
  EXPECT_EQ(town.tasks.failed, 1);
  EXPECT_EQ(town.tasks.assigned, 0);
  EXPECT_EQ(town.supervisor_inbox, 1);
  ASSERT_EQ(town.agents.size(), 2U);
  EXPECT_EQ(town.agents[0].agent.name, "bob");  // the older one
  EXPECT_EQ(town.agents[0].inbox, 2);
  EXPECT_EQ(town.agents[0].urgent, 1);
  EXPECT_FALSE(town.agents[0].task);
  EXPECT_EQ(town.agents[1].agent.name, "ada");
  EXPECT_EQ(town.agents[1].agent.state, AgentState::working);
  EXPECT_EQ(town.agents[1].inbox, 0);  // her run has it
  EXPECT_EQ(town.agents[1].task, "task 1");
}

TEST_F(EventsTownAt, APartOfItIsWhatNamesTheScope) {
  EXPECT_THAT(about(Scope::of(id<AgentId>(1))),
              ElementsAre("agent1", "message1", "message2", "run1", "task1"));
  EXPECT_THAT(about(Scope::of(id<AgentId>(2))),
              ElementsAre("agent2", "message2", "message3", "message4", "task2", "webhook1"));
  EXPECT_THAT(about(Scope::of(id<TaskId>(1))), ElementsAre("agent1", "run1", "task1"));
  EXPECT_THAT(about(Scope::of(id<RunId>(1))), ElementsAre("agent1", "message1", "run1", "task1"));
  EXPECT_THAT(about(Scope::of(id<RunId>(7))), IsEmpty());
  EXPECT_EQ(about(Scope::town()).size(), fold_.documents().size());
  const auto town = town_at(fold_, Scope::of(id<AgentId>(2)));
  EXPECT_EQ(town.agents.size(), 1U);
  EXPECT_EQ(town.tasks.running, 0);
  EXPECT_EQ(town.tasks.failed, 1);
  EXPECT_EQ(town.supervisor_inbox, 0);
}

TEST_F(EventsTownAt, DocumentsAreWrittenAsTheyAre) {
  const auto text = documents_json(fold_.documents());
  const auto read = parse_json_as<std::vector<api::DocumentView>>(text).value();
  ASSERT_EQ(read.size(), fold_.documents().size());
  Fold again(fold_.position());
  for (const auto& doc : read) ASSERT_TRUE(again.put({doc.kind, doc.id}, write_json(doc.body)));
  EXPECT_THAT(again.differences(fold_.documents()), IsEmpty());
  EXPECT_EQ(documents_json({}), "[]");
}

}  // namespace
}  // namespace reeve
