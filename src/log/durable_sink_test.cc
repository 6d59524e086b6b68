// What becomes of a run's events between its driver and the log.

#include "log/durable_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/limits.h"
#include "event/testing.h"
#include "log/append.h"
#include "log/testing.h"

namespace reeve::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A log over a memory store, a sink that writes to it, and what it publishes.
class EventsSink : public ::testing::Test {
 protected:
  ~EventsSink() override {
    log_.reset();
    aio::run(loop_, store_->close());
  }

  SinkOptions options(Durability durability = Durability::compacted) {
    SinkOptions made;
    made.context = a_context();
    made.durability = durability;
    made.live = [this](Delta delta) { live_.push_back(std::move(delta)); };
    return made;
  }
  DurableSink sink(Durability durability = Durability::compacted) {
    return DurableSink(env_, *log_, options(durability));
  }
  template <class T>
  T run(Async<T> work) {
    return aio::run(loop_, std::move(work));
  }
  Result<store::Committed> append_all(DurableSink& sink, AppendOptions how = {}) {
    return run(append(*store_, sink, std::move(how)));
  }
  std::vector<EventPtr> in_store() { return run(store_->read({}, {}, 1000)).value().events; }

  static std::vector<std::string> kinds_of(const std::vector<NewEvent>& events) {
    std::vector<std::string> kinds;
    for (const auto& event : events) kinds.push_back(event.kind);
    return kinds;
  }
  static std::vector<std::string> kinds_of(const std::vector<EventPtr>& events) {
    std::vector<std::string> kinds;
    for (const auto& event : events) kinds.push_back(event->kind);
    return kinds;
  }
  static std::vector<std::string> kinds_of(DurableSink& sink) {
    return kinds_of(sink.staged().events);
  }
  static json::object payload_of(const NewEvent& event) {
    return parse_json(event.payload)->as_object();
  }
  static AgentEvent text(std::string delta) { return TextDelta{.delta = std::move(delta)}; }
  static AgentEvent message(std::string text) { return AssistantMessage{.text = std::move(text)}; }
  static AgentEvent finished(Ending ending = Ending::completed) {
    return RunFinished{.ending = ending};
  }

  boost::asio::io_context loop_;
  MovableEnv env_{loop_};
  std::unique_ptr<store::Store> store_ = store::make_memory(env_, loop_.get_executor());
  std::unique_ptr<Log> log_ = std::make_unique<Log>(env_, loop_.get_executor(), *store_);
  std::vector<Delta> live_;
};

// --- Modes ---------------------------------------------------------------------------------------

// awaken shows a frame before it is kept; here whoever follows sees a fact behind its commit (G3).
TEST_F(EventsSink, CompactedModeStagesCommittedEventAndForwardsLiveFrame) {
  auto options = this->options();
  options.live = nullptr;
  SubscribeOptions follow;
  follow.deltas = true;
  const auto subscription = log_->subscribe(follow);
  DurableSink sink(env_, *log_, std::move(options));
  ASSERT_TRUE(sink.emit(text("hi")));
  ASSERT_TRUE(sink.emit(message("hi")));
  EXPECT_THAT(kinds_of(sink), ElementsAre("AssistantMessage"));
  EXPECT_EQ(sink.staged().events[0].fidelity, Fidelity::committed);
  EXPECT_THAT(told(run(subscription->next()).value()), ElementsAre("d0"));
  ASSERT_TRUE(append_all(sink));
  EXPECT_THAT(told(run(subscription->next()).value()), ElementsAre("1"));
}

TEST_F(EventsSink, CompactedModeSkipsObservedEventButForwardsLiveFrame) {
  auto sink = this->sink();
  ASSERT_TRUE(sink.emit(text("hi \"you\"\n")));
  EXPECT_TRUE(sink.empty());
  ASSERT_EQ(live_.size(), 1U);
  EXPECT_EQ(live_[0].kind, "TextDelta");
  EXPECT_EQ(live_[0].run, a_context().run);
  EXPECT_EQ(live_[0].payload, R"({"type":"TextDelta","delta":"hi \"you\"\n"})");
}

TEST_F(EventsSink, FullFidelityPersistsObservedEvent) {
  auto sink = this->sink(Durability::full_fidelity);
  ASSERT_TRUE(sink.emit(text("hi")));
  ASSERT_TRUE(sink.emit(StepEnded{}));
  ASSERT_TRUE(append_all(sink));
  EXPECT_THAT(kinds_of(in_store()), ElementsAre("TextDeltaObserved", "StepEnded"));
  EXPECT_EQ(in_store()[0]->fidelity, Fidelity::observed);
  EXPECT_EQ(live_.size(), 2U);
}

// awaken's drops everything; a run's life is kept in every mode (G7).
TEST_F(EventsSink, G7_DisabledModeOnlyForwardsInnerSinkButKeepsTheRunsLife) {
  auto sink = this->sink(Durability::disabled);
  ASSERT_TRUE(sink.emit(RunStarted{}));
  ASSERT_TRUE(sink.emit(text("hi")));
  ASSERT_TRUE(sink.emit(message("hi")));
  ASSERT_TRUE(sink.emit(PermissionDenied{.tool = "rm"}));
  ASSERT_TRUE(sink.emit(finished()));
  EXPECT_THAT(kinds_of(sink), ElementsAre("RunStarted", "PermissionDenied", "RunCompleted"));
  EXPECT_EQ(live_.size(), 1U);
}

TEST_F(EventsSink, EachModeKeepsOfEachEventWhatItsFidelitySays) {
  for (const auto mode : {Durability::disabled, Durability::compacted, Durability::full_fidelity}) {
    for (const bool watched : {false, true}) {
      for (const auto* sample : kEachEvent) {
        const auto event = event_of(sample);
        auto options = this->options(mode);
        options.watched = watched;
        live_.clear();
        DurableSink sink(env_, *log_, std::move(options));
        ASSERT_TRUE(sink.emit(event));
        const auto normal = watched ? classify_watched(event) : classify(event);
        const auto kinds = kinds_of(sink);
        EXPECT_EQ(std::ranges::count(kinds, normal.kind), keeps(mode, normal.fidelity) ? 1 : 0)
            << sample;
        EXPECT_EQ(live_.size(), normal.fidelity == Fidelity::observed ? 1U : 0U) << sample;
      }
    }
  }
}

TEST_F(EventsSink, TransientNotPersisted) {
  auto sink = this->sink();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(sink.emit(text("secretly")));
  ASSERT_TRUE(sink.emit(message("done")));
  ASSERT_TRUE(append_all(sink));
  ASSERT_EQ(in_store().size(), 1U);
  EXPECT_THAT(in_store()[0]->payload, Not(HasSubstr("secretly")));
  EXPECT_EQ(run(store_->count("_blob", "")).value(), 0U);
}

// --- Failures are seen ---------------------------------------------------------------------------

class Refusing final : public Normaliser {
  Result<Normalised> normalise(const RunContext& context, const AgentEvent& event,
                               const RunSummary& before) const override {
    if (std::holds_alternative<Notice>(event)) return fail(Errc::too_large, "what a notice");
    return standard_normaliser().normalise(context, event, before);
  }
};

// awaken's sink writes it to its own log, and nobody knows that something is missing.
TEST_F(EventsSink, NormaliserFailureForwardsLiveWithoutStagingAndIsRecordedInItsPlace) {
  const Refusing refusing;
  auto options = this->options(Durability::full_fidelity);
  options.normaliser = &refusing;
  DurableSink sink(env_, *log_, std::move(options));
  ASSERT_TRUE(sink.emit(message("a")));
  const auto refused = sink.emit(Notice{.text = "b"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::too_large);
  ASSERT_TRUE(sink.emit(text("c")));
  ASSERT_TRUE(sink.emit(finished()));
  EXPECT_THAT(kinds_of(sink), ElementsAre("AssistantMessage", "CaptureFailed", "TextDeltaObserved",
                                          "RunCompleted"));
  const auto& failed = sink.staged().events[1];
  EXPECT_EQ(failed.fidelity, Fidelity::domain);
  EXPECT_EQ(
      failed.payload,
      R"({"type":"CaptureFailed","event":"Notice","code":"too_large","error":"what a notice"})");
  EXPECT_EQ(log_->counters().capture_failures, 1U);
  EXPECT_EQ(sink.state().summary.facts, 3U) << "nothing of it was accepted";
  EXPECT_EQ(live_.size(), 1U);
}

TEST_F(EventsSink, NoModeHidesThatSomethingWasNotCaptured) {
  auto sink = this->sink(Durability::disabled);
  sink.note_failure("commit", Error(Errc::too_large, "too much"));
  EXPECT_THAT(kinds_of(sink), ElementsAre("CaptureFailed"));
}

TEST_F(EventsSink, TheRedactorComesBeforeWhateverIsKeptOrShown) {
  auto options = this->options(Durability::full_fidelity);
  options.redactor = [](std::string_view, json::object& payload) {
    for (auto& member : payload) {
      auto* text = member.value().if_string();
      if (text == nullptr) continue;
      for (auto at = text->find("sk-1"); at != json::string::npos; at = text->find("sk-1"))
        text->replace(at, 4, "***");
    }
  };
  options.blob_bytes = 64;
  DurableSink sink(env_, *log_, std::move(options));
  ASSERT_TRUE(sink.emit(text("the key is sk-1")));
  ASSERT_TRUE(sink.emit(text(", not sk")));  // in two halves
  ASSERT_TRUE(sink.emit(text("-1")));
  ASSERT_TRUE(sink.emit(message("sk-1 " + std::string(100, 'x'))));
  EXPECT_EQ(live_.at(0).payload, R"({"type":"TextDelta","delta":"the key is ***"})");
  const auto& staged = sink.staged();
  EXPECT_THAT(kinds_of(staged.events), ElementsAre("TextDeltaObserved", "AssistantMessage"));
  EXPECT_THAT(staged.events[0].payload, HasSubstr("the key is ***, not ***"));
  for (const auto& event : staged.events) EXPECT_THAT(event.payload, Not(HasSubstr("sk-1")));
  ASSERT_EQ(staged.blobs.size(), 1U);
  EXPECT_THAT(staged.blobs[0].body, Not(HasSubstr("sk-1")));
}

// --- Deltas --------------------------------------------------------------------------------------

TEST_F(EventsSink, KeptDeltasOfOneKindAreJoinedUpToALimit) {
  auto options = this->options(Durability::full_fidelity);
  options.coalesced_bytes = 8;
  DurableSink sink(env_, *log_, std::move(options));
  for (const auto* piece : {"aaaa", "bbbb", "c"}) ASSERT_TRUE(sink.emit(text(piece)));
  ASSERT_TRUE(sink.emit(ReasoningDelta{.delta = "hm"}));
  ASSERT_TRUE(sink.emit(ToolCallDelta{.id = "c1", .args_delta = "{"}));
  ASSERT_TRUE(sink.emit(ToolCallDelta{.id = "c1", .args_delta = "}"}));
  ASSERT_TRUE(sink.emit(ToolCallDelta{.id = "c2", .args_delta = "{}"}));
  ASSERT_TRUE(sink.emit(ToolCallReady{.id = "c1"}));
  ASSERT_TRUE(sink.emit(text("d")));
  std::vector<std::string> told;
  for (const auto& event : sink.staged().events) {
    const auto payload = payload_of(event);
    const auto* deltas = payload.if_contains("deltas");
    const auto* words = payload.if_contains("delta");
    if (words == nullptr) words = payload.if_contains("args_delta");
    told.push_back(event.kind.substr(0, 9) + (words == nullptr ? "" : " " + write_json(*words)) +
                   (deltas == nullptr ? "" : " " + write_json(*deltas)));
  }
  EXPECT_THAT(told, ElementsAre(R"(TextDelta "aaaabbbb" {"epoch":1,"from":0,"to":1})",
                                R"(TextDelta "c" {"epoch":1,"from":2,"to":2})",
                                R"(Reasoning "hm" {"epoch":1,"from":3,"to":3})",
                                R"(ToolCallD "{}" {"epoch":1,"from":4,"to":5})",
                                R"(ToolCallD "{}" {"epoch":1,"from":6,"to":6})", "ToolCallR",
                                R"(TextDelta "d" {"epoch":1,"from":7,"to":7})"));
  EXPECT_EQ(live_.size(), 8U) << "live they come one by one";
}

TEST_F(EventsSink, WhatIsOpenAtTheEndIsFlushed) {
  auto sink = this->sink(Durability::full_fidelity);
  ASSERT_TRUE(sink.emit(text("half")));
  EXPECT_FALSE(sink.empty());
  ASSERT_TRUE(append_all(sink));
  EXPECT_TRUE(sink.empty());
  EXPECT_THAT(kinds_of(in_store()), ElementsAre("TextDeltaObserved"));
}

TEST_F(EventsSink, AMessageSupersedesTheDeltasThatLedToIt) {
  auto sink = this->sink();
  const auto superseded = [&]() -> std::string {
    EXPECT_TRUE(sink.emit(message("x")));
    const auto payload = payload_of(sink.staged().events.back());
    const auto* by = payload.if_contains("supersedes");
    return by == nullptr ? "" : write_json(*by);
  };
  EXPECT_EQ(superseded(), "");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(sink.emit(text("x")));
  EXPECT_EQ(superseded(), R"({"epoch":1,"from":0,"to":2})");
  sink.set_epoch(2);
  ASSERT_TRUE(sink.emit(text("y"), 40));  // its driver counts
  ASSERT_TRUE(sink.emit(text("y"), 41));
  EXPECT_EQ(superseded(), R"({"epoch":2,"from":40,"to":41})");
  EXPECT_EQ(live_.back().epoch, 2U);
  EXPECT_EQ(live_.back().number, 41U);
}

// --- Large contents ------------------------------------------------------------------------------

TEST_F(EventsSink, ALargeTextIsKeptOnceByTheHashOfItsContent) {
  auto sink = this->sink();
  const std::string large(40'000, 'x');
  ToolCallDone done{.id = "c1"};
  done.result = json::object{{"files", json::object{{"a/b", large}}}};
  ASSERT_TRUE(sink.emit(done));
  ASSERT_TRUE(sink.emit(message(large)));
  ASSERT_TRUE(sink.emit(message("small")));
  const auto& staged = sink.staged();
  const auto hash = sha256_hex(large);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_LT(staged.events[i].payload.size(), 2'000U);
    const auto payload = payload_of(staged.events[i]);
    ASSERT_EQ(payload.at("blobs").as_array().size(), 1U);
    EXPECT_EQ(write_json(payload.at("blobs").as_array()[0]),
              R"({"at":")" + std::string(i == 0 ? "/result/files/a~1b" : "/text") +
                  R"(","sha256":")" + hash + R"(","bytes":40000})");
  }
  EXPECT_FALSE(payload_of(staged.events[2]).contains("blobs"));
  ASSERT_TRUE(append_all(sink));
  EXPECT_EQ(run(store_->count(kBlobKind, "")).value(), 1U);
  const auto blob = run(store_->get({kBlobKind, hash})).value();
  ASSERT_TRUE(blob);
  EXPECT_EQ(parse_json(blob->body)->at("text"), json::value(large));
  EXPECT_EQ(run(store_->count(kBlobKind, blob_mark(env_.now()))).value(), 1U);
}

TEST_F(EventsSink, WhatNoStoreTakesShowsHowItBegins) {
  auto sink = this->sink();
  ASSERT_TRUE(sink.emit(message("begin" + std::string(limits::kDocument, 'x'))));
  ASSERT_TRUE(append_all(sink));
  const auto payload = payload_of(*in_store().at(0));
  EXPECT_EQ(payload.at("type"), json::value("AssistantMessage"));
  EXPECT_GT(payload.at("too_large_bytes").to_number<std::size_t>(), limits::kDocument);
  EXPECT_THAT(std::string(payload.at("begins").as_string()), HasSubstr("begin"));
}

// --- Between two commits -------------------------------------------------------------------------

TEST_F(EventsSink, EmptyIsEmpty) {
  auto sink = this->sink();
  EXPECT_TRUE(sink.empty());
  EXPECT_THAT(sink.staged().events, IsEmpty());
  EXPECT_THAT(sink.staged().blobs, IsEmpty());
  EXPECT_FALSE(sink.full());
}

TEST_F(EventsSink, StageAndDrainPreserveOrder) {
  auto sink = this->sink();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(sink.emit(message(std::to_string(i))));
  for (int look = 0; look < 2; ++look) {
    std::string order;
    for (const auto& event : sink.staged().events)
      order += std::string_view(payload_of(event).at("text").as_string());
    EXPECT_EQ(order, "01234") << "the same until it is committed";
  }
}

TEST_F(EventsSink, DrainEmptiesBufferEvenOnRepeat) {
  auto sink = this->sink();
  ASSERT_TRUE(sink.emit(message("a")));
  sink.staged();
  sink.committed();
  EXPECT_TRUE(sink.empty());
  sink.committed();
  EXPECT_TRUE(sink.empty());
  ASSERT_TRUE(sink.emit(message("b")));
  EXPECT_EQ(sink.staged().events.size(), 1U);
  sink.discard();
  EXPECT_TRUE(sink.empty());
}

TEST_F(EventsSink, WhatComesWhileACommitIsUnderWayIsHeld) {
  auto sink = this->sink(Durability::full_fidelity);
  ASSERT_TRUE(sink.emit(message(std::string(40'000, 'a'))));
  sink.staged();
  ASSERT_TRUE(sink.emit(message(std::string(40'000, 'b'))));
  ASSERT_TRUE(sink.emit(text("c")));
  sink.committed();
  EXPECT_FALSE(sink.empty());
  const auto& staged = sink.staged();
  EXPECT_THAT(kinds_of(staged.events), ElementsAre("AssistantMessage", "TextDeltaObserved"));
  ASSERT_EQ(staged.blobs.size(), 1U);
  EXPECT_THAT(staged.blobs[0].body, HasSubstr("bbb"));
  sink.committed();
  EXPECT_TRUE(sink.empty());
}

TEST_F(EventsSink, ItAsksForACommitBeforeItHoldsTooMuch) {
  auto options = this->options();
  options.staged_events = 3;
  options.staged_bytes = 100'000;
  DurableSink sink(env_, *log_, std::move(options));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(sink.emit(message("x")));
  EXPECT_FALSE(sink.full());
  ASSERT_TRUE(sink.emit(message("x")));
  EXPECT_TRUE(sink.full());
  sink.staged();
  sink.committed();
  EXPECT_FALSE(sink.full());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(sink.emit(message(std::string(60'000, 'x'))));
  EXPECT_TRUE(sink.full()) << "what is put away counts";
  sink.staged();
  sink.committed();
  EXPECT_FALSE(sink.full());
}

TEST_F(EventsSink, WhateverItTellsIsAboutItsRunAndItsThread) {
  auto sink = this->sink(Durability::full_fidelity);
  ASSERT_TRUE(sink.emit(text("a")));
  sink.note_failure("commit", Error(Errc::too_large, "too much"));
  ASSERT_TRUE(sink.emit(message("a")));
  const std::vector about{Scope::of(a_context().run), Scope::of(a_context().thread)};
  EXPECT_EQ(*live_.at(0).scopes, about);
  ASSERT_EQ(sink.staged().events.size(), 3U);
  for (const auto& event : sink.staged().events) EXPECT_EQ(event.scopes, about) << event.kind;
}

TEST_F(EventsSink, ValidateAcceptsMatchingScopeOnly) {
  auto options = this->options();
  const auto agent = Scope::parse("agent:0190a5b0-1c2d-7e3f-8a4b-0000000000aa").value();
  options.context.scopes = {agent};
  DurableSink sink(env_, *log_, std::move(options));
  ASSERT_TRUE(sink.emit(message("x")));
  EXPECT_THAT(sink.staged().events[0].scopes,
              ElementsAre(agent, Scope::of(a_context().run), Scope::of(a_context().thread)));
  // What another run started is not this one's to tell.
  RunStarted other;
  other.run = RunId(env_.uuid4());
  EXPECT_EQ(sink.emit(other).error().code(), Errc::invalid_argument);
  RunStarted elsewhere;
  elsewhere.thread = ThreadId(env_.uuid4());
  EXPECT_EQ(sink.emit(elsewhere).error().code(), Errc::invalid_argument);
  EXPECT_THAT(kinds_of(sink), ElementsAre("AssistantMessage", "CaptureFailed", "CaptureFailed"));
}

// --- A run that is taken up again ----------------------------------------------------------------

TEST_F(EventsSink, NormaliserDedupPreservedInTheNextProcess) {
  auto first = this->sink();
  ASSERT_TRUE(first.emit(RunStarted{}));
  ASSERT_TRUE(first.emit(text("x")));
  const auto saved = parse_json_as<SinkState>(write_json_of(first.state()));
  ASSERT_TRUE(saved);
  DurableSink next(env_, *log_, options(), *saved);
  ASSERT_TRUE(next.emit(RunStarted{}));
  ASSERT_TRUE(next.emit(text("y")));
  EXPECT_EQ(live_.back().number, 1U);
  ASSERT_TRUE(next.emit(finished()));
  ASSERT_TRUE(next.emit(finished(Ending::error)));
  EXPECT_THAT(kinds_of(next), ElementsAre("RunResumed", "RunCompleted"));
  DurableSink last(env_, *log_, options(), next.state());
  ASSERT_TRUE(last.emit(finished()));
  EXPECT_TRUE(last.empty());
}

// awaken expects that what was staged is lost with its process. Here it is, too; but the state that
// was committed with the rest says where to go on, so its driver tells it again, once.
TEST_F(EventsSink, PhaseCrashReplay) {
  const std::vector<AgentEvent> script{RunStarted{}, text("a"),    message("a"), text("b"),
                                       message("b"), message("c"), finished()};
  for (std::size_t crash = 0; crash <= script.size(); ++crash) {
    for (std::size_t flushed = 0; flushed <= crash; ++flushed) {
      const auto before = in_store().size();
      SinkState state;
      std::size_t from = 0;
      {
        auto sink = this->sink(Durability::full_fidelity);
        for (std::size_t i = 0; i < crash; ++i) {
          if (i == flushed) {
            state = sink.state();
            from = i;
            ASSERT_TRUE(append_all(sink));
          }
          ASSERT_TRUE(sink.emit(script[i]));
        }
      }
      DurableSink next(env_, *log_, options(Durability::full_fidelity), state);
      for (std::size_t i = from; i < script.size(); ++i) ASSERT_TRUE(next.emit(script[i]));
      ASSERT_TRUE(append_all(next));
      auto kinds = kinds_of(in_store());
      kinds.erase(kinds.begin(), kinds.begin() + static_cast<std::ptrdiff_t>(before));
      EXPECT_THAT(kinds, ElementsAre("RunStarted", "TextDeltaObserved", "AssistantMessage",
                                     "TextDeltaObserved", "AssistantMessage", "AssistantMessage",
                                     "RunCompleted"))
          << crash << " " << flushed;
      EXPECT_THAT(in_store().at(before + 3)->payload, HasSubstr(R"("from":1,"to":1)"));
    }
  }
}

}  // namespace
}  // namespace reeve::log
