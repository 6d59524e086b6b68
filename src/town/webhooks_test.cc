#include "town/webhooks.h"

#include <gmock/gmock.h>

#include <deque>
#include <set>

#include "base/limits.h"
#include "run/testing.h"
#include "store/forwarding_store.h"
#include "town/directory.h"

namespace reeve::town {
namespace {

using namespace std::chrono_literals;
using run::testing::Backend;
using run::testing::World;
using store::code_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// A town with webhooks and the world outside as the test says, on a clock that it moves.
class EventsOutboxWebhooks : public ::testing::TestWithParam<Backend> {
 protected:
  EventsOutboxWebhooks() { start(); }
  ~EventsOutboxWebhooks() override { stop(); }

  void start() {
    Webhooks::Options options;
    options.owner = "daemon" + std::to_string(++starts_);
    options.sole = true;
    const auto send = [this](net::OutgoingRequest request) {
      return this->send(std::move(request));
    };
    webhooks_ = std::make_unique<Webhooks>(ground_, world_.loop.get_executor(), send, options);
    ASSERT_TRUE(world_.await(webhooks_->start()));
    world_.quiet();
  }
  void stop() {
    if (webhooks_) world_.await(webhooks_->close());
    webhooks_.reset();
  }
  Async<Result<net::Response>> send(net::OutgoingRequest request) {
    requests_.push_back(request);
    if (silent_) {
      aio::Signal never(world_.loop.get_executor());
      co_await never.wait();
    }
    net::Response answer;
    answer.status = 204;
    if (!answers_.empty()) {
      answer = answers_.front();
      answers_.pop_front();
    }
    co_return answer;
  }
  void will_answer(int status, net::Headers headers = {}) {
    net::Response answer;
    answer.status = status;
    answer.headers = std::move(headers);
    answers_.push_back(std::move(answer));
  }

  Result<api::WebhookView> add(std::vector<std::string> kinds = {"AgentSpawned"},
                               std::vector<std::string> scopes = {}) {
    api::WebhookRequest request;
    request.url = "https://example.org/hook?token=sesame";
    request.kinds = std::move(kinds);
    request.scopes = std::move(scopes);
    auto made = world_.await(webhooks_->add(Caller(), request));
    world_.quiet();
    return made;
  }
  std::string spawn(const std::string& name) {
    const auto id = world_.agent(name).id.str();
    world_.quiet();
    return id;
  }
  void pass(Duration time, Duration step = 500ms) {
    for (; time > 0ms; time -= step) {
      world_.env.advance(std::min(step, time));
      world_.quiet();
    }
  }
  api::WebhookView view() { return world_.await(webhooks_->list(Caller())).value().at(0); }
  api::DeadDeliveries dead(const std::string& id) {
    return world_.await(webhooks_->dead(Caller(), id, 0, 100)).value();
  }
  /// The names of the agents that were told of, in order.
  std::vector<std::string> told() const {
    std::vector<std::string> names;
    for (const auto& request : requests_) {
      const auto body = parse_json(request.body).value();
      names.emplace_back(body.at("kind") == "AgentSpawned"
                             ? body.at("payload").at("agent").at("name").as_string()
                             : body.at("kind").as_string());
    }
    return names;
  }
  static std::string id_of(const net::OutgoingRequest& request) {
    return std::string(net::header(request.headers, "webhook-id"));
  }

  World world_{GetParam()};
  Ground ground_{world_.env, world_.log, "oak", "claude"};
  std::vector<net::OutgoingRequest> requests_;
  std::deque<net::Response> answers_;  // the next ones; then 204
  bool silent_ = false;
  int starts_ = 0;
  std::unique_ptr<Webhooks> webhooks_;
};
INSTANTIATE_TEST_SUITE_P(Stores, EventsOutboxWebhooks,
                         ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(EventsOutboxWebhooks, AreToldOfWhatTheyWantOnceAndSigned) {
  const auto made = add().value();
  spawn("ada");
  ASSERT_THAT(told(), ElementsAre("ada"));
  const auto& request = requests_[0];
  EXPECT_EQ(request.url, "https://example.org/hook?token=sesame");
  const auto event = world_.events("AgentSpawned").at(0);
  EXPECT_EQ(request.body, event_json(*event));
  EXPECT_EQ(id_of(request), event->id.str());
  EXPECT_EQ(net::header(request.headers, "webhook-signature"),
            sign_webhook(*made.secret, event->id.str(), world_.env.now(), request.body));
  pass(1h, 10min);
  EXPECT_EQ(requests_.size(), 1u);
  EXPECT_EQ(view().delivered, 1);
  EXPECT_EQ(view().waiting, 0);
}

TEST_P(EventsOutboxWebhooks, FilterByKindAndScope) {
  const auto ada = spawn("ada");
  spawn("bob");
  ASSERT_TRUE(add({"AgentStateChanged"}, {"agent:" + ada}));
  for (const auto* name : {"ada", "bob"}) {
    const auto agent = world_.await(all_agents(world_.store)).value();
    for (const auto& one : agent) {
      if (one.name != name) continue;
      ASSERT_TRUE(world_.commit(
          {fact::AgentStateChanged{one.id, AgentState::idle, AgentState::paused, ""}}));
    }
  }
  spawn("eve");
  world_.quiet();
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_TRUE(requests_[0].body.contains(ada));
}

TEST_P(EventsOutboxWebhooks, TellEveryEventWhereNothingIsNamed) {
  ASSERT_TRUE(add({}));
  spawn("ada");
  EXPECT_THAT(told(), ElementsAre("WebhookAdded", "ada"));
}

TEST_P(EventsOutboxWebhooks, BeginBehindACursor) {
  spawn("ada");
  const auto cursor = world_.log.cursor(world_.log.head()).str();
  spawn("bob");
  api::WebhookRequest request;
  request.url = "https://example.org/";
  request.kinds = {"AgentSpawned"};
  request.after = cursor;
  ASSERT_TRUE(world_.await(webhooks_->add(Caller(), request)));
  world_.quiet();
  EXPECT_THAT(told(), ElementsAre("bob"));
  request.after = "nonsense";
  EXPECT_EQ(code_of(world_.await(webhooks_->add(Caller(), request))), Errc::invalid_argument);
}

TEST_P(EventsOutboxWebhooks, GoOnWhereTheyWereAfterARestart) {
  ASSERT_TRUE(add());
  spawn("ada");
  stop();
  spawn("bob");
  spawn("eve");
  start();
  EXPECT_THAT(told(), UnorderedElementsAre("ada", "bob", "eve"));  // several at a time
}

/// Ended between the claim and the answer: told again, by the same id.
TEST_P(EventsOutboxWebhooks, AreToldAgainByTheSameIdWhenTheAnswerWasLost) {
  ASSERT_TRUE(add());
  silent_ = true;
  spawn("ada");
  ASSERT_EQ(requests_.size(), 1u);
  world_.store.down = true;  // nothing can be given back any more
  stop();
  world_.store.down = false;
  silent_ = false;
  start();
  ASSERT_EQ(requests_.size(), 2u);
  EXPECT_EQ(id_of(requests_[0]), id_of(requests_[1]));
  EXPECT_EQ(view().delivered, 1);
}

/// Commits of which nobody is told whether they happened: the one that enqueues and moves on, the
/// claim, the ack. Nothing is missed, and nothing becomes two deliveries.
TEST_P(EventsOutboxWebhooks, LostAnswersOfTheStoreMissNothingAndDoubleNothing) {
  ASSERT_TRUE(add());
  std::set<std::string> ids;
  for (unsigned which = 0; which < 16; ++which) {
    stop();
    spawn("agent" + std::to_string(which));
    for (unsigned bit = 1; bit <= 8; bit *= 2) {
      world_.store.next.push_back({Errc::unknown_outcome, (which & bit) != 0});
    }
    start();
    pass(5min, 5s);
    for (const auto& request : requests_) ids.insert(id_of(request));
    ASSERT_EQ(ids.size(), which + 1) << which;
    ASSERT_EQ(view().delivered, which + 1) << which;
    ASSERT_EQ(view().waiting, 0) << which;
    ASSERT_TRUE(world_.store.next.empty()) << which;
  }
}

TEST_P(EventsOutboxWebhooks, RetryAndThenDeadLetter) {
  const auto id = add().value().webhook.id.str();
  for (int i = 0; i < 15; ++i) will_answer(500);
  spawn("ada");
  EXPECT_EQ(requests_.size(), 1u);
  pass(1s, 50ms);
  EXPECT_EQ(requests_.size(), 2u);
  pass(4h, 10s);
  EXPECT_EQ(requests_.size(), 15u);
  const auto letters = dead(id);
  ASSERT_EQ(letters.dead.size(), 1u);
  EXPECT_EQ(letters.dead[0].id, id_of(requests_[0]));
  EXPECT_EQ(letters.dead[0].attempts, 15);
  EXPECT_TRUE(letters.dead[0].error.contains("500"));
  EXPECT_EQ(view().dead, 1);

  EXPECT_EQ(world_.await(webhooks_->settle_dead(Caller(), id, Webhooks::Dead::retry, {}))->number,
            1);
  world_.quiet();
  EXPECT_EQ(requests_.size(), 16u);
  EXPECT_EQ(view().delivered, 1);
  EXPECT_EQ(world_.await(webhooks_->settle_dead(Caller(), id, Webhooks::Dead::retry, {}))->number,
            0);
}

TEST_P(EventsOutboxWebhooks, DeadLettersCanBeDiscarded) {
  const auto id = add().value().webhook.id.str();
  for (int i = 0; i < 15; ++i) will_answer(500);
  spawn("ada");
  pass(4h, 30s);
  const auto letter = dead(id).dead.at(0).id;
  const auto discard = [&](std::vector<std::string> which) {
    return world_.await(webhooks_->settle_dead(Caller(), id, Webhooks::Dead::discard, which))
        ->number;
  };
  EXPECT_EQ(discard({"another"}), 0);
  EXPECT_EQ(discard({letter}), 1);
  EXPECT_THAT(dead(id).dead, IsEmpty());
}

TEST_P(EventsOutboxWebhooks, ABusyReceiverIsLeftAloneForAsLongAsItAsks) {
  ASSERT_TRUE(add());
  will_answer(429, {{"retry-after", "100"}});
  spawn("ada");
  spawn("bob");
  EXPECT_THAT(told(), ElementsAre("ada"));
  pass(99s, 1s);
  EXPECT_THAT(told(), ElementsAre("ada"));
  pass(2s);
  EXPECT_THAT(told(), UnorderedElementsAre("ada", "ada", "bob"));
}

TEST_P(EventsOutboxWebhooks, AReceiverThatIsGoneDisablesUntilSomebodyEnables) {
  const auto id = add().value().webhook.id.str();
  will_answer(410);
  spawn("ada");
  EXPECT_EQ(world_.count("WebhookDisabled"), 1u);
  EXPECT_EQ(view().webhook.state, WebhookState::disabled);
  EXPECT_TRUE(view().webhook.reason.contains("410"));
  spawn("bob");
  pass(1h, 10min);
  EXPECT_THAT(told(), ElementsAre("ada"));
  ASSERT_TRUE(world_.await(webhooks_->enable(Caller(), id)));
  world_.quiet();
  EXPECT_THAT(told(), ElementsAre("ada", "bob"));  // nothing in between is lost
  EXPECT_EQ(dead(id).dead.size(), 1u);
}

TEST_P(EventsOutboxWebhooks, RemovingForgetsEverything) {
  const auto made = add().value();
  const auto id = made.webhook.id;
  silent_ = true;
  spawn("ada");
  EXPECT_EQ(view().waiting, 1);
  ASSERT_TRUE(world_.await(webhooks_->remove(Caller(), id.short_str())));
  world_.quiet();
  silent_ = false;
  spawn("bob");
  pass(1h, 10min);
  EXPECT_THAT(told(), ElementsAre("ada"));
  EXPECT_THAT(world_.await(webhooks_->list(Caller())).value(), IsEmpty());
  EXPECT_EQ(code_of(world_.await(webhooks_->enable(Caller(), id.str()))), Errc::not_found);
  for (const auto* kind : {"_webhook", "_webhook_place", "_outbox", "_outbox_payload"}) {
    EXPECT_EQ(world_.await(world_.store.count(kind, "")).value(), 0u) << kind;
  }
  EXPECT_EQ(world_.get<Webhook>(id).state, WebhookState::removed);
}

/// The daemon ended between the removal and the forgetting.
TEST_P(EventsOutboxWebhooks, WhatWasLeftOfARemovalIsForgottenAtTheStart) {
  const auto id = add().value().webhook.id;
  stop();
  ASSERT_TRUE(world_.commit({fact::WebhookRemoved{id}}));
  start();
  EXPECT_EQ(world_.await(world_.store.count("_webhook", "")).value(), 0u);
}

TEST_P(EventsOutboxWebhooks, TheSecretAndTheUrlAreInNoEventAndNoDocument) {
  const auto made = add({}).value();
  will_answer(500);
  spawn("ada");
  pass(1s);
  ASSERT_TRUE(made.secret);
  EXPECT_FALSE(view().secret);
  EXPECT_EQ(view().url, "https://example.org/hook?token=sesame");
  const auto holds = [&](const std::string& text) {
    return text.contains("sesame") || text.contains(made.secret->substr(6));
  };
  for (const auto& event : world_.events()) EXPECT_FALSE(holds(event_json(*event))) << event->kind;
  EXPECT_FALSE(holds(write_json_of(world_.get<Webhook>(made.webhook.id))));
}

TEST_P(EventsOutboxWebhooks, ARepeatedRequestIsAnsweredAsTheFirst) {
  Caller caller;
  caller.key = store::IdempotencyKey{"supervisor", "key", "digest"};
  api::WebhookRequest request;
  request.url = "https://example.org/";
  const auto first = world_.await(webhooks_->add(caller, request)).value();
  const auto again = world_.await(webhooks_->add(caller, request)).value();
  EXPECT_EQ(first.webhook.id, again.webhook.id);
  EXPECT_EQ(first.secret, again.secret);
  EXPECT_EQ(world_.await(webhooks_->list(Caller()))->size(), 1u);
  caller.key->key = "another";
  const auto id = first.webhook.id.str();
  EXPECT_TRUE(world_.await(webhooks_->remove(caller, id)));
  world_.quiet();
  EXPECT_EQ(world_.await(webhooks_->remove(caller, id))->id, first.webhook.id);
}

TEST_P(EventsOutboxWebhooks, RefuseWhatCannotBeTold) {
  const auto refused = [&](auto&& change) {
    api::WebhookRequest request;
    request.url = "https://example.org/";
    change(request);
    return code_of(world_.await(webhooks_->add(Caller(), request)));
  };
  using R = api::WebhookRequest;
  EXPECT_EQ(refused([](R& r) { r.url = "http://example.org/"; }), Errc::invalid_argument);
  EXPECT_EQ(refused([](R& r) { r.url = "nonsense"; }), Errc::invalid_argument);
  EXPECT_EQ(refused([](R& r) { r.secret = "short"; }), Errc::invalid_argument);
  EXPECT_EQ(refused([](R& r) { r.kinds = {""}; }), Errc::invalid_argument);
  EXPECT_EQ(refused([](R& r) { r.kinds.assign(limits::kFilterTerms + 1, "K"); }),
            Errc::invalid_argument);
  EXPECT_EQ(refused([](R& r) { r.scopes = {"agent:nobody"}; }), Errc::not_found);
  EXPECT_EQ(refused([](R& r) { r.scopes = {"nonsense"}; }), Errc::invalid_argument);
  EXPECT_EQ(world_.count("WebhookAdded"), 0u);
}

TEST_P(EventsOutboxWebhooks, ATownHasALimitOfThem) {
  for (std::size_t i = 0; i < limits::kWebhooks; ++i) ASSERT_TRUE(add({"Nothing"}));
  EXPECT_EQ(code_of(add()), Errc::conflict);
}

TEST_P(EventsOutboxWebhooks, AnAgentIsDeniedAllOfIt) {
  const auto id = add().value().webhook.id.str();
  Caller caller;
  caller.agent = AgentId(world_.env.uuid4());
  api::WebhookRequest request;
  request.url = "https://example.org/";
  EXPECT_EQ(code_of(world_.await(webhooks_->add(caller, request))), Errc::denied);
  EXPECT_EQ(code_of(world_.await(webhooks_->list(caller))), Errc::denied);
  EXPECT_EQ(code_of(world_.await(webhooks_->enable(caller, id))), Errc::denied);
  EXPECT_EQ(code_of(world_.await(webhooks_->remove(caller, id))), Errc::denied);
  EXPECT_EQ(code_of(world_.await(webhooks_->test(caller, id))), Errc::denied);
  EXPECT_EQ(code_of(world_.await(webhooks_->dead(caller, id, 0, 1))), Errc::denied);
  EXPECT_EQ(code_of(world_.await(webhooks_->settle_dead(caller, id, Webhooks::Dead::retry, {}))),
            Errc::denied);
}

TEST_P(EventsOutboxWebhooks, ATestIsSentAtOnceAndToldOf) {
  const auto made = add().value();
  const auto id = made.webhook.id.str();
  auto result = world_.await(webhooks_->test(Caller(), id)).value();
  EXPECT_EQ(result.status, 204);
  EXPECT_EQ(result.error, "");
  ASSERT_THAT(told(), ElementsAre("WebhookTest"));
  EXPECT_EQ(net::header(requests_[0].headers, "webhook-signature"),
            sign_webhook(*made.secret, id_of(requests_[0]), world_.env.now(), requests_[0].body));
  will_answer(404);
  result = world_.await(webhooks_->test(Caller(), id)).value();
  EXPECT_EQ(result.status, 404);
  EXPECT_TRUE(result.error.contains("404"));
  EXPECT_EQ(view().waiting + view().dead, 0);
  EXPECT_EQ(code_of(world_.await(webhooks_->test(Caller(), "ffff"))), Errc::not_found);
}

/// The log has what comes behind; the outbox need not.
TEST_P(EventsOutboxWebhooks, ABacklogWaitsInTheLog) {
  if (GetParam() == Backend::sqlite) GTEST_SKIP() << "the same code, slowly";
  silent_ = true;
  ASSERT_TRUE(add({"Many"}));
  const auto number = limits::kWebhookBacklog + 500;
  for (std::size_t made = 0; made < number; made += 500) {
    store::Commit commit;
    for (int i = 0; i < 500; ++i) commit.events.push_back(store::make_event(world_.env, "Many"));
    ASSERT_TRUE(world_.await(world_.store.commit(std::move(commit))));
  }
  world_.quiet();
  const auto waiting = static_cast<std::size_t>(view().waiting);
  EXPECT_GE(waiting, limits::kWebhookBacklog);
  EXPECT_LT(waiting, number);
  EXPECT_EQ(static_cast<std::size_t>(view().behind), number - waiting);
}

/// As if retention had removed the beginning of the log.
class TrimmedStore final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Position oldest{1};

  Async<Result<store::EventPage>> read(Position after, store::EventFilter filter,
                                       std::size_t limit) override {
    if (reeve::next(after) < oldest) co_return fail(Errc::cursor_expired, "the test says so");
    co_return co_await inner_->read(after, std::move(filter), limit);
  }
  [[nodiscard]] store::LogInfo log() const override {
    auto info = inner_->log();
    info.oldest = oldest;
    return info;
  }
};

TEST(EventsOutboxWebhooksAndRetention, WhatIsGoneIsSkippedAndThatIsSaid) {
  boost::asio::io_context loop;
  run::testing::SimEnv env(loop);
  TrimmedStore store(store::make_memory(env, loop.get_executor()));
  {
    log::Log log(env, loop.get_executor(), store, log::Log::Options{.tail_events = 0});
    const Ground ground{env, log, "oak", "claude"};
    std::vector<std::string> told;
    const auto send = [&](net::OutgoingRequest request) -> Async<Result<net::Response>> {
      told.push_back(request.body);
      net::Response answer;
      answer.status = 200;
      co_return answer;
    };
    Webhooks webhooks(ground, loop.get_executor(), send, Webhooks::Options());
    api::WebhookRequest request;
    request.url = "https://example.org/";
    request.kinds = {"Many", "WebhookSkipped"};
    ASSERT_TRUE(aio::run(loop, webhooks.add(Caller(), request)));
    store::Commit commit;
    for (int i = 2; i <= 6; ++i) commit.events.push_back(store::make_event(env, "Many"));
    ASSERT_TRUE(aio::run(loop, store.commit(std::move(commit))));
    store.oldest = {5};
    ASSERT_TRUE(aio::run(loop, webhooks.start()));
    loop.restart();
    while (loop.poll_one() > 0) {
    }
    aio::run(loop, webhooks.close());
    ASSERT_EQ(told.size(), 3u);
    EXPECT_TRUE(told[0].starts_with(R"({"position":5,)")) << told[0];
    EXPECT_TRUE(told[1].starts_with(R"({"position":6,)")) << told[1];
    const auto skipped = parse_json(told[2]).value();
    EXPECT_EQ(skipped.at("kind"), "WebhookSkipped");
    EXPECT_EQ(skipped.at("payload").at("from"), 1);
    EXPECT_EQ(skipped.at("payload").at("to"), 4);
  }
  aio::run(loop, store.close());
}

}  // namespace
}  // namespace reeve::town
