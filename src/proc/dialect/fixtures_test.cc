// Every recorded stream of the real CLIs (tests/fixtures/cli), replayed. Three things are held
// against each: the events that it became when they were last reviewed (CASE.expected.jsonl,
// rewritten by REEVE_UPDATE_FIXTURES=1), the verdict in the table below, which is written by hand,
// and what must hold for any stream.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/utf8.h"
#include "proc/dialect/dialect.h"
#include "proc/dialect/failure.h"
#include "proc/dialect/fields.h"

namespace reeve::proc {
namespace {

namespace fs = std::filesystem;

struct Line {
  Channel channel = Channel::out;
  std::string text;
};

struct Capture {
  std::string name;
  std::string dialect;
  std::vector<Line> lines;  // all of stdout, then all of stderr
  ProcessEnd exit;
};

struct Replay {
  std::vector<AgentEvent> events;
  RunFinished end;
};

fs::path folder() { return fs::path(REEVE_FIXTURES) / "cli"; }

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void add_lines(const std::string& text, Channel channel, std::vector<Line>& out) {
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) out.push_back({channel, line});
}

std::vector<std::string> capture_names() {
  std::vector<std::string> names;
  constexpr std::string_view kEnd = ".meta.json";
  for (const auto& entry : fs::directory_iterator(folder())) {
    const auto file = entry.path().filename().string();
    if (file.ends_with(kEnd)) names.push_back(file.substr(0, file.size() - kEnd.size()));
  }
  std::ranges::sort(names);
  return names;
}

Capture load(const std::string& name) {
  Capture capture{.name = name, .dialect = name.substr(0, name.find('-')), .lines = {}, .exit = {}};
  if (name.ends_with("-text")) capture.dialect = "text";  // asked for plain text
  const auto meta = parse_json(read(folder() / (name + ".meta.json"))).value().as_object();
  if (const auto status = count_of(meta, "exit_code"))
    capture.exit.status = static_cast<int>(*status);
  if (const auto signal = count_of(meta, "exit_signal"))
    capture.exit.signal = static_cast<int>(*signal);
  add_lines(read(folder() / (name + ".jsonl")), Channel::out, capture.lines);
  add_lines(read(folder() / (name + ".stderr")), Channel::err, capture.lines);
  return capture;
}

Replay replay(const Capture& capture, std::size_t lines) {
  Replay result;
  const auto dialect = make_dialect(capture.dialect).value();
  for (std::size_t i = 0; i < lines; ++i)
    dialect->line(capture.lines[i].channel, capture.lines[i].text, result.events);
  result.end = dialect->finish(capture.exit, result.events);
  return result;
}
Replay replay(const Capture& capture) { return replay(capture, capture.lines.size()); }

/// One event per line, RunFinished last.
std::string text_of(const Replay& replay) {
  std::string text;
  for (const auto& event : replay.events) text += write_json(to_json(event)) + '\n';
  return text + write_json(to_json(AgentEvent(replay.end))) + '\n';
}

std::string verdict_of(const RunFinished& end) {
  return std::string(enum_name(end.ending)) + (end.code.empty() ? "" : " " + end.code);
}

/// What each recording means, decided by reading it. `completed` is for those whose CLI did what it
/// was asked.
const std::map<std::string, std::string> kVerdicts{
    {"claude-badmodelflag", "error exit_status"},  // an option it does not know; no line at all
    {"claude-bare", "completed"},
    {"claude-budget", "stopped budget"},
    {"claude-err401", "error authentication_failed"},  // subtype success, is_error true
    {"claude-err429", "error rate_limited"},
    {"claude-err429once", "completed"},
    {"claude-err429reset", "error rate_limited"},  // a subscription's limit, with its reset
    {"claude-err500", "error server_error"},
    {"claude-err529", "error server_error"},
    {"claude-errctx", "error context_too_long"},
    {"claude-json", "completed"},
    {"claude-maxturns", "stopped max_turns"},
    {"claude-mcp", "completed"},
    {"claude-mcp-http-call", "completed"},
    {"claude-refused", "error server_error"},  // the connection was refused
    {"claude-resume-1-new", "completed"},
    {"claude-resume-2-resume", "completed"},
    {"claude-resume-3-continue", "completed"},
    {"claude-resume-4-fork", "completed"},
    {"claude-resume-5-unknown", "error session_not_found"},
    {"claude-resume-6-sameid", "error exit_status"},  // the id is in use
    {"claude-resume-7-otherdir", "error session_not_found"},
    {"claude-schema", "completed"},
    {"claude-sigkill", "error lost_result"},
    {"claude-sigkill-resume", "completed"},
    {"claude-sigterm", "error lost_result"},  // 143, no result
    {"claude-stdin-control", "completed"},
    {"claude-stdin-multi", "completed"},
    {"claude-success", "completed"},
    {"claude-success-partial", "completed"},
    {"claude-text", "completed"},
    {"claude-think", "completed"},
    {"claude-tool", "completed"},
    {"claude-tool-denied", "completed"},
    {"claude-toolfail", "completed"},
    {"claude-trunc", "completed"},  // it asked again without streaming

    {"codex-err401", "error authentication_failed"},
    {"codex-err429", "error rate_limited"},
    {"codex-err429once", "completed"},
    {"codex-err429reset", "error rate_limited"},  // "try again at 11:40 PM"
    {"codex-err500", "error server_error"},
    {"codex-errctx", "error context_too_long"},
    {"codex-mcp-http-call", "completed"},
    {"codex-nokey", "error authentication_failed"},
    {"codex-notgit", "completed"},
    {"codex-resume-1-new", "completed"},
    {"codex-resume-2-resume", "completed"},
    {"codex-resume-3-last", "completed"},
    {"codex-resume-4-unknown", "error session_not_found"},  // stderr only
    {"codex-sigint", "error lost_result"},
    {"codex-sigterm", "error lost_result"},
    {"codex-success", "completed"},  // with an error item on the way
    {"codex-text", "completed"},
    {"codex-think", "completed"},
    {"codex-tool", "completed"},
    {"codex-tool-readonly", "completed"},
    {"codex-tool-sandbox", "completed"},
    {"codex-tool2", "completed"},
    {"codex-trunc", "error server_error"},

    {"gemini-err401", "error authentication_failed"},  // status 145
    {"gemini-err429", "error lost_result"},            // killed while it tried again
    {"gemini-err429once", "completed"},
    {"gemini-err500", "error lost_result"},
    {"gemini-errctx", "error context_too_long"},  // status 144
    {"gemini-resume-1-new", "completed"},
    {"gemini-resume-2-latest", "completed"},
    {"gemini-resume-3-id", "completed"},
    {"gemini-resume-4-unknown", "error session_not_found"},  // status 42
    {"gemini-sigint", "error lost_result"},
    {"gemini-sigterm", "error lost_result"},
    {"gemini-sigterm-norelaunch", "error lost_result"},  // status 0 without a result
    {"gemini-success", "completed"},
    {"gemini-think", "completed"},
    {"gemini-tool", "completed"},
    {"gemini-tool-default", "completed"},
    {"gemini-tool2", "completed"},
    {"gemini-toolfail", "completed"},
    {"gemini-untrusted", "error exit_status"},  // status 55: it does not run in this folder

    {"opencode-denied", "blocked permission_denied"},  // status 0, ends after the rejected tool
    {"opencode-err401", "error authentication_failed"},
    {"opencode-err429", "error rate_limited"},
    {"opencode-err429once", "completed"},
    {"opencode-err500", "error lost_result"},  // silent, killed
    {"opencode-errctx", "error context_too_long"},
    {"opencode-resume-1-new", "completed"},
    {"opencode-resume-2-session", "completed"},
    {"opencode-resume-3-continue", "completed"},
    {"opencode-resume-4-fork", "completed"},
    {"opencode-resume-5-unknown", "error session_not_found"},  // stderr only
    {"opencode-sigint", "error lost_result"},
    {"opencode-sigterm", "error lost_result"},
    {"opencode-success", "completed"},
    {"opencode-think", "completed"},
    {"opencode-tool", "completed"},
    {"opencode-tool-noauto", "completed"},
    {"opencode-toolfail", "completed"},
    {"opencode-trunc", "error lost_result"},

    {"pi-err401", "error authentication_failed"},  // status 0
    {"pi-err429", "error rate_limited"},           // status 0
    {"pi-err429once", "completed"},
    {"pi-err500", "error server_error"},      // status 0
    {"pi-errctx", "error context_too_long"},  // status 0
    {"pi-realtiny", "completed"},
    {"pi-resume-1-new", "completed"},
    {"pi-resume-2-continue", "completed"},
    {"pi-sigint", "error lost_result"},
    {"pi-sigterm", "error lost_result"},  // 143
    {"pi-success", "completed"},
    {"pi-tool", "completed"},
    {"pi-tool2", "completed"},
    {"pi-toolfail", "completed"},

    {"qwen-err401", "error authentication_failed"},  // status 0, subtype success, is_error false
    {"qwen-err429", "error lost_result"},            // silent, killed
    {"qwen-err429once", "completed"},
    {"qwen-err500", "error lost_result"},
    {"qwen-errctx", "error context_too_long"},  // status 0
    {"qwen-resume-1-new", "completed"},
    {"qwen-resume-2-continue", "completed"},
    {"qwen-resume-3-id", "completed"},
    {"qwen-resume-4-unknown", "error session_not_found"},
    {"qwen-sigint", "error lost_result"},
    {"qwen-sigterm", "error lost_result"},
    {"qwen-stdin-stream", "completed"},
    {"qwen-success", "completed"},
    {"qwen-success-partial", "completed"},
    {"qwen-think", "completed"},
    {"qwen-tool", "completed"},
    {"qwen-tool-default", "completed"},
    {"qwen-toolfail", "completed"},
    {"qwen-trunc", "error server_error"},  // half an answer, "[API Error: terminated", status 0
};

class Fixture : public ::testing::TestWithParam<std::string> {
 protected:
  Capture capture_ = load(GetParam());
};

TEST_P(Fixture, BecomesTheExpectedEvents) {
  const auto path = folder() / (GetParam() + ".expected.jsonl");
  const auto text = text_of(replay(capture_));
  if (std::getenv("REEVE_UPDATE_FIXTURES") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  EXPECT_EQ(text, read(path));
}

TEST_P(Fixture, HasItsVerdict) {
  const auto row = kVerdicts.find(GetParam());
  ASSERT_NE(row, kVerdicts.end()) << "a new recording needs a row in the table above";
  const auto end = replay(capture_).end;
  EXPECT_EQ(verdict_of(end), row->second) << end.message;
  EXPECT_EQ(end.code.empty(), end.ending == Ending::completed);
  if (end.ending != Ending::completed) EXPECT_FALSE(end.message.empty());
}

TEST_P(Fixture, StderrBeforeStdoutChangesNoVerdict) {
  const auto end = replay(capture_).end;
  if (capture_.dialect == "text") return;  // its answer is its output, in the order read
  const auto err = std::ranges::find(capture_.lines, Channel::err, &Line::channel);
  std::ranges::rotate(capture_.lines, err);
  const auto other = replay(capture_).end;
  EXPECT_EQ(verdict_of(other), verdict_of(end));
  EXPECT_EQ(other.text, end.text);
}

TEST_P(Fixture, GoesOnAfterSaveAndRestoreBetweenAnyTwoLines) {
  Replay result;
  auto dialect = make_dialect(capture_.dialect).value();
  for (const auto& line : capture_.lines) {
    const auto state = parse_json(write_json(dialect->save())).value().as_object();
    dialect = make_dialect(capture_.dialect).value();
    ASSERT_TRUE(dialect->restore(state)) << write_json(state);
    EXPECT_EQ(write_json(dialect->save()), write_json(state));
    dialect->line(line.channel, line.text, result.events);
  }
  result.end = dialect->finish(capture_.exit, result.events);
  EXPECT_EQ(text_of(result), text_of(replay(capture_)));
}

TEST_P(Fixture, IsNeverCompletedBeforeItsLastWord) {
  if (capture_.dialect == "text") return;  // its last word is its exit status
  const auto whole = replay(capture_);
  // Where the stream's own success stands: the verdict may first be good there, never earlier.
  std::size_t last = 0;
  for (std::size_t i = 0; i < capture_.lines.size(); ++i)
    if (capture_.lines[i].channel == Channel::out) last = i + 1;
  // Several turns in one process have several ends.
  const bool turns = GetParam() == "claude-stdin-multi";
  for (std::size_t n = 0; n < last; ++n) {
    auto cut = capture_;
    cut.exit = {.status = 0, .signal = {}, .lost = false, .stopped = ""};
    const auto end = replay(cut, n).end;
    if (!turns) EXPECT_NE(end.ending, Ending::completed) << "after " << n << " lines";
    cut.exit = {.status = {}, .signal = {}, .lost = true, .stopped = ""};
    if (!turns)
      EXPECT_NE(replay(cut, n).end.ending, Ending::completed) << "after " << n << " lines";
  }
  if (whole.end.ending == Ending::completed) {
    auto lost = capture_;
    lost.exit = {.status = {}, .signal = {}, .lost = true, .stopped = ""};
    EXPECT_EQ(replay(lost).end.ending, Ending::completed);  // its own word is enough
  }
}

TEST_P(Fixture, WhatWeStoppedIsWhatWeSay) {
  for (std::size_t n = 0; n <= capture_.lines.size(); ++n) {
    capture_.exit = {.status = {}, .signal = 15, .lost = false, .stopped = "cancelled"};
    EXPECT_EQ(verdict_of(replay(capture_, n).end), "cancelled");
    capture_.exit.stopped = "deadline";
    EXPECT_EQ(verdict_of(replay(capture_, n).end), "error deadline");
  }
}

TEST_P(Fixture, ABadExitContradictsSuccess) {
  capture_.exit = {.status = 3, .signal = {}, .lost = false, .stopped = ""};
  EXPECT_NE(replay(capture_).end.ending, Ending::completed);
  capture_.exit = {.status = {}, .signal = 9, .lost = false, .stopped = ""};
  EXPECT_NE(replay(capture_).end.ending, Ending::completed);
}

TEST_P(Fixture, EveryToolCallIsSettled) {
  std::map<std::string, int> open;
  for (const auto& event : replay(capture_).events) {
    if (const auto* ready = std::get_if<ToolCallReady>(&event)) ++open[ready->id];
    if (const auto* done = std::get_if<ToolCallDone>(&event)) {
      --open[done->id];
      EXPECT_FALSE(done->name.empty());
    }
    if (const auto* cancelled = std::get_if<ToolCallCancelled>(&event)) --open[cancelled->id];
  }
  for (const auto& [id, count] : open) EXPECT_EQ(count, 0) << id;
}

TEST_P(Fixture, HasNoRawLineThatADialectShouldKnow) {
  // Control messages belong to a dialogue that this dialect does not lead.
  if (GetParam() == "claude-stdin-control") return;
  for (const auto& event : replay(capture_).events)
    EXPECT_FALSE(std::holds_alternative<RawLine>(event)) << write_json(to_json(event));
}

INSTANTIATE_TEST_SUITE_P(Cli, Fixture, ::testing::ValuesIn(capture_names()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(Fixtures, TheTableNamesExactlyTheRecordings) {
  std::vector<std::string> rows;
  for (const auto& [name, verdict] : kVerdicts) rows.push_back(name);
  EXPECT_EQ(rows, capture_names());
}

}  // namespace
}  // namespace reeve::proc
