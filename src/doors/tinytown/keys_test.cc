#include "doors/tinytown/keys.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "doors/tinytown/forms.h"
#include "doors/tinytown/recorded.h"

namespace reeve::doors::tinytown {
namespace {

const AgentId kAgent = AgentId::parse("4763624f-a2b7-4450-8a0e-36b0e21c9a93").value();

TEST(TinytownKeys, AKeyReadsBackAsWhatItWasMadeOf) {
  const Keys keys("gold");
  const auto id = kAgent.str();
  EXPECT_EQ(keys.agent(kAgent), "tt:gold:agent:" + id);
  EXPECT_EQ(keys.parse(keys.agent(kAgent)), (TtKey{KeyFamily::agent, id}));
  EXPECT_EQ(keys.parse(keys.agent(kAgent))->uuid(), kAgent.uuid);
  EXPECT_EQ(keys.parse(keys.inbox(kAgent)), (TtKey{KeyFamily::inbox, id}));
  EXPECT_EQ(keys.parse(keys.urgent(kAgent)), (TtKey{KeyFamily::urgent, id}));
  EXPECT_EQ(keys.parse(keys.activity(kAgent)), (TtKey{KeyFamily::activity, id}));
  EXPECT_EQ(keys.parse(keys.stop(kAgent)), (TtKey{KeyFamily::stop, id}));
  EXPECT_EQ(keys.parse(keys.task(TaskId(kAgent.uuid))), (TtKey{KeyFamily::task, id}));
  EXPECT_EQ(keys.parse(keys.backlog()), (TtKey{KeyFamily::backlog, ""}));
  EXPECT_EQ(keys.parse(keys.broadcast()), (TtKey{KeyFamily::broadcast, ""}));
  EXPECT_EQ(keys.parse(keys.events()), (TtKey{KeyFamily::events, ""}));
  EXPECT_EQ(keys.parse(keys.agent_events(kAgent)), (TtKey{KeyFamily::agent_events, id}));
  EXPECT_EQ(keys.parse(keys.mission_events("m")), (TtKey{KeyFamily::mission_events, "m"}));
  EXPECT_EQ(keys.parse("tt:gold:mission:x:work"), (TtKey{KeyFamily::mission, "x:work"}));
  EXPECT_EQ(keys.parse(keys.mark()), (TtKey{KeyFamily::other, "reeve:mirror"}));
  EXPECT_EQ(keys.parse("tt:golden:agent:" + id), std::nullopt);
  EXPECT_EQ(keys.parse("tt:gold:agent:7")->uuid(), std::nullopt);
  EXPECT_EQ(keys.pattern("agent:*"), "tt:gold:agent:*");
  EXPECT_EQ(Keys("a*").pattern("task:*"), "tt:a\\*:task:*");
  EXPECT_EQ(mirror_place_key("gold"), "reeve:{gold}:mirror");
}

TEST(TinytownKeys, EveryRecordedKeyIsKnown) {
  const Keys keys(testing::kRecordedTown);
  for (const auto& step : testing::recorded_steps()) {
    for (const auto& [key, entry] : testing::recorded_state(step.name)) {
      const auto parsed = keys.parse(key);
      ASSERT_TRUE(parsed) << key;
      EXPECT_NE(parsed->family, KeyFamily::other) << key;
    }
  }
}

TEST(TinytownKeys, W50_TownsWhoseKeysTtMistakesAreRefused) {
  for (const char* name : {"gold", "oak-main", "my.town", "backlogs", "my-work"})
    EXPECT_TRUE(check_tt_town(name)) << name;
  for (const char* name : {"", "a:b", "x*", "y?", "[z]", "agent", "backlog", "broadcast",
                           "workshop", "watch", "events2", "controlled", "active-town", "b{r}"}) {
    const auto refused = check_tt_town(name);
    ASSERT_FALSE(refused) << name;
    EXPECT_TRUE(refused.error().is(Errc::invalid_argument));
  }
}

TEST(TinytownMoments, AreWrittenWithAsManyDigitsAsTheyNeed) {
  const auto moment = [](const char* text) { return read_moment(text).value(); };
  for (const char* text : {"2026-04-22T10:11:12", "2026-04-22T10:11:12.123",
                           "2026-04-22T10:11:12.123456", "2026-04-22T10:11:12.123456789",
                           "1969-12-31T23:59:59.000000001", "1700-01-01T00:00:00.5"}) {
    std::string wanted = text;
    if (wanted.ends_with(".5")) wanted += "00";
    EXPECT_EQ(hash_text(moment((std::string(text) + "Z").c_str())), wanted + "+00:00");
    EXPECT_EQ(json_text(moment((std::string(text) + "+00:00").c_str())), wanted + "Z");
  }
  EXPECT_EQ(json_text(moment("2026-04-22T10:11:12.1+02:30")), "2026-04-22T07:41:12.100Z");
  EXPECT_EQ(json_text(moment("2026-04-22 10:11:12.12345678999Z")),
            "2026-04-22T10:11:12.123456789Z");
  EXPECT_EQ(json_text(moment_of(from_ms(1'700'000'000'120))), "2023-11-14T22:13:20.120Z");
  EXPECT_EQ(time_of(moment("1969-12-31T23:59:59.9999Z")), from_ms(-1));
  for (const char* text : {"", "now", "2026-04-22", "2026-04-22T10:11:12", "2026-04-22T10:11:12.Z",
                           "1677-01-01T00:00:00Z", "2300-01-01T00:00:00Z"})
    EXPECT_EQ(read_moment(text), std::nullopt) << text;
}

}  // namespace
}  // namespace reeve::doors::tinytown
