#include "event/normaliser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "event/testing.h"

// Counts what this program allocates, where no sanitizer does its own counting.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define REEVE_COUNTS_ALLOCATIONS 1
namespace {
thread_local std::size_t allocations = 0;
}
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;  // NOLINT
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }               // NOLINT
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }  // NOLINT
#endif

namespace reeve {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A run that is told event after event; what it gives is accepted each time.
class ToldRun {
 public:
  explicit ToldRun(RunContext context = a_context()) : context_(std::move(context)) {}

  std::vector<NormalFact> tell(const AgentEvent& event) {
    auto made = standard_normaliser().normalise(context_, event, summary);
    EXPECT_TRUE(made) << made.error().message();
    if (!made) return {};
    if (made->after) summary = *made->after;
    return std::move(made->facts);
  }
  std::vector<std::string> kinds(const AgentEvent& event) {
    std::vector<std::string> kinds;
    for (const auto& fact : tell(event)) kinds.push_back(fact.kind);
    return kinds;
  }

  RunSummary summary;

 private:
  RunContext context_;
};

RunFinished finished(Ending ending, std::string code = {}) {
  RunFinished event;
  event.ending = ending;
  event.code = std::move(code);
  return event;
}

ToolCallDone failed_with(json::object metadata) {
  ToolCallDone done;
  done.id = "c1";
  done.outcome = ToolOutcome::failed;
  done.metadata = std::move(metadata);
  return done;
}

ToolCallDone suspended() {
  ToolCallDone done;
  done.id = "c1";
  done.name = "rm";
  done.outcome = ToolOutcome::suspended;
  done.result = std::string(1000, 'x');
  auto& ticket = done.suspension.emplace();
  ticket.id = "s1";
  ticket.action = "tool:rm";
  ticket.message = "may I?";
  ticket.pending = {.id = "c1", .name = "rm", .arguments = {{"path", "."}}};
  return done;
}

std::string text(const NormalFact& fact, std::string_view member) {
  return write_json(fact.payload.at(member));
}

// --- The table ------------------------------------------------------------------------------

TEST(EventsNormaliser, MapsEachTypeToItsKindAndFidelity) {
  std::vector<std::string> rows;
  for (const auto* sample : kEachEvent) {
    const auto event = event_of(sample);
    const auto normal = classify(event);
    rows.push_back(std::string(type_name(event)) + " " + std::string(normal.kind) + " " +
                   std::string(enum_name(normal.fidelity)));
  }
  EXPECT_THAT(
      rows,
      ElementsAre(
          "RunStarted RunStarted domain",
          "RunFinished RunFailed domain",  // the sample was stopped
          "SessionStarted SessionObserved observed", "StepStarted StepStarted observed",
          "StepEnded StepEnded observed", "ContextBuilt ContextBuilt observed",
          "ModelStarted ModelStarted observed", "InferenceComplete InferenceComplete committed",
          "TextDelta TextDeltaObserved observed", "ReasoningDelta ReasoningDeltaObserved observed",
          "ReasoningEncrypted ReasoningEncryptedValueObserved observed",
          "ToolCallStarted ToolCallStarted observed",
          "ToolCallDelta ToolCallDeltaObserved observed", "ToolCallReady ToolCallReady committed",
          "ToolExecutionStarted ToolExecutionStarted observed",
          "ToolOutputDelta ToolCallStreamDeltaObserved observed",
          "ToolCallDone ToolCallSuspended domain",  // the sample waits
          "ToolCallResumed ToolCallResumed control", "ToolCallCancelled ToolCallCancelled domain",
          "PermissionDenied PermissionDenied domain", "StreamReset StreamReset committed",
          "AssistantMessage AssistantMessage committed", "ToolMessage ToolMessage committed",
          "UsageRecorded UsageRecorded committed", "CacheMetrics CacheMetrics observed",
          "MessagesSnapshot MessagesSnapshotObserved observed",
          "ActivitySnapshot ActivitySnapshotObserved observed",
          "ActivityDelta ActivityDeltaObserved observed",
          "StateSnapshot StateSnapshotObserved observed", "StateDelta StateDeltaObserved observed",
          "RateLimited RateLimited domain", "DoomLoopDetected DoomLoopDetected domain",
          "CompactionCircuitOpened CompactionCircuitOpened domain",
          "ErrorRaised ErrorRecorded committed", "Notice Notice committed",
          "RawLine RawLine committed", "UnknownEvent UnknownEvent committed"));
}

TEST(EventsNormaliser, FactsSayWhatClassifySays) {
  for (const auto* sample : kEachEvent) {
    const auto event = event_of(sample);
    ToldRun run;
    const auto facts = run.tell(event);
    ASSERT_FALSE(facts.empty()) << sample;
    EXPECT_EQ(facts[0].kind, classify(event).kind);
    EXPECT_EQ(facts[0].fidelity, classify(event).fidelity);
    EXPECT_EQ(facts[0].visibility, Visibility::public_);
    EXPECT_EQ(run.summary.facts, facts.size());
  }
}

TEST(EventsNormaliser, PayloadIsTheWholeEvent) {
  for (const auto* sample : kEachEvent) {
    const auto event = event_of(sample);
    if (std::holds_alternative<RunFinished>(event)) continue;  // has its code beside it
    EXPECT_EQ(write_json(ToldRun().tell(event).front().payload), write_json(to_json(event)));
  }
}

TEST(EventsNormaliser, AStrangersEventIsNotKeptUnderANameOfItsChoice) {
  const auto event = event_of(R"({"type":"RunCompleted","run":"x"})");
  EXPECT_THAT(ToldRun().kinds(event), ElementsAre("UnknownEvent"));
}

#ifdef REEVE_COUNTS_ALLOCATIONS
TEST(EventsNormaliser, ClassifyingAllocatesNothing) {
  for (const auto* sample : kEachEvent) {
    const auto event = event_of(sample);
    const auto before = allocations;
    static_cast<void>(classify(event));
    static_cast<void>(classify_watched(event));
    static_cast<void>(may_keep(Durability::compacted, event));
    EXPECT_EQ(allocations, before) << sample;
  }
}
#endif

TEST(EventsNormaliser, ADriverThatOnlyWatchesObservesTheRunsLife) {
  EXPECT_EQ(classify_watched(RunStarted{}).kind, "RunStartObserved");
  EXPECT_EQ(classify_watched(RunFinished{}).kind, "RunFinishObserved");
  EXPECT_EQ(classify_watched(RunFinished{}).fidelity, Fidelity::observed);
  EXPECT_EQ(classify_watched(AssistantMessage{}).kind, "AssistantMessage");
}

TEST(EventsNormaliser, EveryDeltaIsObserved) {
  for (const AgentEvent& event : {AgentEvent(TextDelta{}), AgentEvent(ReasoningDelta{}),
                                  AgentEvent(ToolCallDelta{}), AgentEvent(ToolOutputDelta{})}) {
    EXPECT_EQ(classify(event).fidelity, Fidelity::observed) << type_name(event);
  }
}

TEST(EventsNormaliser, G7_NoModeFiltersFactsOfALifeCycle) {
  for (const auto mode : {Durability::disabled, Durability::compacted, Durability::full_fidelity}) {
    EXPECT_TRUE(keeps(mode, Fidelity::domain));
    EXPECT_TRUE(keeps(mode, Fidelity::control));
  }
  EXPECT_FALSE(keeps(Durability::disabled, Fidelity::committed));
  EXPECT_TRUE(keeps(Durability::compacted, Fidelity::committed));
  EXPECT_FALSE(keeps(Durability::compacted, Fidelity::observed));
  EXPECT_TRUE(keeps(Durability::full_fidelity, Fidelity::observed));
}

TEST(EventsNormaliser, WhatAModeDropsIsNotMade) {
  auto context = a_context();
  context.durability = Durability::compacted;
  ToldRun run(context);
  EXPECT_THAT(run.kinds(TextDelta{}), IsEmpty());
  EXPECT_EQ(run.summary, RunSummary());
  EXPECT_THAT(run.kinds(AssistantMessage{}), ElementsAre("AssistantMessage"));
  EXPECT_FALSE(may_keep(Durability::compacted, TextDelta{}));
  EXPECT_FALSE(may_keep(Durability::compacted, event_of(R"({"type":"StateSnapshot"})")));
  EXPECT_TRUE(may_keep(
      Durability::disabled,
      event_of(
          R"({"type":"StateSnapshot","snapshot":{"extensions":{"__context_compaction":{}}}})")));
}

// --- Runs -----------------------------------------------------------------------------------

TEST(EventsNormaliser, ClassifiesLifecycleFactsAsDomainEvents) {
  for (const auto ending : {Ending::completed, Ending::stopped, Ending::blocked, Ending::cancelled,
                            Ending::suspended, Ending::error}) {
    EXPECT_EQ(classify(finished(ending)).fidelity, Fidelity::domain);
  }
  EXPECT_EQ(classify(RunStarted{}).fidelity, Fidelity::domain);
  EXPECT_EQ(classify(suspended()).fidelity, Fidelity::domain);
  EXPECT_EQ(classify(failed_with({{"rejected", nullptr}})).fidelity, Fidelity::domain);
}

TEST(EventsNormaliser, MapsRunLifecycleWithoutDuplicateUntypedFacts) {
  const auto kinds = [](const AgentEvent& event) { return ToldRun().kinds(event); };
  EXPECT_THAT(kinds(finished(Ending::completed)), ElementsAre("RunCompleted"));
  EXPECT_THAT(kinds(finished(Ending::cancelled)), ElementsAre("RunCancelled"));
  EXPECT_THAT(kinds(finished(Ending::suspended)), ElementsAre("RunSuspended"));
  for (const auto ending : {Ending::stopped, Ending::blocked, Ending::error}) {
    const auto facts = ToldRun().tell(finished(ending));
    ASSERT_EQ(facts.size(), 1U);
    EXPECT_EQ(facts[0].kind, "RunFailed");
    EXPECT_EQ(facts[0].payload.at("code"), json::value(enum_name(ending)));
    EXPECT_FALSE(facts[0].payload.contains("reason"));
  }
}

TEST(EventsNormaliser, AFailureKeepsItsOwnCodeAsItsReason) {
  auto end = finished(Ending::stopped, "max_rounds");
  end.message = "after 3 rounds";
  const auto facts = ToldRun().tell(end);
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(
      write_json(facts[0].payload),
      R"({"type":"RunFinished","ending":"stopped","code":"stopped","message":"after 3 rounds","text":"","reason":"max_rounds"})");
  // Its payload is an event again, and gives the same.
  AgentEvent again;
  ASSERT_TRUE(from_json(facts[0].payload, again));
  EXPECT_EQ(ToldRun().tell(again).front().payload, facts[0].payload);
}

// awaken has the end of a run that was suspended before, and every second suspension, taken for a
// repetition. Here a suspension is no end, and each is kept.
TEST(EventsNormaliser, ASuspensionIsNoEnd) {
  ToldRun run;
  EXPECT_THAT(run.kinds(RunStarted{}), ElementsAre("RunStarted"));
  EXPECT_THAT(run.kinds(finished(Ending::suspended)), ElementsAre("RunSuspended"));
  EXPECT_FALSE(run.summary.ended);
  EXPECT_THAT(run.kinds(RunStarted{}), ElementsAre("RunResumed"));
  EXPECT_THAT(run.kinds(finished(Ending::suspended)), ElementsAre("RunSuspended"));
  EXPECT_THAT(run.kinds(RunStarted{}), ElementsAre("RunResumed"));
  EXPECT_EQ(run.summary.activations, 3U);
  EXPECT_THAT(run.kinds(finished(Ending::completed)), ElementsAre("RunCompleted"));
  EXPECT_TRUE(run.summary.ended);
}

TEST(EventsNormaliser, G7_AfterItsEndARunHasNoSecondOne) {
  for (const auto first : {Ending::completed, Ending::cancelled, Ending::error}) {
    ToldRun run;
    EXPECT_EQ(run.tell(finished(first)).size(), 1U);
    const auto after = run.summary;
    for (const auto ending : {Ending::completed, Ending::stopped, Ending::blocked,
                              Ending::cancelled, Ending::suspended, Ending::error}) {
      EXPECT_THAT(run.kinds(finished(ending)), IsEmpty());
    }
    EXPECT_THAT(run.kinds(RunStarted{}), IsEmpty());
    EXPECT_EQ(run.summary, after);
    // What is no matter of its life cycle is told all the same.
    EXPECT_THAT(run.kinds(UsageRecorded{}), ElementsAre("UsageRecorded"));
  }
}

TEST(EventsNormaliser, ResumedNormaliserMapsFirstRunStartToRunResumed) {
  ToldRun run;
  run.summary.activations = 1;  // by another process, which kept it with the run's progress
  const auto facts = run.tell(RunStarted{});
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].kind, "RunResumed");
  EXPECT_EQ(facts[0].payload.at("type"), json::value("RunStarted"));
}

TEST(EventsNormaliser, TheSummarySurvivesItsJson) {
  ToldRun run;
  run.tell(RunStarted{});
  run.tell(event_of(
      R"({"type":"StateSnapshot","snapshot":{"extensions":{"__context_compaction":{"total_compactions":1,)"
      R"("boundaries":[{"summary":"s"}],"failures":[{}],"skipped":[{}],"in_flight":{"task_id":"t","boundary_message_id":"b"}}}}})"));
  ASSERT_TRUE(run.summary.compaction.in_flight);
  const auto back = parse_json_as<RunSummary>(write_json_of(run.summary));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, run.summary);
}

TEST(EventsNormaliser, RefusesTheStartOfAnotherRun) {
  RunStarted started;
  started.run = RunId::parse("0190a5b0-1c2d-7e3f-8a4b-0000000000ff").value();
  EXPECT_EQ(standard_normaliser().normalise(a_context(), started, {}).error().code(),
            Errc::invalid_argument);
  started.run = a_context().run;
  EXPECT_TRUE(standard_normaliser().normalise(a_context(), started, {}));
  started.thread = ThreadId::parse("0190a5b0-1c2d-7e3f-8a4b-0000000000ff").value();
  EXPECT_FALSE(standard_normaliser().normalise(a_context(), started, {}));
}

// --- Tool calls -----------------------------------------------------------------------------

TEST(EventsNormaliser, MapsSuspendedToolDoneToToolCallSuspended) {
  ToolCallDone done;
  done.outcome = ToolOutcome::suspended;
  EXPECT_THAT(ToldRun().kinds(done), ElementsAre("ToolCallSuspended"));
}

TEST(EventsNormaliser, RecordsPermissionRequestCompanionEvent) {
  const auto facts = ToldRun().tell(suspended());
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(facts[0].kind, "ToolCallSuspended");
  EXPECT_EQ(facts[1].kind, "ToolPermissionRequested");
  EXPECT_EQ(facts[1].fidelity, Fidelity::domain);
  EXPECT_EQ(facts[1].scopes, facts[0].scopes);
  // The ticket; not the whole event a second time, as awaken has it.
  EXPECT_EQ(
      write_json(facts[1].payload),
      R"({"id":"c1","name":"rm","suspension":{"id":"s1","action":"tool:rm","message":"may I?","parameters":null,)"
      R"("pending":{"id":"c1","name":"rm","arguments":{"path":"."}},"resume_mode":"replay_tool_call"}})");
}

TEST(EventsNormaliser, AsksForPermissionOnlyToReplayACall) {
  const auto only = ElementsAre("ToolCallSuspended");
  auto done = suspended();
  done.suspension->resume_mode = ResumeMode::use_decision_as_tool_result;
  EXPECT_THAT(ToldRun().kinds(done), only);
  done.suspension->resume_mode = ResumeMode::pass_decision_to_tool;
  EXPECT_THAT(ToldRun().kinds(done), only);
  done = suspended();
  done.suspension->id = " ";
  EXPECT_THAT(ToldRun().kinds(done), only);
  done = suspended();
  done.status = ToolStatus::success;  // a gate suspended what the tool had already done
  EXPECT_THAT(ToldRun().kinds(done), only);
  done.status = ToolStatus::pending;
  EXPECT_EQ(ToldRun().kinds(done).size(), 2U);
  done.suspension.reset();
  EXPECT_THAT(ToldRun().kinds(done), only);
}

TEST(EventsNormaliser, MapsInterceptBlockFailuresToToolCallRejected) {
  EXPECT_THAT(ToldRun().kinds(failed_with({{"rejected", "policy"}})),
              ElementsAre("ToolCallRejected"));
  EXPECT_THAT(ToldRun().kinds(failed_with({{"rejected", nullptr}})),
              ElementsAre("ToolCallRejected"));
  auto done = failed_with({{"rejected", "policy"}});
  done.outcome = ToolOutcome::succeeded;
  EXPECT_THAT(ToldRun().kinds(done), ElementsAre("ToolCallDone"));
}

TEST(EventsNormaliser, MapsTimeoutFailuresToToolCallTimedOut) {
  EXPECT_THAT(ToldRun().kinds(failed_with({{"timed_out", true}})), ElementsAre("ToolCallTimedOut"));
  for (const json::value& other : {json::value(false), json::value("yes"), json::value(1)}) {
    EXPECT_THAT(ToldRun().kinds(failed_with({{"timed_out", other}})), ElementsAre("ToolCallDone"));
  }
}

// awaken records a cancelled decision as ToolCallResumed, as if the call had gone on.
TEST(EventsNormaliser, ADecisionThatCancelsIsNoResumption) {
  ToolCallResumed resumed;
  resumed.id = "c1";
  EXPECT_THAT(ToldRun().kinds(resumed), ElementsAre("ToolCallResumed"));
  resumed.decision.emplace().id = "d1";
  EXPECT_THAT(ToldRun().kinds(resumed), ElementsAre("ToolCallResumed"));
  EXPECT_EQ(classify(resumed).fidelity, Fidelity::control);
  resumed.decision->action = DecisionAction::cancel;
  resumed.decision->reason = "too risky";
  const auto facts = ToldRun().tell(resumed);
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].kind, "ToolCallCancelled");
  EXPECT_EQ(text(facts[0], "id"), R"("c1")");
  EXPECT_EQ(text(facts[0], "reason"), R"("too risky")");
}

// --- Where facts belong ---------------------------------------------------------------------

TEST(EventsNormaliser, IndexesContextEventsIntoThreadAndRunScopes) {
  const auto context = a_context();
  const auto facts = ToldRun(context).tell(AssistantMessage{});
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_THAT(facts[0].scopes, ElementsAre(Scope::of(context.run), Scope::of(context.thread)));
}

TEST(EventsNormaliser, KeepsTheContextsScopesAndAddsOnlyWhatIsMissing) {
  auto context = a_context();
  const auto agent = Scope::parse("agent:0190a5b0-1c2d-7e3f-8a4b-0000000000aa").value();
  const auto other = Scope::parse("run:0190a5b0-1c2d-7e3f-8a4b-0000000000bb").value();
  context.scopes = {agent, Scope::of(context.thread), other};
  EXPECT_THAT(ToldRun(context).tell(AssistantMessage{}).front().scopes,
              ElementsAre(agent, Scope::of(context.thread), other, Scope::of(context.run)));
}

TEST(EventsNormaliser, DoesNotCreateAggregateScopeFromParentThread) {
  RunStarted started;
  started.parent_run = RunId::parse("0190a5b0-1c2d-7e3f-8a4b-0000000000ff").value();
  started.more["parent_thread"] = "0190a5b0-1c2d-7e3f-8a4b-0000000000fe";
  const auto context = a_context();
  EXPECT_THAT(ToldRun(context).tell(started).front().scopes,
              ElementsAre(Scope::of(context.run), Scope::of(context.thread)));
}

TEST(EventsNormaliser, TakesCorrelationAndCausationFromTheContext) {
  auto context = a_context();
  context.correlation = "dispatch-1";
  context.causation = "command-1";
  const auto facts = ToldRun(context).tell(suspended());
  ASSERT_EQ(facts.size(), 2U);
  for (const auto& fact : facts) {
    EXPECT_EQ(fact.correlation, "dispatch-1");
    EXPECT_EQ(fact.causation, "command-1");
  }
}

TEST(EventsNormaliser, RefusesAContextThatNoEventCanHave) {
  const auto refused = [](auto change) {
    auto context = a_context();
    change(context);
    const auto made = standard_normaliser().normalise(context, AssistantMessage{}, {});
    return !made && made.error().is(Errc::invalid_argument);
  };
  EXPECT_FALSE(refused([](RunContext&) {}));
  EXPECT_TRUE(refused([](RunContext& c) { c.origin = " \t"; }));
  EXPECT_TRUE(refused([](RunContext& c) { c.correlation = ""; }));
  EXPECT_TRUE(refused([](RunContext& c) { c.causation = " "; }));
  EXPECT_TRUE(refused([](RunContext& c) { c.run = {}; }));
  EXPECT_TRUE(refused([](RunContext& c) { c.thread = {}; }));
}

// In awaken an event that failed has changed the memory of what was seen already, so its facts are
// never told. Here whoever fails keeps `before`, and the repeated attempt gives the same.
TEST(EventsNormaliser, ARepeatedAttemptGivesTheSameFacts) {
  const RunSummary before{.activations = 2, .facts = 7};
  for (const auto* sample : kEachEvent) {
    const auto event = event_of(sample);
    auto bad = a_context();
    bad.correlation = "";
    ASSERT_FALSE(standard_normaliser().normalise(bad, event, before));
    const auto first = standard_normaliser().normalise(a_context(), event, before);
    const auto second = standard_normaliser().normalise(a_context(), event, before);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->after, second->after);
    ASSERT_EQ(first->facts.size(), second->facts.size());
    for (std::size_t i = 0; i < first->facts.size(); ++i) {
      EXPECT_EQ(first->facts[i].kind, second->facts[i].kind);
      EXPECT_EQ(first->facts[i].payload, second->facts[i].payload);
    }
    ASSERT_TRUE(first->after);
    EXPECT_EQ(first->after->facts, 7 + first->facts.size()) << "each fact has its number";
  }
}

}  // namespace
}  // namespace reeve
