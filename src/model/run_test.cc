#include "model/run.h"

#include <gtest/gtest.h>

#include "model/fact.h"

namespace reeve {
namespace {

TEST(Run, G7_TheFirstTerminalFactStands) {
  std::optional<reeve::Run> run;
  reeve::Run started;
  started.id = RunId(Uuid{{1}});
  apply(run, fact::RunStarted{started}, from_ms(1));
  ASSERT_TRUE(run);
  fact::RunCancelled cancelled;
  cancelled.run = started.id;
  cancelled.code = "cancelled";
  apply(run, cancelled, from_ms(2));
  fact::RunCompleted late;
  late.run = started.id;
  late.text = "done after all";
  apply(run, late, from_ms(3));
  EXPECT_EQ(run->state, RunState::cancelled);
  EXPECT_EQ(run->text, "");
  EXPECT_EQ(run->ended_at, from_ms(2));
}

TEST(Run, KnowsThatItsAgentReported) {
  std::optional<reeve::Run> run;
  reeve::Run started;
  started.id = RunId(Uuid{{1}});
  apply(run, fact::RunStarted{started}, from_ms(1));
  fact::TaskProgressed elsewhere;
  elsewhere.run = RunId(Uuid{{2}});
  apply(run, elsewhere, from_ms(2));
  EXPECT_FALSE(run->reported);
  fact::TaskProgressed here;
  here.run = started.id;
  apply(run, here, from_ms(2));
  EXPECT_TRUE(run->reported);
}

}  // namespace
}  // namespace reeve
