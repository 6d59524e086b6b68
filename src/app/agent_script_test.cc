#include "app/agent_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "base/limits.h"
#include "event/agent_event.h"
#include "proc/dialect/dialect.h"
#include "proc/process.h"

namespace reeve::app {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What came out of one round.
struct Played {
  int status = 0;
  std::string out;
  std::string err;
  std::vector<AgentEvent> events;
  RunFinished end;

  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& event : events)
      if (const auto* one = std::get_if<T>(&event)) found.push_back(*one);
    return found;
  }
  [[nodiscard]] std::vector<std::string> said() const {
    std::vector<std::string> texts;
    for (const auto& message : all<AssistantMessage>()) texts.push_back(message.text);
    return texts;
  }
};

void read_lines(std::string_view text, proc::Channel channel, proc::Dialect& dialect,
                std::vector<AgentEvent>& events) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    dialect.line(channel, text.substr(0, end), events);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// What the dialect makes of a round that ended like this.
void understand(const std::string& dialect_name, Played& played) {
  const auto dialect = proc::make_dialect(dialect_name).value();
  read_lines(played.out, proc::Channel::out, *dialect, played.events);
  read_lines(played.err, proc::Channel::err, *dialect, played.events);
  proc::ProcessEnd end;
  end.status = played.status;
  played.end = dialect->finish(end, played.events);
}

/// In a folder of its own.
class AgentScript : public ::testing::Test {
 protected:
  AgentScript() : before_(fs::current_path()) {
    std::string name = fs::temp_directory_path() / "reeve-script-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    fs::current_path(folder_);
  }
  ~AgentScript() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }

  static Played play(const std::string& script, const std::string& dialect = "text",
                     const std::string& prompt = "Do it.",
                     const std::vector<std::string>& more = {}) {
    std::ofstream("script") << script;
    std::vector<std::string> args{"--dialect", dialect, "script"};
    args.insert(args.end(), more.begin(), more.end());
    std::istringstream in(prompt);
    std::ostringstream out;
    std::ostringstream err;
    Played played;
    played.status = run_agent_script(args, in, out, err);
    played.out = out.str();
    played.err = err.str();
    understand(dialect, played);
    return played;
  }

  static std::string content(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  fs::path before_;
  fs::path folder_;
};

// --- every dialect -------------------------------------------------------------------------------

struct Cli {
  std::string dialect;
  std::string shell;   ///< its tool for commands; "" if it tells of none
  std::string writer;  ///< its tool for files
  bool deltas = false;
  bool thoughts = false;
  bool cost = false;
  int failed = 1;  ///< its exit status after a failure
};
void PrintTo(const Cli& cli, std::ostream* out) { *out << cli.dialect; }

class EveryDialect : public AgentScript, public ::testing::WithParamInterface<Cli> {
 protected:
  static const Cli& cli() { return GetParam(); }
};

TEST_P(EveryDialect, IsUnderstoodFromBeginningToEnd) {
  const auto played = play(
      "session 00000000-0000-4000-8000-000000000001\n"
      "think Let me see.\n"
      "say I will look.\n"
      "run echo found it\n"
      "write notes.txt one line\n"
      "delta All \n"
      "delta done.\n"
      "usage 100 20 0.25\n"
      "usage 1 2 0.5\n",
      cli().dialect);
  EXPECT_EQ(played.status, 0);
  EXPECT_EQ(played.err, "");
  EXPECT_EQ(content("notes.txt"), "one line\n");
  EXPECT_TRUE(played.all<RawLine>().empty()) << played.out;
  EXPECT_TRUE(played.all<ErrorRaised>().empty());

  const auto sessions = played.all<SessionStarted>();
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].session, "00000000-0000-4000-8000-000000000001");

  EXPECT_THAT(played.said(), ElementsAre("I will look.", "All done."));
  if (cli().thoughts)
    EXPECT_EQ(played.all<AssistantMessage>()[0].reasoning, "Let me see.") << played.out;

  const auto ready = played.all<ToolCallReady>();
  const auto done = played.all<ToolCallDone>();
  ASSERT_EQ(ready.size(), cli().writer.empty() ? 1u : 2u);
  ASSERT_EQ(done.size(), ready.size());
  for (std::size_t i = 0; i < ready.size(); ++i) {
    EXPECT_EQ(ready[i].id, done[i].id);
    EXPECT_EQ(ready[i].name, done[i].name);
    EXPECT_EQ(done[i].outcome, ToolOutcome::succeeded);
  }
  EXPECT_EQ(ready[0].name, cli().shell);
  EXPECT_EQ(ready[0].arguments.at("command"), "echo found it");
  EXPECT_THAT(write_json(done[0].result), HasSubstr("found it\\n"));
  if (cli().writer.empty()) {
    const auto notices = played.all<Notice>();
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].text, "notes.txt (add)");
  } else {
    EXPECT_EQ(ready[1].name, cli().writer);
    EXPECT_EQ(ready[1].arguments.at("content"), "one line\n");
  }
  EXPECT_TRUE(played.all<ToolCallCancelled>().empty());

  std::vector<std::string> deltas;
  for (const auto& delta : played.all<TextDelta>()) deltas.push_back(delta.delta);
  if (cli().deltas) {
    EXPECT_THAT(deltas, ElementsAre("All ", "done."));
  } else {
    EXPECT_TRUE(deltas.empty());
  }

  Usage usage;
  double cost = 0;
  for (const auto& recorded : played.all<UsageRecorded>()) {
    usage = usage + recorded.usage;
    cost += recorded.cost_usd.value_or(0);
  }
  EXPECT_EQ(usage.input_tokens, 101);
  EXPECT_EQ(usage.output_tokens, 22);
  EXPECT_DOUBLE_EQ(cost, cli().cost ? 0.75 : 0);

  EXPECT_EQ(played.end.ending, Ending::completed) << played.end.message;
  EXPECT_EQ(played.end.text, "All done.");
}

TEST_P(EveryDialect, TellsAFailureAsItsCliDoes) {
  const auto played = play("say Trying.\nfail 401 invalid x-api-key\nsay never\n", cli().dialect);
  EXPECT_EQ(played.status, cli().failed);
  EXPECT_EQ(played.end.ending, Ending::error);
  EXPECT_EQ(played.end.code, "authentication_failed");
  EXPECT_THAT(played.end.message, HasSubstr("invalid x-api-key"));
  EXPECT_THAT(played.said(), ElementsAre("Trying."));
}

TEST_P(EveryDialect, AFailedCommandIsAFailedToolAndTheScriptGoesOn) {
  const auto played =
      play("run sh -c 'echo oops; exit 3'\nwhen failed\nsay status ${STATUS}\nend", cli().dialect);
  const auto done = played.all<ToolCallDone>();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].outcome, ToolOutcome::failed);
  EXPECT_THAT(write_json(done[0].result), HasSubstr("oops"));
  EXPECT_EQ(played.end.ending, Ending::completed);
  EXPECT_EQ(played.end.text, "status 3");
}

TEST_P(EveryDialect, WithoutItsLastLineTheResultIsLost) {
  for (const auto& [die, status] : {std::pair("die", 1), std::pair("die 0", 0)}) {
    const auto played = play(std::string("delta half a\n") + die + "\nsay never", cli().dialect);
    EXPECT_EQ(played.status, status);
    EXPECT_EQ(played.end.ending, Ending::error);
    EXPECT_EQ(played.end.code, "lost_result");
    EXPECT_THAT(played.said(), ElementsAre("half a"));
  }
}

TEST_P(EveryDialect, ARateLimitIsNotTheEnd) {
  const auto before = std::chrono::system_clock::now();
  const auto played = play("rate-limit 90\nsay After all.\n", cli().dialect);
  const auto limits = played.all<RateLimited>();
  ASSERT_EQ(limits.size(), 1u) << played.out << played.err;
  if (limits[0].resets_at) {
    EXPECT_GE(*limits[0].resets_at, before + std::chrono::seconds(89));
    EXPECT_LE(*limits[0].resets_at, std::chrono::system_clock::now() + std::chrono::seconds(91));
  }
  const bool tells_when =
      cli().dialect == "claude" || cli().dialect == "qwen" || cli().dialect == "opencode";
  EXPECT_EQ(limits[0].resets_at.has_value(), tells_when);
  EXPECT_EQ(played.end.ending, Ending::completed);
  EXPECT_EQ(played.end.text, "After all.");
}

TEST_P(EveryDialect, GoesOnWithTheSessionThatItIsGiven) {
  const std::string script = "when resumed\nsay again\nelse\nsay first\nend";
  const auto id = [](const Played& played) { return played.all<SessionStarted>().at(0).session; };
  auto played = play(script, cli().dialect, "Do it.", {"-p", "--session-id", "abc", "--verbose"});
  EXPECT_EQ(id(played), "abc");
  EXPECT_EQ(played.end.text, "first");
  for (const std::vector<std::string>& args : {std::vector<std::string>{"--resume", "abc"},
                                               {"--resume=abc"},
                                               {"--session", "abc", "-x"},
                                               {"exec", "--json", "resume", "abc", "-"}}) {
    played = play(script, cli().dialect, "Do it.", args);
    EXPECT_EQ(id(played), "abc");
    EXPECT_EQ(played.end.text, "again");
  }
  const auto one = id(play("say x", cli().dialect));
  EXPECT_GE(one.size(), 32u);
  EXPECT_NE(one, id(play("say x", cli().dialect)));
}

TEST_P(EveryDialect, AnEmptyScriptIsASuccess) {
  const auto played = play("# nothing\n\n", cli().dialect);
  EXPECT_EQ(played.status, 0);
  EXPECT_EQ(played.end.ending, Ending::completed) << played.end.message;
  EXPECT_TRUE(played.all<RawLine>().empty());
}

INSTANTIATE_TEST_SUITE_P(
    , EveryDialect,
    ::testing::Values(Cli{"claude", "Bash", "Write", true, true, true, 1},
                      Cli{"codex", "shell", "", false, true, false, 1},
                      Cli{"gemini", "run_shell_command", "write_file", true, false, false, 1},
                      Cli{"qwen", "run_shell_command", "write_file", true, true, false, 0},
                      Cli{"opencode", "bash", "write", false, true, true, 1},
                      Cli{"pi", "bash", "write", true, false, true, 0}),
    [](const auto& cli) { return cli.param.dialect; });

// --- plain text ----------------------------------------------------------------------------------

TEST_F(AgentScript, TextIsWhatAPersonWouldRead) {
  const auto played = play(
      "think hm\nsay Hello.\nrun sh -c 'echo out; echo err >&2; exit 2'\n"
      "write a.txt text\ndelta one \ndelta line\nsay Bye.\nusage 1 2\n");
  EXPECT_EQ(played.out,
            "Hello.\n$ sh -c echo out; echo err >&2; exit 2\nout\nerr\n(exit status 2)\n"
            "(writes a.txt)\none line\nBye.\n");
  EXPECT_EQ(played.err, "hm\n");
  EXPECT_EQ(played.end.ending, Ending::completed);
}

TEST_F(AgentScript, TextFailsByItsExitStatus) {
  const auto played = play("say Hello.\nfail out of ideas\n");
  EXPECT_EQ(played.status, 1);
  EXPECT_EQ(played.err, "out of ideas\n");
  EXPECT_EQ(played.end.code, "exit_status");
}

// --- what a script can do ------------------------------------------------------------------------

TEST_F(AgentScript, FillsInWhatItKnows) {
  ::setenv("REEVE_TASK", "t-1", 1);
  ::unsetenv("REEVE_NOTHING");
  const auto played = play(
      "say ${REEVE_TASK} ${REEVE_NOTHING:-none} \\${PROMPT} a\\tb\\\\ \\x\n"
      "say <${PROMPT}>\n"
      "run printf '%s|' ${PROMPT} 'x ${REEVE_TASK}' ${REEVE_NOTHING:-a b}\n"
      "say got ${OUTPUT} ${STATUS}\n"
      "write ${REEVE_TASK}.txt ${PROMPT}\nappend ${REEVE_TASK}.txt two\\nlines\n",
      "claude", "say ${HOME}; rm -rf 'x");
  EXPECT_EQ(played.status, 0) << played.err;
  EXPECT_THAT(played.said(),
              ElementsAre("t-1 none ${PROMPT} a\tb\\ \\x", "<say ${HOME}; rm -rf 'x>",
                          "got say ${HOME}; rm -rf 'x|x t-1|a b| 0"));
  EXPECT_EQ(content("t-1.txt"), "say ${HOME}; rm -rf 'x\ntwo\nlines\n");
  ::unsetenv("REEVE_TASK");
}

TEST_F(AgentScript, ServesSeveralTasksWithOneScript) {
  const std::string script =
      "when prompt contains alpha\n  say A\n"
      "else when not prompt contains beta\n  say neither\n"
      "else\n  say B\nend\nsay end\n";
  EXPECT_EQ(play(script, "text", "do alpha and beta").out, "A\nend\n");
  EXPECT_EQ(play(script, "text", "do beta").out, "B\nend\n");
  EXPECT_EQ(play(script, "text", "do gamma").out, "neither\nend\n");
}

TEST_F(AgentScript, RepeatsAndLooksAtFiles) {
  const auto played = play(
      "repeat 3\n  append log round ${ROUND}\n  repeat 2\n    delta ${ROUND}\n  end\nend\n"
      "when exists log\nsay yes\nend\nwhen exists nowhere\nsay no\nend\nrepeat 0\nfail x\nend\n",
      "claude");
  EXPECT_EQ(content("log"), "round 1\nround 2\nround 3\n");
  EXPECT_THAT(played.said(), ElementsAre("12", "12", "12", "yes"));
}

TEST_F(AgentScript, ExpectsItsPrompt) {
  EXPECT_EQ(play("expect Do it\nsay ok", "claude").end.text, "ok");
  const auto played = play("say x\n\nexpect Do that\nsay ok", "claude");
  EXPECT_EQ(played.end.ending, Ending::error);
  EXPECT_EQ(played.end.message, "script:3: the prompt does not contain \"Do that\"");
}

TEST_F(AgentScript, FailsTheFirstTimes) {
  const std::string script = "flaky count 2\nsay at last";
  EXPECT_EQ(play(script, "codex").end.message, "flaky: attempt 1 of 2 that fail");
  EXPECT_EQ(play(script, "codex").end.message, "flaky: attempt 2 of 2 that fail");
  EXPECT_EQ(play(script, "codex").end.text, "at last");
  EXPECT_EQ(play(script, "codex").end.text, "at last");
}

TEST_F(AgentScript, WritesLinesOfAnySizeAndShape) {
  const auto played =
      play("big 3000000\nraw {\"type\":\"new\",\"x\":\"${HOME} \\n\"}\nraw\nstderr ouch\\n!", "pi");
  EXPECT_EQ(played.said().at(0).size(), 3'000'000u);
  EXPECT_THAT(played.out, HasSubstr("\n{\"type\":\"new\",\"x\":\"${HOME} \\n\"}\n\n"));
  EXPECT_EQ(played.all<RawLine>().size(), 1u);
  EXPECT_EQ(played.err, "ouch\n!\n");
  EXPECT_EQ(played.end.ending, Ending::completed);
}

TEST_F(AgentScript, ExitsWithAnyStatus) {
  const auto played = play("say x\nexit 7\nsay y", "claude");
  EXPECT_EQ(played.status, 7);
  EXPECT_EQ(played.end.code, "exit_status");  // it said that all was well
  EXPECT_EQ(play("exit 0\nfail x", "claude").end.ending, Ending::completed);
}

TEST_F(AgentScript, RunsCommandsWithoutAShellOrAnInput) {
  const auto played = play(
      "run no-such-program-here\nrun sh -c 'kill -9 $$'\nrun cat\n"
      "run sh -c 'sleep 60 & echo started $!'\nsay ${OUTPUT}",
      "claude");
  const auto done = played.all<ToolCallDone>();
  ASSERT_EQ(done.size(), 4u);
  EXPECT_THAT(write_json(done[0].result), HasSubstr("cannot run \\\"no-such-program-here\\\""));
  EXPECT_THAT(write_json(done[1].result), HasSubstr("Exit code 137"));
  EXPECT_EQ(done[2].outcome, ToolOutcome::succeeded);
  // What it leaves behind holds the pipe, and is not waited for.
  EXPECT_EQ(done[3].outcome, ToolOutcome::succeeded);
  ASSERT_THAT(played.end.text, StartsWith("started "));
  ::kill(std::atoi(played.end.text.c_str() + 8), SIGKILL);
}

TEST_F(AgentScript, KeepsTheBeginningOfALongOutput) {
  const auto played = play("run head -c 1500000 /dev/zero\nsay x", "claude");
  const auto done = played.all<ToolCallDone>();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].result.as_string().size(), limits::kScriptOutput);
}

// --- mistakes ------------------------------------------------------------------------------------

TEST_F(AgentScript, NamesTheLineOfAMistakeBeforeAnythingHappens) {
  const std::vector<std::pair<std::string, std::string>> mistakes{
      {"sing x", "there is no command `sing`"},
      {"say", "expected `say TEXT`"},
      {"sleep soon", "`soon` is no number"},
      {"sleep -1", "`-1` is no number"},
      {"sleep 1 2", "expected `sleep MILLISECONDS`"},
      {"sleep 1e18", "too much"},
      {"usage 1", "expected `usage INPUT OUTPUT [COST]`"},
      {"exit 256", "too much"},
      {"run", "the command is empty"},
      {"run a | b", "no shell runs it"},
      {"run 'a", "not closed"},
      {"write", "expected `write FILE TEXT`"},
      {"flaky f", "expected `flaky FILE TIMES`"},
      {"say ${PROMPT", "without its `}`"},
      {"say ${}", "has no name"},
      {"hang soft", "expected `hang [hard]`"},
      {"end", "`end` without a block"},
      {"else", "`else` without a `when`"},
      {"repeat 2", "`repeat` has no `end`"},
      {"when resumed\nsay x", "`when` has no `end`"},
      {"when tired\nend", "expected `when [not] prompt contains TEXT`"},
      {"when prompt contains\nend", "expected `when [not] prompt contains TEXT`"},
      {"big 1e12", "too much"},
  };
  for (const auto& [line, message] : mistakes) {
    const auto played = play("say hello\n\n" + line + "\n");
    EXPECT_EQ(played.status, 2) << line;
    EXPECT_EQ(played.out, "") << line;
    EXPECT_THAT(played.err, StartsWith("script:3: ")) << line;
    EXPECT_THAT(played.err, HasSubstr(message)) << line;
  }
}

TEST_F(AgentScript, NamesTheLineOfAMistakeThatShowsLater) {
  ::unsetenv("REEVE_NOTHING");
  const auto played = play("say hello\nsay ${REEVE_NOTHING}\n", "claude");
  EXPECT_EQ(played.status, 2);
  EXPECT_THAT(played.err, StartsWith("script:2: ${REEVE_NOTHING} has no value"));
  EXPECT_EQ(played.end.code, "lost_result");
}

TEST_F(AgentScript, RefusesWrongArguments) {
  const auto run = [](std::vector<std::string> args) {
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(run_agent_script(args, in, out, err), 2);
    EXPECT_EQ(out.str(), "");
    return err.str();
  };
  EXPECT_THAT(run({}), HasSubstr("usage: reeve agent-script"));
  EXPECT_THAT(run({"--dialect"}), HasSubstr("usage:"));
  EXPECT_THAT(run({"--what", "script"}), HasSubstr("usage:"));
  EXPECT_THAT(run({"--dialect=latin", "script"}), HasSubstr("there is no dialect \"latin\""));
  EXPECT_THAT(run({"nowhere"}), HasSubstr("nowhere: cannot read this script"));
  EXPECT_THAT(run({"."}), HasSubstr("cannot read this script"));
  std::ofstream("large") << std::string(limits::kScriptFile + 1, '#');
  EXPECT_THAT(run({"large"}), HasSubstr("is larger than"));
}

// --- hanging: in a process of its own
// --------------------------------------------------------------

/// A child that plays a script which says "ready" before it hangs.
class Hanging {
 public:
  explicit Hanging(const std::string& script) {
    std::ofstream("script") << script;
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      std::istringstream in;
      std::ostringstream err;
      ::dup2(ends[1], STDOUT_FILENO);
      std::ofstream out("/dev/stdout");
      const std::vector<std::string> args{"script"};
      run_agent_script(args, in, out, err);
      ::_exit(99);
    }
    ::close(ends[1]);
    char byte = 0;
    while (byte != '\n' && ::read(ends[0], &byte, 1) == 1) {
    }
    ::close(ends[0]);
  }
  ~Hanging() { end_by(SIGKILL); }

  void signal(int number) const { ::kill(pid_, number); }
  /// It sleeps in the kernel: what it was sent before has been dealt with.
  [[nodiscard]] bool sleeps() const {
    for (int tries = 0; tries < 2000; ++tries) {
      const auto stat = proc::read_process(pid_);
      if (stat && stat->state == 'S') return true;
      ::usleep(5000);
    }
    return false;
  }
  [[nodiscard]] bool ended() {
    return ::waitpid(pid_, nullptr, WNOHANG) == pid_ && (pid_ = 0, true);
  }
  /// The signal that ended it.
  int end_by(int number) {
    if (pid_ == 0) return 0;
    ::kill(pid_, number);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

 private:
  pid_t pid_ = 0;
};

TEST_F(AgentScript, HangsUntilItIsTerminated) {
  Hanging agent("say ready\nhang\nexit 3");
  ASSERT_TRUE(agent.sleeps());
  EXPECT_FALSE(agent.ended());
  EXPECT_EQ(agent.end_by(SIGTERM), SIGTERM);
}

TEST_F(AgentScript, HangsHardUntilItIsKilled) {
  Hanging agent("say ready\nhang hard");
  // It may be asked to end before it has begun to hang: only then would this end it.
  ASSERT_TRUE(agent.sleeps());
  agent.signal(SIGTERM);
  agent.signal(SIGINT);
  ASSERT_TRUE(agent.sleeps());
  EXPECT_FALSE(agent.ended());
  EXPECT_EQ(agent.end_by(SIGKILL), SIGKILL);
}

}  // namespace
}  // namespace reeve::app
