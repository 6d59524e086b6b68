#include "cli/event_sentence.h"

#include <gtest/gtest.h>

#include "cli/event_text.h"
#include "model/fact.h"

namespace reeve::cli {
namespace {

std::string told(std::string_view kind, std::string_view payload) {
  return sentence(kind, parse_json(payload).value(),
                  [](const std::string& id) { return "<" + id + ">"; });
}

TEST(TownHistory, EachFactIsTold) {
  for (const auto& kind : fact_kinds()) {
    EXPECT_FALSE(told(kind, "{}").starts_with(kind)) << kind;
  }
}

TEST(TownHistory, ASentenceNamesWhoAndWhat) {
  EXPECT_EQ(told("TaskStarted", R"({"agent":"a1","task":"3fa2b41c-0000"})"),
            "<a1> began task 3fa2");
  EXPECT_EQ(told("TaskDelegated", R"({"from":"a1","to":"b2","task":"3fa2b41c"})"),
            "<a1> gave task 3fa2 to <b2>");
  EXPECT_EQ(told("AgentStopped", R"({"agent":"a1","reason":""})"), "<a1> stopped");
  EXPECT_EQ(told("AgentStopped", R"({"agent":"a1","reason":"killed\nby me"})"),
            "<a1> stopped: killed…");
  EXPECT_EQ(told("MessageSent", R"({"message":{"from":"supervisor","to":"a1","text":"hi \"x\""}})"),
            "<supervisor> wrote to <a1>: \"hi \"x\"\"");
  EXPECT_EQ(told("RunFailed", R"({"agent":"a1","code":"rate_limited","error":"slow down"})"),
            "the round of <a1> failed (rate_limited): slow down");
}

TEST(TownHistory, WhatAStrangerWroteCannotSteerTheTerminal) {
  EXPECT_FALSE(told("TaskProgressed", R"({"task":"3fa2","text":"\u001b[2Jx"})").contains('\033'));
  EXPECT_EQ(told("TaskProgressed", R"({"task":"3fa2","text":"{agent}"})"),
            "task 3fa2 goes on: {agent}");
}

TEST(TownHistory, AKindOfANewerVersionIsToldByItsName) {
  EXPECT_EQ(told("SomethingNew", R"({"x":1})"), "SomethingNew");
}

}  // namespace
}  // namespace reeve::cli
