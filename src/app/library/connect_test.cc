// The library against a daemon: Town::connect, with the real program and its socket.
#include <gtest/gtest.h>

#include <stdlib.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "app/library/test_support.h"

namespace {

using namespace reeve::library_tests;  // NOLINT: a test's own
using namespace std::chrono_literals;
using reeve::Code;
using reeve::Control;
using reeve::EmitRequest;
using reeve::Event;
using reeve::From;
using reeve::OnOptions;
using reeve::Session;
using reeve::Town;

class EventsConnect : public ::testing::Test {
 protected:
  EventsConnect() {
    sh("init --name oak");
    std::ofstream settings(folder_ + "/.reeve/town.toml", std::ios::app);
    settings << "[providers.hello]\nkind = \"scripted\"\n"
             << "turns = [[{ text = \"hello there\", pieces = 2 }]]\n"
             << "[providers.hang]\nkind = \"scripted\"\n"
             << "turns = [[{ text = \"I begin\" }, { hang = true }]]\n";
    std::ofstream(folder_ + "/agent.script") << "say at your service\n";
  }
  ~EventsConnect() override { sh("stop"); }
  EventsConnect(const EventsConnect&) = delete;
  EventsConnect& operator=(const EventsConnect&) = delete;

  int sh(const std::string& words) {
    const auto line = "cd " + folder_ + " && " + std::string(REEVE_PROGRAM) + " " + words + " >" +
                      folder_ + "/out 2>&1";
    return WEXITSTATUS(::system(line.c_str()));  // NOLINT: a test's own words
  }
  std::string said() {
    std::ostringstream text;
    text << std::ifstream(folder_ + "/out").rdbuf();
    return text.str();
  }
  Town connect() {
    reeve::ConnectOptions options;
    options.folder = folder_;
    options.program = REEVE_PROGRAM;
    return Town::connect(options).value();
  }
  void kill_daemon() {
    ASSERT_EQ(sh("status --json"), 0);
    const auto text = said();
    const auto at = text.find("\"pid\":");
    ASSERT_NE(at, std::string::npos) << text;
    ASSERT_EQ(::kill(static_cast<pid_t>(std::stol(text.substr(at + 6))), SIGKILL), 0);
  }

  Folder town_;
  const std::string& folder_ = town_.path();
};

TEST_F(EventsConnect, EmitGivesEventsFromStartToEndAndAResult) {
  auto town = connect();
  auto run = town.emit(EmitRequest::ask("hello", "hi")).value();
  EXPECT_FALSE(run.id().empty());
  std::vector<std::string> kinds;
  std::string text;
  for (const auto& event : run.events()) {
    kinds.push_back(event.kind);
    EXPECT_TRUE(event.run.empty() || event.run == run.id());
    if (event.kind == "TextDelta") text += event.payload;
  }
  EXPECT_EQ(kinds.front(), "RunStarted");
  EXPECT_EQ(kinds.back(), "RunCompleted");
  EXPECT_NE(text.find("hello"), std::string::npos);
  const auto result = run.wait().value();
  EXPECT_EQ(result.text, "hello there");
  EXPECT_EQ(result.run, run.id());
  EXPECT_EQ(result.messages.size(), 2U);
  EXPECT_TRUE(run.is_finished());
  // It is found again, and its conversation goes on.
  auto found = town.find_run(run.id()).value();
  EXPECT_EQ(found.wait().value().text, "hello there");
  auto more = EmitRequest::ask("hello", "again");
  more.session = result.session;
  more.events = false;
  EXPECT_EQ(town.emit(more).value().wait().value().session, result.session);
}

TEST_F(EventsConnect, AnAgentIsAskedByItsInbox) {
  auto town = connect();
  ASSERT_EQ(sh("spawn ada --cli \"" REEVE_PROGRAM " agent-script agent.script\""), 0) << said();
  EmitRequest request;
  request.agent = "ada";
  request.input.push_back(reeve::Part::of_text("serve"));
  auto run = town.emit(request).value();
  const auto result = run.wait_for(kPatience).value();
  EXPECT_EQ(result.state, reeve::RunState::completed) << result.error;
  EXPECT_NE(result.text.find("at your service"), std::string::npos) << result.text;
  EXPECT_EQ(run.id(), result.run);
  std::vector<std::string> kinds;
  for (const auto& event : run.events()) kinds.push_back(event.kind);
  ASSERT_FALSE(kinds.empty());
  EXPECT_EQ(kinds.front(), "RunStarted");
  EXPECT_EQ(kinds.back(), "RunCompleted");
}

TEST_F(EventsConnect, ACancelAndATimeoutActInTheDaemon) {
  auto town = connect();
  Control control;
  auto run = town.emit(EmitRequest::ask("hang", "hi"), control).value();
  control.cancel("enough");
  auto result = run.wait_for(kPatience).value();
  EXPECT_EQ(result.state, reeve::RunState::cancelled);
  EXPECT_EQ(result.error, "enough");
  Control limited;
  limited.set_timeout(50ms);
  result = town.emit(EmitRequest::ask("hang", "hi"), limited).value().wait_for(kPatience).value();
  EXPECT_EQ(result.reason, "timeout");
  auto aborted = town.emit(EmitRequest::ask("hang", "hi")).value();
  aborted.abort("away with it");
  EXPECT_EQ(aborted.wait_for(kPatience).value().state, reeve::RunState::cancelled);
  Control before;
  before.cancel();
  EXPECT_EQ(town.emit(EmitRequest::ask("hang", "hi"), before).error().code, Code::cancelled);
}

TEST_F(EventsConnect, AHandlerHasTheSessionAndMayCancelTheRun) {
  auto town = connect();
  OnOptions options;
  options.deltas = true;
  options.filter.kinds = {"TextDelta"};
  auto listener = town.on(options,
                          [](const Event&, Session& session, Control& control) {
                            session.set("seen", "true").value();
                            control.cancel("seen enough");
                          })
                      .value();
  auto run = town.emit(EmitRequest::ask("hang", "hi")).value();
  const auto result = run.wait_for(kPatience).value();
  EXPECT_EQ(result.error, "seen enough");
  EXPECT_EQ(town.session(result.session).get("seen").value(), "true");
  town.session(result.session).remove("seen").value();
  EXPECT_EQ(town.session(result.session).get("seen").value(), std::nullopt);
}

TEST_F(EventsConnect, ADaemonThatIsKilledIsWaitedForAndNothingIsLostOrTwice) {
  auto town = connect();
  Seen seen;
  OnOptions options;
  options.from = From::beginning();
  auto listener = town.on(options, [&](const Event& event, Session&,
                                       Control&) { seen.add(std::to_string(event.position)); })
                      .value();
  ASSERT_TRUE(town.emit(EmitRequest::ask("hello", "1")).value().wait_for(kPatience));
  auto open = town.emit(EmitRequest::ask("hang", "2")).value();
  kill_daemon();
  const auto lost = open.wait_for(kPatience).value();
  EXPECT_EQ(lost.state, reeve::RunState::failed);
  EXPECT_EQ(lost.reason, "interrupted");
  ASSERT_TRUE(town.emit(EmitRequest::ask("hello", "3")).value().wait_for(kPatience));
  EXPECT_TRUE(listener.close()) << listener.error()->message;
  const auto all = seen.all();
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], std::to_string(i + 1));
  EXPECT_EQ(listener.cursor(), town.cursor().value());
}

TEST_F(EventsConnect, TheLogIsReadPageByPage) {
  auto town = connect();
  ASSERT_TRUE(town.emit(EmitRequest::ask("hello", "hi")).value().wait_for(kPatience));
  std::string cursor;
  std::vector<std::string> kinds;
  for (bool end = false; !end;) {
    const auto page = town.events(cursor, {}, 2).value();
    for (const auto& event : page.events) kinds.push_back(event.kind);
    cursor = page.cursor;
    end = page.at_end;
  }
  EXPECT_EQ(kinds.front(), "TownCreated");
  EXPECT_EQ(kinds.back(), "RunCompleted");
  EXPECT_EQ(town.events("nonsense").error().code, Code::invalid_argument);
}

TEST_F(EventsConnect, WhatCannotBeSaysWhy) {
  auto town = connect();
  EXPECT_EQ(town.emit(EmitRequest::ask("nobody", "hi")).error().code, Code::not_found);
  EXPECT_EQ(town.add_scripted_provider("mine", R"({"turns":[["x"]]})").error().code,
            Code::unsupported);
  EXPECT_EQ(town.add_tool({.name = "t"},
                          [](const reeve::ToolCall&) -> reeve::Result<reeve::ToolAnswer> {
                            return reeve::ToolAnswer{};
                          })
                .error()
                .code,
            Code::unsupported);
  reeve::ConnectOptions nowhere;
  nowhere.folder = "/";
  EXPECT_EQ(Town::connect(nowhere).error().code, Code::not_found);
  ASSERT_EQ(sh("stop"), 0);
  EXPECT_EQ(town.cursor().error().code, Code::unavailable);
  reeve::ConnectOptions alone;
  alone.folder = folder_;
  EXPECT_EQ(Town::connect(alone).error().code, Code::unavailable);
}

TEST_F(EventsConnect, ClosingLeavesTheRunsToTheDaemon) {
  std::string id;
  {
    auto town = connect();
    id = town.emit(EmitRequest::ask("hang", "hi")).value().id();
  }
  auto town = connect();
  auto run = town.find_run(id).value();
  EXPECT_FALSE(run.is_finished());
  run.cancel();
  EXPECT_EQ(run.wait_for(kPatience).value().state, reeve::RunState::cancelled);
}

TEST_F(EventsConnect, ATownThatADaemonHasIsNotOpenedAndConnectIsNamed) {
  auto town = connect();
  reeve::OpenOptions options;
  options.folder = folder_;
  const auto refused = Town::open(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_NE(refused.error().message.find("another daemon"), std::string::npos);
  EXPECT_NE(refused.error().message.find("Town::connect()"), std::string::npos);
}

TEST_F(EventsConnect, ATownThatAProgramHasIsNotServedAndTheProgramIsNamed) {
  reeve::OpenOptions options;
  options.folder = folder_;
  auto town = Town::open(options).value();
  // At once, not after a time of waiting for a daemon that never comes.
  EXPECT_EQ(sh("status"), 6);
  EXPECT_NE(said().find("a program with libreeve"), std::string::npos) << said();
  EXPECT_NE(said().find("process " + std::to_string(::getpid())), std::string::npos) << said();
  town.close();
  EXPECT_EQ(sh("status"), 0) << said();
}

}  // namespace
