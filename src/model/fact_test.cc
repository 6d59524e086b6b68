#include "model/fact.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "event/normaliser.h"

namespace reeve {
namespace {

template <std::size_t... I>
std::vector<Fact> one_of_each(std::index_sequence<I...>) {
  return {Fact(std::variant_alternative_t<I, AnyFact>())...};
}

class FixedEnv final : public Env {
 public:
  Time now() const override { return from_ms(1000); }
  std::chrono::nanoseconds uptime() const override { return {}; }
  void random(std::span<std::uint8_t> out) override { std::ranges::fill(out, std::uint8_t{7}); }
  std::unique_ptr<Timer> after(std::chrono::nanoseconds, std::move_only_function<void()>) override {
    return nullptr;
  }
  void offload(std::move_only_function<void()>, std::move_only_function<void()>) override {}
  void defer(std::move_only_function<void()>) override {}
};

TEST(Fact, EveryKindHasANameAndSurvivesTheLog) {
  FixedEnv env;
  std::set<std::string_view> kinds;
  for (const auto& fact : one_of_each(std::make_index_sequence<std::variant_size_v<AnyFact>>())) {
    EXPECT_TRUE(kinds.insert(kind_of(fact)).second) << kind_of(fact);
    const Event event(Position{1}, to_event(env, fact, "town"));
    const auto back = fact_of(event);
    ASSERT_TRUE(back) << back.error().message();
    ASSERT_TRUE(*back) << event.kind;
    EXPECT_EQ((*back)->index(), fact.index());
  }
}

// Kinds that a run's own events share with facts: their payloads tell them apart.
TEST(EventsFact, WhatARunSaysOfItsLifeIsNoFactOfItsDocument) {
  FixedEnv env;
  for (const auto& fact : one_of_each(std::make_index_sequence<std::variant_size_v<AnyFact>>())) {
    const Event event(Position{1}, to_event(env, fact, "town"));
    EXPECT_FALSE(parse_json(event.payload)->as_object().contains("type")) << event.kind;
  }
  const std::map<std::string, AgentEvent> said{
      {"RunStarted", RunStarted{.run = RunId(Uuid{{1}})}},
      {"RunCompleted", RunFinished{.ending = Ending::completed, .text = "done"}},
      {"RunFailed", RunFinished{.ending = Ending::stopped, .code = "max_rounds"}},
      {"RunCancelled", RunFinished{.ending = Ending::cancelled}}};
  for (const auto& [kind, agent_event] : said) {
    RunContext context;
    context.run = RunId(Uuid{{1}});
    context.thread = ThreadId(Uuid{{2}});
    context.origin = "agent:ada";
    const auto made = standard_normaliser().normalise(context, agent_event, {});
    ASSERT_TRUE(made) << made.error().message();
    ASSERT_EQ(made->facts.size(), 1u);
    Event event(Position{1}, to_event(env, fact::RunFailed{}, "town"));
    event.kind = made->facts[0].kind;
    EXPECT_EQ(event.kind, kind);
    EXPECT_TRUE(is_fact_kind(kind));
    event.payload = write_json(made->facts[0].payload);
    const auto read = fact_of(event);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_FALSE(*read) << kind;
  }
}

TEST(Fact, AnUnreadableOneIsAnErrorThatNamesItsPlace) {
  FixedEnv env;
  Event event(Position{41}, to_event(env, fact::TaskCreated{}, "town"));
  event.payload = R"({"task":{"state":"unheard_of"}})";
  EXPECT_TRUE(fact_of(event).error().message().starts_with("event 41 (TaskCreated): task.state: "))
      << fact_of(event).error().message();
}

TEST(Fact, AnAgentsLifeIsTheFoldOfItsFacts) {
  std::optional<Agent> agent;
  Agent born;
  born.id = AgentId(Uuid{{1}});
  born.name = "ada";
  apply(agent, fact::AgentSpawned{born}, from_ms(1));
  reeve::Run run;
  run.id = RunId(Uuid{{2}});
  run.agent = born.id;
  apply(agent, fact::RunStarted{run}, from_ms(2));
  EXPECT_EQ(agent->state, AgentState::working);
  const TaskId task(Uuid{{3}});
  apply(agent, fact::TaskStarted{task, born.id, run.id}, from_ms(2));
  EXPECT_EQ(agent->current_task, task);
  apply(agent, fact::TaskCompleted{task, born.id, run.id, "ok"}, from_ms(3));
  fact::RunCompleted end;
  end.run = run.id;
  end.agent = born.id;
  end.usage.input_tokens = 5;
  apply(agent, end, from_ms(4));
  EXPECT_EQ(agent->state, AgentState::idle);
  EXPECT_EQ(agent->rounds_completed, 1);
  EXPECT_EQ(agent->tasks_completed, 1);
  EXPECT_EQ(agent->usage.input_tokens, 5);
  EXPECT_FALSE(agent->current_task);
  apply(agent, fact::AgentStopped{born.id, AgentState::idle, "killed"}, from_ms(5));
  EXPECT_EQ(agent->state, AgentState::stopped);
}

TEST(Fact, AWebhooksLifeEndsWithItsRemoval) {
  std::optional<Webhook> webhook;
  Webhook made;
  made.id = WebhookId(Uuid{{1}});
  made.origin = "https://example.org";
  apply(webhook, fact::WebhookAdded{made}, from_ms(1));
  EXPECT_EQ(webhook->state, WebhookState::active);
  apply(webhook, fact::WebhookDisabled{WebhookId(Uuid{{2}}), "another"}, from_ms(2));
  EXPECT_EQ(webhook->state, WebhookState::active);
  apply(webhook, fact::WebhookDisabled{made.id, "gone"}, from_ms(2));
  EXPECT_EQ(webhook->state, WebhookState::disabled);
  EXPECT_EQ(webhook->reason, "gone");
  apply(webhook, fact::WebhookEnabled{made.id}, from_ms(3));
  EXPECT_EQ(webhook->state, WebhookState::active);
  EXPECT_EQ(webhook->reason, "");
  apply(webhook, fact::WebhookRemoved{made.id}, from_ms(4));
  apply(webhook, fact::WebhookEnabled{made.id}, from_ms(5));
  EXPECT_EQ(webhook->state, WebhookState::removed);
  EXPECT_EQ(webhook->updated_at, from_ms(4));
}

TEST(Fact, ConcernsWhatItNames) {
  Message message;
  message.id = MessageId(Uuid{{9}});
  message.to = AgentId(Uuid{{1}});
  message.from = AgentId(Uuid{{2}}).str();
  const auto about = concerned(fact::MessageSent{message, {}});
  EXPECT_EQ(about.agents.size(), 2u);
  EXPECT_EQ(about.messages.size(), 1u);
}

}  // namespace
}  // namespace reeve
