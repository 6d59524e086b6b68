#include "proc/preset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/limits.h"
#include "proc/dialect/dialect.h"

namespace reeve::proc {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Launch launch(Permissions permissions = Permissions::edits) {
  Launch launch;
  launch.prompt = "do it";
  launch.permissions = permissions;
  launch.prompt_file = "/run/prompt";
  return launch;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : " ") + word;
  return all;
}
std::string argv_of(std::string_view cli, const Launch& launch) {
  return joined(plan(cli, launch).value().argv);
}

TEST(Preset, EachHasADialectAndAPlan) {
  for (const auto& preset : presets()) {
    EXPECT_TRUE(make_dialect(preset.dialect)) << preset.name;
    EXPECT_EQ(find_preset(preset.name)->program, preset.program);
    for (const auto permissions : {Permissions::ask, Permissions::edits, Permissions::bypass}) {
      const auto made = plan(preset.name, launch(permissions));
      ASSERT_TRUE(made) << preset.name << ": " << made.error().message();
      EXPECT_EQ(made->argv.front(), preset.program);
      EXPECT_EQ(made->dialect, preset.dialect);
      EXPECT_FALSE(made->permissions.empty()) << preset.name;
      for (const auto& [name, value] : made->env) EXPECT_THAT(name, Not(HasSubstr("KEY")));
    }
  }
  EXPECT_EQ(find_preset("cobol"), nullptr);
}

TEST(Preset, NothingIsBypassedUnlessTheUserSaysSo) {
  for (const auto& preset : presets()) {
    for (const auto permissions : {Permissions::ask, Permissions::edits}) {
      const auto made = plan(preset.name, launch(permissions)).value();
      const auto words = joined(made.argv);
      for (const auto* flag : {"bypass", "yolo", "--auto ", "--force", "allow-all", "dangerously"})
        EXPECT_THAT(words + " ", Not(HasSubstr(flag))) << preset.name;
      EXPECT_FALSE(made.env.contains("GEMINI_CLI_TRUST_WORKSPACE"));
    }
    // Three choices are three processes, or the preset says that it cannot be restricted.
    const auto ask = plan(preset.name, launch(Permissions::ask)).value();
    const auto bypass = plan(preset.name, launch(Permissions::bypass)).value();
    EXPECT_EQ(ask.argv != bypass.argv || ask.env != bypass.env, preset.honours_permissions)
        << preset.name;
    if (!preset.honours_permissions) EXPECT_THAT(ask.permissions, HasSubstr("cannot be held"));
  }
}

TEST(Preset, WhatRootIsRefusedIsSaidAndNeverMadeToWorkSilently) {
  const std::vector<std::string> none;
  const std::vector<std::string> sandbox{"PATH", "IS_SANDBOX"};
  const auto refused = refused_as_root("claude", Permissions::bypass, none);
  ASSERT_TRUE(refused);
  EXPECT_TRUE(refused->contains("--env IS_SANDBOX=1")) << *refused;
  EXPECT_FALSE(refused_as_root("claude", Permissions::bypass, sandbox));
  EXPECT_FALSE(refused_as_root("claude", Permissions::edits, none));
  EXPECT_FALSE(refused_as_root("codex", Permissions::bypass, none));
  EXPECT_FALSE(refused_as_root("./claude", Permissions::bypass, none));
  Launch launch;
  launch.prompt = "do it";
  launch.permissions = Permissions::bypass;
  EXPECT_FALSE(plan("claude", launch)->env.contains("IS_SANDBOX"));
}

TEST(Preset, PromptsGoByStdinWhereTheCliReadsIt) {
  for (const auto* name : {"claude", "codex", "codex-mini", "gemini", "qwen", "opencode", "pi"}) {
    auto big = launch();
    big.prompt = std::string(limits::kPrompt, 'x');
    const auto made = plan(name, big);
    ASSERT_TRUE(made) << name;
    EXPECT_EQ(made->stdin_text, big.prompt);
    EXPECT_LT(joined(made->argv).size(), 1000u);
  }
  for (const auto* name : {"aider", "auggie"}) {
    const auto made = plan(name, launch()).value();
    EXPECT_THAT(made.argv, Contains("/run/prompt")) << name;
    EXPECT_EQ(made.stdin_text, "");
  }
  for (const auto* name : {"copilot", "cursor"}) {
    auto big = launch();
    big.prompt = std::string(limits::kArgvPrompt, 'x');
    EXPECT_TRUE(plan(name, big)) << name;
    big.prompt += 'x';
    EXPECT_EQ(plan(name, big).error().code(), Errc::too_large) << name;
  }
}

TEST(Preset, PromptsHaveALimitAndAreNotEmpty) {
  auto each = launch();
  each.prompt = std::string(limits::kPrompt + 1, 'x');
  EXPECT_EQ(plan("claude", each).error().code(), Errc::too_large);
  each.prompt.clear();
  EXPECT_EQ(plan("claude", each).error().code(), Errc::invalid_argument);
}

TEST(Preset, ClaudeNamesItsSessionAndResumesIt) {
  auto first = launch();
  first.new_session = "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012";
  EXPECT_EQ(argv_of("claude", first),
            "claude -p --output-format stream-json --verbose --include-partial-messages "
            "--permission-mode acceptEdits --session-id 0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012");
  EXPECT_EQ(plan("claude", first)->session, first.new_session);
  auto second = first;
  second.resume = "abc";
  second.model = "opus";
  EXPECT_EQ(argv_of("claude", second),
            "claude -p --output-format stream-json --verbose --include-partial-messages "
            "--permission-mode acceptEdits --model opus --resume abc");
  EXPECT_EQ(plan("claude", second)->session, "abc");
  // Codex chooses its own.
  EXPECT_EQ(plan("codex", first)->session, std::nullopt);
}

TEST(Preset, AForkBeginsANewSessionWhereTheCliCan) {
  auto fork = launch();
  fork.fork = "abc";
  fork.new_session = "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012";
  EXPECT_EQ(argv_of("claude", fork),
            "claude -p --output-format stream-json --verbose --include-partial-messages "
            "--permission-mode acceptEdits --resume abc --fork-session");
  EXPECT_EQ(plan("claude", fork)->session, std::nullopt) << "it says which one it made";
  EXPECT_THAT(argv_of("codex", fork), HasSubstr(" fork abc -"));
  EXPECT_THAT(argv_of("opencode", fork), HasSubstr("--session abc --fork"));
  for (const auto& preset : presets()) {
    const auto made = plan(preset.name, fork);
    EXPECT_EQ(made.has_value(), preset.forks) << preset.name;
    if (!made) EXPECT_EQ(made.error().code(), Errc::unsupported) << preset.name;
  }
  EXPECT_EQ(plan("./mine.sh", fork).error().code(), Errc::unsupported);
  fork.fork = "--yolo";
  EXPECT_EQ(plan("claude", fork).error().code(), Errc::invalid_argument);
}

TEST(Preset, CodexTakesItsOptionsBeforeResume) {
  auto each = launch(Permissions::ask);
  each.resume = "01a1";
  each.extra = {"-c", "model_provider=fake"};
  EXPECT_EQ(argv_of("codex", each),
            "codex exec --json --skip-git-repo-check --sandbox read-only -c model_provider=fake "
            "resume 01a1 -");
  EXPECT_THAT(argv_of("codex-mini", launch()),
              HasSubstr("-m gpt-5.4-mini -c model_reasoning_effort=\"medium\" -"));
  EXPECT_THAT(argv_of("codex", launch(Permissions::bypass)),
              HasSubstr("--dangerously-bypass-approvals-and-sandbox"));
}

TEST(Preset, EachCliIsHeldInItsOwnWords) {
  EXPECT_THAT(argv_of("gemini", launch()), HasSubstr("--approval-mode auto_edit"));
  EXPECT_THAT(argv_of("qwen", launch()), HasSubstr("--approval-mode auto-edit"));
  EXPECT_THAT(argv_of("pi", launch()), HasSubstr("--tools read,grep,find,ls,edit,write"));
  EXPECT_THAT(argv_of("pi", launch(Permissions::bypass)), Not(HasSubstr("--tools")));
  EXPECT_THAT(argv_of("opencode", launch(Permissions::bypass)), HasSubstr("--auto"));
  for (const auto permissions : {Permissions::ask, Permissions::edits}) {
    const auto rules =
        parse_json(plan("opencode", launch(permissions))->env.at("OPENCODE_PERMISSION")).value();
    EXPECT_EQ(rules.at("bash"), "deny");
    EXPECT_EQ(rules.as_object().contains("edit"), permissions == Permissions::ask);
  }
}

TEST(Preset, WhatBecomesAnArgumentIsNoOption) {
  auto each = launch();
  each.resume = "--dangerously-skip-permissions";
  EXPECT_EQ(plan("claude", each).error().code(), Errc::invalid_argument);
  each.resume = "two words";
  EXPECT_EQ(plan("claude", each).error().code(), Errc::invalid_argument);
  each.resume = "";
  EXPECT_EQ(plan("claude", each).error().code(), Errc::invalid_argument);
  each.resume.reset();
  each.model = "-x";
  EXPECT_EQ(plan("codex", each).error().code(), Errc::invalid_argument);
  auto dash = launch();
  dash.prompt = "--force";
  EXPECT_EQ(plan("cursor", dash)->argv.back(), " --force");
}

TEST(Preset, ACliWithoutSessionsSaysSo) {
  auto each = launch();
  each.resume = "abc";
  EXPECT_EQ(plan("aider", each).error().code(), Errc::invalid_argument);
  EXPECT_EQ(plan("my-agent", each).error().code(), Errc::invalid_argument);
}

TEST(Command, ThePromptGoesToStdin) {
  const auto made = plan("my-agent --flag 'two words'", launch()).value();
  EXPECT_THAT(made.argv, ElementsAre("my-agent", "--flag", "two words"));
  EXPECT_EQ(made.stdin_text, "do it");
  EXPECT_EQ(made.dialect, "text");
  EXPECT_THAT(made.permissions, HasSubstr("cannot be held"));
}

TEST(Command, PlaceholdersAreFilledInOnceAndNeverSplit) {
  auto each = launch();
  each.prompt = "a b '{prompt_file}' $(reboot)";
  EXPECT_THAT(plan("run {prompt}", each)->argv, ElementsAre("run", each.prompt));
  EXPECT_EQ(plan("run {prompt}", each)->stdin_text, "");
  EXPECT_THAT(plan("run --in={prompt_file} -v", each)->argv,
              ElementsAre("run", "--in=/run/prompt", "-v"));
  each.prompt_file.clear();
  EXPECT_EQ(plan("run {prompt_file}", each).error().code(), Errc::invalid_argument);
  each.prompt = std::string(limits::kArgvPrompt + 1, 'x');
  EXPECT_EQ(plan("run {prompt}", each).error().code(), Errc::too_large);
  EXPECT_TRUE(plan("run", each));
  each.prompt = std::string("a\0b", 3);
  EXPECT_EQ(plan("run {prompt}", each).error().code(), Errc::invalid_argument);
}

TEST(Words, AreSplitAsAShellSplitsThem) {
  EXPECT_THAT(split_words("a  b\tc").value(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_words("a 'b c' \"d e\"f").value(), ElementsAre("a", "b c", "d ef"));
  EXPECT_THAT(split_words(R"(a b\ c \| 'x|y' "x;y")").value(),
              ElementsAre("a", "b c", "|", "x|y", "x;y"));
  EXPECT_THAT(split_words(R"(a "say \"hi\" \n \$x" '')").value(),
              ElementsAre("a", R"(say "hi" \n $x)", ""));
  EXPECT_THAT(split_words("a 5$ x~ b#c k=v").value(), ElementsAre("a", "5$", "x~", "b#c", "k=v"));
}

TEST(Words, WhatOnlyAShellCanDoIsRefused) {
  for (const auto* command :
       {"a | b", "a; b",    "a && b", "a &",         "a > f",     "a < f", "a $(b)",
        "a `b`", "a $HOME", "a ${X}", "a \"$HOME\"", "a \"`b`\"", "(a)",   "a *.txt",
        "a ?",   "a [x]",   "~/a",    "a #b",        "X=1 a",     "a\nb",  "a $'x'"}) {
    const auto words = split_words(command);
    ASSERT_FALSE(words) << command;
    EXPECT_EQ(words.error().code(), Errc::invalid_argument);
    EXPECT_THAT(words.error().message(), HasSubstr("script")) << command;
  }
  for (const auto* command : {"", "   ", "''", "a 'b", "a \"b", "a \\"})
    EXPECT_EQ(split_words(command).error().code(), Errc::invalid_argument) << command;
  EXPECT_FALSE(split_words(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace reeve::proc
