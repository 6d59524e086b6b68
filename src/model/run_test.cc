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

TEST(Run, KnowsTheLastQuestionThatItsAgentAsked) {
  std::optional<reeve::Run> run;
  reeve::Run started;
  started.id = RunId(Uuid{{1}});
  apply(run, fact::RunStarted{started}, from_ms(1));
  fact::MessageSent sent;
  sent.message.id = MessageId(Uuid{{7}});
  sent.message.type = MessageType::query;
  sent.run = RunId(Uuid{{2}});
  apply(run, sent, from_ms(2));
  EXPECT_EQ(run->question, std::nullopt) << "another run's";
  sent.run = started.id;
  apply(run, sent, from_ms(2));
  EXPECT_EQ(run->question, sent.message.id);
  sent.message.type = MessageType::informational;
  sent.message.id = MessageId(Uuid{{8}});
  apply(run, sent, from_ms(3));
  EXPECT_EQ(run->question, MessageId(Uuid{{7}}));
}

}  // namespace
}  // namespace reeve
