#include "model/fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"

namespace reeve {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class I>
I id(std::uint8_t number) {
  return I(Uuid{{number}});
}

Agent agent(std::uint8_t number, std::string name) {
  Agent made;
  made.id = id<AgentId>(number);
  made.name = std::move(name);
  return made;
}

/// A log in the making.
class EventsReplay : public ::testing::Test {
 protected:
  const Event& add(const Fact& fact) {
    NewEvent event;
    event.kind = kind_of(fact);
    event.time = from_ms(static_cast<std::int64_t>(1'000 + log_.size()));
    event.payload = std::visit([](const auto& typed) { return write_json_of(typed); }, fact);
    return log_.emplace_back(Position{log_.size() + 1}, std::move(event));
  }
  static Fold fold(std::span<const Event> log, Fold from = Fold()) {
    for (const auto& event : log) EXPECT_TRUE(from.apply(event));
    return from;
  }
  void small_story() {
    Task task;
    task.id = id<TaskId>(2);
    Message message;
    message.id = id<MessageId>(3);
    message.from = kSupervisor;
    message.to = id<AgentId>(1);
    message.task = task.id;
    reeve::Run run;
    run.id = id<RunId>(4);
    run.agent = message.to;
    run.thread = id<ThreadId>(5);
    run.task = task.id;
    run.messages = {message.id};
    Thread thread;
    thread.id = run.thread;
    thread.agent = run.agent;
    add(fact::AgentSpawned{agent(1, "ada")});
    add(fact::TaskCreated{task});
    add(fact::TaskAssigned{task.id, message.to});
    add(fact::MessageSent{message, {}});
    add(fact::ThreadStarted{thread});
    add(fact::RunStarted{run});
    add(fact::TaskStarted{task.id, message.to, run.id});
    add(fact::TaskCompleted{task.id, run.agent, run.id, "done"});
    fact::RunCompleted end;
    end.run = run.id;
    end.agent = run.agent;
    end.thread = run.thread;
    end.messages = run.messages;
    end.cost_usd = 0.1;
    fact::MessagesAppended said;
    said.thread = run.thread;
    said.run = run.id;
    said.messages = {ChatMessage::user("paint"), ChatMessage::assistant("done")};
    add(said);
    add(end);
    end.cost_usd = 0.2;
    add(end);  // a second one would add up
  }

  std::vector<Event> log_;
};

TEST_F(EventsReplay, TheStateOfEveryMomentFollowsFromTheEventsUpToIt) {
  small_story();
  const auto at = [&](std::size_t events) { return fold(std::span(log_).first(events)); };
  EXPECT_THAT(at(0).documents(), IsEmpty());
  EXPECT_EQ(at(1).all<Agent>().size(), 1U);
  EXPECT_EQ(at(2).find<Task>(id<TaskId>(2))->state, TaskState::pending);
  EXPECT_EQ(at(3).find<Task>(id<TaskId>(2))->state, TaskState::assigned);
  EXPECT_EQ(at(6).find<Agent>(id<AgentId>(1))->state, AgentState::working);
  EXPECT_EQ(at(6).find<Message>(id<MessageId>(3))->state, MessageState::taken);
  EXPECT_EQ(at(6).find<reeve::Run>(id<RunId>(4))->state, RunState::running);
  EXPECT_EQ(at(10).find<reeve::Run>(id<RunId>(4))->state, RunState::completed);
  EXPECT_EQ(at(10).find<Agent>(id<AgentId>(1))->state, AgentState::idle);
  EXPECT_EQ(at(10).find<Agent>(id<AgentId>(1))->tasks_completed, 1);
  EXPECT_EQ(at(10).find<Thread>(id<ThreadId>(5))->runs, 1);
  EXPECT_EQ(at(8).all<ThreadMessage>().size(), 0U);
  EXPECT_EQ(text_of(at(9).find<ThreadMessage>({id<ThreadId>(5), 2})->message), "done");
  EXPECT_EQ(at(10).position().value, 10U);
  EXPECT_EQ(at(10).find<Agent>(id<AgentId>(2)), nullptr);
}

TEST_F(EventsReplay, G11ASnapshotOfAnyMomentAndTheRestGiveTheSameAsAll) {
  small_story();
  const auto whole = fold(log_);
  for (std::size_t cut = 0; cut <= log_.size(); ++cut) {
    Fold again(Position{cut});
    for (const auto& doc : fold(std::span(log_).first(cut)).documents())
      ASSERT_TRUE(again.put(doc.name, doc.body));
    again = fold(std::span(log_).subspan(cut), std::move(again));
    EXPECT_THAT(whole.differences(again.documents()), IsEmpty()) << cut;
  }
}

TEST_F(EventsReplay, G11PartsFoldedOneByOneFromWhatTheyConcernGiveTheSameAsAll) {
  small_story();
  std::map<DocName, std::string> snapshot;
  for (std::size_t i = 0; i < log_.size(); i += 2) {
    Fold part(Position{i});
    for (std::size_t at = i; at < std::min(i + 2, log_.size()); ++at) {
      for (const auto& name : part.missing(log_[at]).value()) {
        if (snapshot.contains(name)) {
          ASSERT_TRUE(part.put(name, snapshot[name]));
        }
      }
      ASSERT_TRUE(part.apply(log_[at]));
    }
    for (const auto& doc : part.take_changed()) snapshot[doc.name] = doc.body;
    EXPECT_THAT(part.take_changed(), IsEmpty());
  }
  std::vector<FoldedDoc> docs;
  for (const auto& [name, body] : snapshot) docs.push_back({name, body});
  EXPECT_THAT(fold(log_).differences(docs), IsEmpty());
}

TEST_F(EventsReplay, DocumentsAreByteForByteWhatACommitWrites) {
  add(fact::AgentSpawned{agent(1, "ada")});
  const auto docs = fold(log_).documents();
  ASSERT_EQ(docs.size(), 1U);
  EXPECT_EQ(docs[0].name, (DocName{"agent", id<AgentId>(1).str()}));
  EXPECT_EQ(docs[0].body, write_json_of(agent(1, "ada")));
}

TEST_F(EventsReplay, WhatIsNoFactIsPassedOverAndWhatCannotBeReadIsSaid) {
  add(fact::AgentSpawned{agent(1, "ada")});
  Fold folded = fold(log_);
  Event other(Position{7}, NewEvent());
  other.kind = "AssistantMessage";
  other.payload = "not even JSON";
  EXPECT_TRUE(folded.apply(other));
  EXPECT_EQ(folded.position().value, 7U);
  EXPECT_EQ(folded.apply(other).error().code(), Errc::conflict);  // it was folded already
  other.position = {8};
  other.kind = "TaskCreated";
  const auto refused = folded.apply(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::invalid_argument);
  EXPECT_TRUE(refused.error().message().contains("event 8"));
  EXPECT_EQ(folded.position().value, 7U);
  EXPECT_FALSE(folded.missing(other));
  EXPECT_FALSE(folded.put({"agent", "x"}, "[1]"));
  folded.reach(Position{9});
  EXPECT_EQ(folded.position().value, 9U);
}

TEST_F(EventsReplay, ADocumentOfAKindFromTheFutureIsKept) {
  Fold folded(Position{3});
  ASSERT_TRUE(folded.put({"guild", "g1"}, R"({"name":"smiths"})"));
  const auto docs = folded.documents();
  ASSERT_EQ(docs.size(), 1U);
  EXPECT_EQ(docs[0].body, R"({"name":"smiths"})");
}

TEST_F(EventsReplay, ADifferenceIsTold) {
  add(fact::AgentSpawned{agent(1, "ada")});
  add(fact::AgentSpawned{agent(2, "bob")});
  const auto folded = fold(log_);
  auto live = folded.documents();
  live[0].body += " ";
  live[1].name.id = "other";
  const auto told = folded.differences(live);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_TRUE(told[0].contains("its events say"));
  EXPECT_TRUE(told[1].contains("agent other follows from no event"));
  EXPECT_TRUE(told[2].contains(id<AgentId>(2).str() + " is not there"));
}

TEST(FactKinds, AreThoseOfTheFacts) {
  const auto kinds = fact_kinds();
  EXPECT_EQ(kinds.size(), std::variant_size_v<AnyFact>);
  EXPECT_THAT(Fold::kinds(), ElementsAre("agent", "task", "message", "run", "thread",
                                         "thread_message", "webhook"));
  for (const auto& kind : kinds) EXPECT_TRUE(is_fact_kind(kind)) << kind;
  EXPECT_FALSE(is_fact_kind("AssistantMessage"));
  EXPECT_FALSE(is_fact_kind(""));
}

}  // namespace
}  // namespace reeve
