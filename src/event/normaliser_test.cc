#include "event/normaliser.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(Normaliser, AToolCallsEndHasFourFaces) {
  EXPECT_EQ(classify(ToolCallDone{}).kind, "ToolCallDone");
  EXPECT_EQ(classify(ToolCallDone{.outcome = ToolOutcome::suspended}).kind, "ToolCallSuspended");
  EXPECT_EQ(classify(ToolCallDone{.outcome = ToolOutcome::failed}).kind, "ToolCallDone");
  EXPECT_EQ(
      classify(ToolCallDone{.outcome = ToolOutcome::failed, .metadata = {{"rejected", "no"}}}).kind,
      "ToolCallRejected");
  EXPECT_EQ(
      classify(ToolCallDone{.outcome = ToolOutcome::failed, .metadata = {{"timed_out", true}}})
          .kind,
      "ToolCallTimedOut");
  EXPECT_EQ(
      classify(ToolCallDone{.outcome = ToolOutcome::failed, .metadata = {{"timed_out", "yes"}}})
          .kind,
      "ToolCallDone");
}

TEST(Normaliser, EveryDeltaIsObserved) {
  for (const AgentEvent& event : {AgentEvent(TextDelta{}), AgentEvent(ReasoningDelta{}),
                                  AgentEvent(ToolCallDelta{}), AgentEvent(ToolOutputDelta{})}) {
    EXPECT_EQ(classify(event).fidelity, Fidelity::observed) << type_name(event);
  }
}

TEST(Normaliser, G7_NoModeFiltersFactsOfALifeCycle) {
  for (const auto mode : {Durability::disabled, Durability::compacted, Durability::full_fidelity}) {
    EXPECT_TRUE(keeps(mode, Fidelity::domain));
    EXPECT_TRUE(keeps(mode, Fidelity::control));
  }
  EXPECT_FALSE(keeps(Durability::disabled, Fidelity::committed));
  EXPECT_TRUE(keeps(Durability::compacted, Fidelity::committed));
  EXPECT_FALSE(keeps(Durability::compacted, Fidelity::observed));
  EXPECT_TRUE(keeps(Durability::full_fidelity, Fidelity::observed));
}

}  // namespace
}  // namespace reeve
