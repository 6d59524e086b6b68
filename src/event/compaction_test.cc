#include "event/compaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "event/testing.h"

namespace reeve {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A run in mode `compacted` whose agent's state is seen again and again.
class ToldStates {
 public:
  ToldStates() { context_.durability = Durability::compacted; }

  /// The facts, each as "Kind payload", the payload without the thread's id.
  std::vector<std::string> tell(std::string_view compaction) {
    StateSnapshot snapshot;
    snapshot.snapshot = {
        {"revision", 3},
        {"extensions", {{"__context_compaction", parse_json(compaction).value()}}}};
    const auto made = standard_normaliser().normalise(context_, snapshot, summary);
    EXPECT_TRUE(made);
    if (made->after) summary = *made->after;
    facts = made->facts;
    std::vector<std::string> told;
    for (const auto& fact : made->facts) {
      auto payload = fact.payload;
      EXPECT_EQ(payload.at("thread_id"), json::value(context_.thread.str()));
      payload.stable_erase(payload.find("thread_id"));
      told.push_back(fact.kind + " " + write_json(payload));
    }
    return told;
  }
  /// Only their kinds, without what they have in common.
  std::vector<std::string> kinds(std::string_view compaction) {
    std::vector<std::string> kinds;
    for (const auto& fact : tell(compaction)) kinds.push_back(fact.substr(17, fact.find(' ') - 17));
    return kinds;
  }

  RunSummary summary;
  std::vector<NormalFact> facts;
  RunContext context_ = a_context();
};

TEST(EventsCompaction, StartedFromStateSnapshot) {
  ToldStates run;
  EXPECT_THAT(
      run.tell(
          R"({"in_flight":{"task_id":" bg_1 ","boundary_message_id":"m4","started_at_ms":17}})"),
      ElementsAre(
          R"(ContextCompactionStarted {"task_id":"bg_1","boundary_message_id":"m4","started_at_ms":17})"));
  EXPECT_THAT(run.kinds(R"({"in_flight":{"task_id":"bg_1","boundary_message_id":"m4"}})"),
              IsEmpty());
  EXPECT_THAT(ToldStates().tell(R"({"in_flight":{"task_id":"bg_1"}})"),
              ElementsAre(R"(ContextCompactionStarted {"task_id":"bg_1","boundary_message_id":"",)"
                          R"("started_at_ms":0})"));
  for (const char* none : {R"({"in_flight":{"task_id":"  "}})", R"({"in_flight":null})", "{}"})
    EXPECT_THAT(ToldStates().kinds(none), IsEmpty()) << none;
}

TEST(EventsCompaction, FactsAreInternalAndAboutTheThreadOnly) {
  ToldStates run;
  run.context_.correlation = "dispatch-1";
  run.context_.scopes = {Scope::parse("agent:a1").value()};
  run.tell(R"({"in_flight":{"task_id":"bg_1"},"boundaries":[{}],"failures":[{}],"skipped":[{}]})");
  ASSERT_EQ(run.facts.size(), 4U);
  for (const auto& fact : run.facts) {
    EXPECT_EQ(fact.fidelity, Fidelity::domain);
    EXPECT_EQ(fact.visibility, Visibility::internal);
    EXPECT_THAT(fact.scopes, ElementsAre(Scope::of(run.context_.thread)));
    EXPECT_FALSE(fact.correlation);
  }
}

TEST(EventsCompaction, CompletedWithoutSummaryPayload) {
  ToldStates run;
  const std::string state =
      R"({"total_compactions":1,"boundaries":[{"summary":"the secret plan","pre_tokens":9000,"post_tokens":800,)"
      R"("timestamp_ms":17,"task_id":"bg_1","boundary_message_id":"m4"}]})";
  const auto hash = sha256_hex("the secret plan");
  EXPECT_THAT(
      run.tell(state),
      ElementsAre(R"(ContextCompactionCompleted {"boundary_index":0,"compaction_ordinal":1,)"
                  R"("total_compactions":1,"pre_tokens":9000,"post_tokens":800,)"
                  R"("timestamp_ms":17,"summary_hash":")" +
                  hash + R"(","task_id":"bg_1","boundary_message_id":"m4"})"));
  EXPECT_THAT(run.tell(state), IsEmpty());
  EXPECT_EQ(write_json_of(run.summary).find("secret"), std::string::npos);
}

TEST(EventsCompaction, TheSameBoundaryIsNotNewBecauseOthersFollowed) {
  ToldStates run;
  EXPECT_EQ(run.kinds(R"({"total_compactions":1,"boundaries":[{"summary":"a"}]})").size(), 1U);
  EXPECT_THAT(
      run.kinds(R"({"total_compactions":2,"boundaries":[{"summary":"a"},{"summary":"b"}]})"),
      ElementsAre("Completed"));
}

TEST(EventsCompaction, SummaryHashKeepsDistinctCompletedBoundaries) {
  ToldStates run;
  EXPECT_THAT(run.kinds(R"({"total_compactions":1,"boundaries":[{"summary":"a"}]})"),
              ElementsAre("Completed"));
  EXPECT_THAT(run.kinds(R"({"total_compactions":1,"boundaries":[{"summary":"b"}]})"),
              ElementsAre("Completed"));
}

TEST(EventsCompaction, CancelledWhenInFlightClears) {
  ToldStates run;
  run.tell(R"({"in_flight":{"task_id":"bg_1","boundary_message_id":"m4"}})");
  EXPECT_THAT(
      run.tell(R"({"timestamp_ms":99,"in_flight":null})"),
      ElementsAre(
          R"(ContextCompactionCancelled {"task_id":"bg_1","cancelled_at_ms":99,"boundary_message_id":"m4"})"));
  EXPECT_THAT(run.tell(R"({"timestamp_ms":100})"), IsEmpty());
}

TEST(EventsCompaction, CancelledWhenInFlightIsReplaced) {
  ToldStates run;
  run.tell(R"({"in_flight":{"task_id":"bg_1"}})");
  EXPECT_THAT(
      run.tell(R"({"in_flight":{"task_id":"bg_2"}})"),
      ElementsAre(
          R"(ContextCompactionCancelled {"task_id":"bg_1","cancelled_at_ms":0})",
          R"(ContextCompactionStarted {"task_id":"bg_2","boundary_message_id":"","started_at_ms":0})"));
}

// awaken remembers what was cancelled, and so leaves the second start of the same task without an
// end. Here each start has one.
TEST(EventsCompaction, EachStartHasItsEnd) {
  ToldStates run;
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(run.kinds(R"({"in_flight":{"task_id":"bg_1","boundary_message_id":"m4"}})"),
                ElementsAre("Started"));
    EXPECT_THAT(run.kinds("{}"), ElementsAre("Cancelled"));
  }
}

TEST(EventsCompaction, DoesNotCancelWhenPreviousInFlightCompletes) {
  ToldStates run;
  run.tell(R"({"in_flight":{"task_id":"bg_1","boundary_message_id":"m4"}})");
  EXPECT_THAT(run.kinds(R"({"boundaries":[{"task_id":"bg_1","boundary_message_id":"m4"}]})"),
              ElementsAre("Completed"));
  ToldStates failing;
  failing.tell(R"({"in_flight":{"task_id":"bg_1","boundary_message_id":"m4"}})");
  EXPECT_THAT(failing.kinds(R"({"failures":[{"task_id":"bg_1","boundary_message_id":"m4"}]})"),
              ElementsAre("Failed"));
}

TEST(EventsCompaction, DoesNotCancelWhatCompletedWhileItWasStillNamed) {
  ToldStates run;
  run.tell(R"({"in_flight":{"task_id":"bg_1"}})");
  EXPECT_THAT(run.kinds(R"({"in_flight":{"task_id":"bg_1"},"boundaries":[{"task_id":"bg_1"}]})"),
              ElementsAre("Completed"));
  EXPECT_THAT(run.kinds(R"({"boundaries":[{"task_id":"bg_1"}]})"), IsEmpty());
}

TEST(EventsCompaction, DoesNotCancelWhenPreviousInFlightIsSkipped) {
  ToldStates run;
  run.tell(R"({"in_flight":{"task_id":"bg_1","boundary_message_id":"m4"}})");
  EXPECT_THAT(run.kinds(R"({"skipped":[{"task_id":"bg_1","boundary_message_id":"m4"}]})"),
              ElementsAre("Skipped"));
}

TEST(EventsCompaction, DoesNotTreatSameBoundaryDifferentTaskAsTerminal) {
  ToldStates run;
  run.tell(R"({"in_flight":{"task_id":"bg_1","boundary_message_id":"m4"}})");
  EXPECT_THAT(run.kinds(R"({"boundaries":[{"task_id":"bg_2","boundary_message_id":"m4"}]})"),
              ElementsAre("Completed", "Cancelled"));
}

TEST(EventsCompaction, DoesNotTreatTaskOnlyTerminalAsBoundaryMatch) {
  ToldStates run;
  run.tell(R"({"in_flight":{"task_id":"bg_1","boundary_message_id":"m4"}})");
  EXPECT_THAT(run.kinds(R"({"boundaries":[{"task_id":"bg_1"}]})"),
              ElementsAre("Completed", "Cancelled"));
  ToldStates unknown;  // where the boundary is not known, the task alone is enough
  unknown.tell(R"({"in_flight":{"task_id":"bg_1"}})");
  EXPECT_THAT(unknown.kinds(R"({"boundaries":[{"task_id":"bg_1","boundary_message_id":"m4"}]})"),
              ElementsAre("Completed"));
}

TEST(EventsCompaction, ResetAllowsSameTaskToStartAgain) {
  ToldStates run;
  const std::string state =
      R"({"total_compactions":2,"boundaries":[{"summary":"a"}],"in_flight":{"task_id":"bg_1"}})";
  EXPECT_THAT(run.kinds(state), ElementsAre("Completed", "Started"));
  EXPECT_THAT(run.kinds(R"({"total_compactions":1,"boundaries":[{"summary":"a"}],)"
                        R"("in_flight":{"task_id":"bg_1"}})"),
              ElementsAre("Completed", "Started"));
}

TEST(EventsCompaction, FailedFromStateSnapshot) {
  ToldStates run;
  EXPECT_THAT(
      run.tell(
          R"({"failures":[{"task_id":"bg_1","boundary_message_id":"m4","error":"no answer","timestamp_ms":17},{"error":" "}]})"),
      ElementsAre(
          R"(ContextCompactionFailed {"failure_index":0,"task_id":"bg_1","boundary_message_id":"m4","error":"no answer","timestamp_ms":17})",
          R"(ContextCompactionFailed {"failure_index":1,"boundary_message_id":"","error":"unknown error","timestamp_ms":0})"));
}

TEST(EventsCompaction, SkippedFromStateSnapshot) {
  ToldStates run;
  EXPECT_THAT(
      run.tell(
          R"({"skipped":[{"skip_id":"k1","task_id":"bg_1","boundary_message_id":"m4","reason":"saves too little","pre_tokens":10,"post_tokens":9,)"
          R"("savings_ratio_ppm":100000,"min_savings_ratio_ppm":300000,"timestamp_ms":17}]})"),
      ElementsAre(
          R"(ContextCompactionSkipped {"skip_index":0,"reason":"saves too little","skip_id":"k1","task_id":"bg_1","boundary_message_id":"m4",)"
          R"("pre_tokens":10,"post_tokens":9,"savings_ratio_ppm":100000,"min_savings_ratio_ppm":300000,"timestamp_ms":17})"));
  // Its id tells it from others, whatever else is said of it later.
  EXPECT_THAT(run.tell(R"({"skipped":[{"skip_id":"k1","reason":"other"}]})"), IsEmpty());
}

TEST(EventsCompaction, KeepsDistinctSkippedWithoutSkipId) {
  ToldStates run;
  EXPECT_EQ(
      run.kinds(R"({"skipped":[{"task_id":"bg_1"},{"task_id":"bg_1"},{"task_id":"bg_2"}]})").size(),
      3U);
  EXPECT_THAT(
      run.kinds(R"({"skipped":[{"task_id":"bg_1"},{"task_id":"bg_1"},{"task_id":"bg_2"}]})"),
      IsEmpty());
}

TEST(EventsCompaction, OmitsAbsentOptionalSkippedFields) {
  EXPECT_THAT(ToldStates().tell(R"({"skipped":[{}]})"),
              ElementsAre(R"(ContextCompactionSkipped {"skip_index":0,"reason":"unknown"})"));
}

TEST(EventsCompaction, OrderIsCompletedFailedSkippedCancelledStarted) {
  ToldStates run;
  run.tell(R"({"in_flight":{"task_id":"bg_0"}})");
  EXPECT_THAT(
      run.kinds(
          R"({"in_flight":{"task_id":"bg_1"},"skipped":[{}],"failures":[{}],"boundaries":[{}]})"),
      ElementsAre("Completed", "Failed", "Skipped", "Cancelled", "Started"));
}

TEST(EventsCompaction, WhatIsRememberedDoesNotOutgrowTheState) {
  ToldStates run;
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(run.kinds(R"({"boundaries":[{"summary":")" + std::to_string(i) + R"("}]})"),
                ElementsAre("Completed"));
    EXPECT_EQ(run.summary.compaction.completed.size(), 1U);
  }
}

TEST(EventsCompaction, WhatIsNoListOrObjectIsPassedOver) {
  for (const char* odd :
       {"7", R"({"boundaries":7,"failures":{},"skipped":[1,null,"x"],"in_flight":"bg_1"})",
        R"({"total_compactions":"many"})"}) {
    EXPECT_THAT(ToldStates().kinds(odd), IsEmpty()) << odd;
  }
}

// awaken keeps whole snapshots as public events, with the summaries that its compaction facts are
// careful to leave out.
TEST(EventsCompaction, NoSummaryIsInAnyPayload) {
  const auto hash = sha256_hex("secret");
  const auto told = [](std::string_view text) {
    RunSummary summary;
    auto made = standard_normaliser().normalise(a_context(), event_of(text), summary).value();
    EXPECT_EQ(made.facts.front().visibility, Visibility::internal) << text;
    std::string all;
    for (const auto& fact : made.facts) all += write_json(fact.payload) + "\n";
    return all;
  };
  const auto snapshot = told(
      R"({"type":"StateSnapshot","snapshot":{"revision":1,"extensions":{"a":{"summary":"kept"},)"
      R"("__context_compaction":{"boundaries":[{"task_id":"t","summary":"secret","x":{"summary":["secret"]}}]}}}})");
  EXPECT_EQ(snapshot.find("secret"), std::string::npos) << snapshot;
  EXPECT_NE(snapshot.find(R"("summary_hash":")" + hash), std::string::npos) << snapshot;
  EXPECT_NE(snapshot.find(R"("summary":"kept")"), std::string::npos) << "another extension's";
  for (
      const char* operation :
      {R"({"path":"/extensions/__context_compaction/boundaries/0","value":{"summary":"secret"}})",
       R"({"path":"/extensions/__context_compaction/boundaries/0/summary","value":"secret"})",
       R"({"path":"/extensions/__context_compaction/boundaries","value":[{"summary":"secret"}]})",
       R"({"path":"/extensions","value":{"__context_compaction":{"boundaries":[{"summary":"secret"}]}}})",
       R"({"path":"","value":{"extensions":{"__context_compaction":{"boundaries":[{"summary":"secret"}]}}}})"}) {
    const auto delta = told(R"({"type":"StateDelta","delta":[)" + std::string(operation) + "]}");
    EXPECT_EQ(delta.find("secret"), std::string::npos) << delta;
    EXPECT_NE(delta.find(hash), std::string::npos) << delta;
  }
}

TEST(EventsCompaction, OtherSnapshotsArePublicAndUnchanged) {
  const auto* text = R"({"type":"StateSnapshot","snapshot":{"extensions":{"a":{"summary":"s"}}}})";
  const auto made = standard_normaliser().normalise(a_context(), event_of(text), {}).value();
  ASSERT_EQ(made.facts.size(), 1U);
  EXPECT_EQ(write_json(made.facts[0].payload), text);
  EXPECT_EQ(made.facts[0].visibility, Visibility::public_);
}

}  // namespace
}  // namespace reeve
