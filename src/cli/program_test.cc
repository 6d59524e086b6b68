#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "cli/command.h"

namespace reeve::cli {
namespace {

/// What the last command of the test's own was told.
struct Seen {
  std::string name;
  std::vector<std::string> words;
  std::optional<std::string> town;
  bool json = false;
};
Seen seen;

template <int kNumber>
class Probe final : public Command {
  void declare(Options& options) override { options.rest("WORDS", words_, "..."); }
  Status run(Session& session) override {
    seen = {std::to_string(kNumber), words_, session.town, session.json};
    if (!words_.empty() && words_[0] == "missing")
      return fail(Errc::not_found, "no \xff such thing");
    if (!words_.empty() && words_[0] == "away") return fail(Errc::unavailable, "away");
    session.print("done");
    return {};
  }
  std::vector<std::string> words_;
};

class Say final : public Command {
  void declare(Options& options) override { options.text("TEXT", text_, "..."); }
  Status run(Session& session) override {
    seen = {"say", {text_}, session.town, session.json};
    return {};
  }
  std::string text_;
};

constexpr std::array kProbes{
    Entry{"say", "Says", "", make_command<Say>},
    Entry{"probe", "Probes", "  reeve probe x\n", make_command<Probe<1>>},
    Entry{"door open", "Opens", "", make_command<Probe<2>>},
    Entry{"door", "Shows", "", make_command<Probe<3>>},
    Entry{"gate open", "Opens", "", make_command<Probe<4>>},
    Entry{"gate shut", "Shuts", "", make_command<Probe<5>>},
    Entry{"secret", "Hides", "", make_command<Probe<6>>, true},
};

class ProgramTest : public ::testing::Test {
 protected:
  int run(const std::vector<std::string>& args) {
    seen = {};
    out_.str("");
    err_.str("");
    Session session{.out = out_,
                    .err = err_,
                    .paint = Paint(false),
                    .json = false,
                    .version = "9.8.7",
                    .town = std::nullopt};
    return run_program(args, kProbes, session);
  }
  [[nodiscard]] std::string out() const { return out_.str(); }
  [[nodiscard]] std::string err() const { return err_.str(); }

  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ProgramTest, ACommandIsFoundByOneOrTwoWords) {
  EXPECT_EQ(run({"probe", "a", "b"}), 0);
  EXPECT_EQ(seen.name, "1");
  EXPECT_EQ(seen.words, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(out(), "done\n");
  EXPECT_EQ(run({"door", "open", "x"}), 0);
  EXPECT_EQ(seen.name, "2");
  EXPECT_EQ(seen.words, std::vector<std::string>{"x"});
  EXPECT_EQ(run({"door", "x"}), 0);
  EXPECT_EQ(seen.name, "3");
}

TEST_F(ProgramTest, GlobalOptionsStandAnywhere) {
  for (const auto& args : {std::vector<std::string>{"--json", "--town", "/t", "probe", "a"},
                           {"probe", "--json", "-t", "/t", "a"},
                           {"probe", "a", "--town=/t", "--json"}}) {
    EXPECT_EQ(run(args), 0) << err();
    EXPECT_EQ(seen.town, "/t");
    EXPECT_TRUE(seen.json);
    EXPECT_EQ(seen.words, std::vector<std::string>{"a"});
  }
}

TEST_F(ProgramTest, GlobalOptionsMayStandBetweenTheWordsOfACommand) {
  EXPECT_EQ(run({"door", "--json", "--town", "/t", "open", "x"}), 0) << err();
  EXPECT_EQ(seen.name, "2");
  EXPECT_EQ(seen.town, "/t");
  EXPECT_TRUE(seen.json);
  EXPECT_EQ(run({"door", "--json", "x"}), 0) << err();
  EXPECT_EQ(seen.name, "3");
  EXPECT_TRUE(seen.json);
}

TEST_F(ProgramTest, InATextTheyAreWords) {
  EXPECT_EQ(run({"--json", "say", "mend", "the", "--json", "flag", "-t", "too"}), 0) << err();
  EXPECT_EQ(seen.words, std::vector<std::string>{"mend the --json flag -t too"});
  EXPECT_TRUE(seen.json);
  EXPECT_EQ(seen.town, std::nullopt);
  EXPECT_EQ(run({"say", "mend", "the", "--json", "flag"}), 0) << err();
  EXPECT_FALSE(seen.json);
  EXPECT_EQ(run({"say", "mend the --json flag", "--json", "-t", "/t"}), 0) << err();
  EXPECT_EQ(seen.words, std::vector<std::string>{"mend the --json flag"});
  EXPECT_TRUE(seen.json);
  EXPECT_EQ(seen.town, "/t");
  // One word, or the first one of a text that was not put in quotes?
  EXPECT_EQ(run({"say", "mend", "--json", "flag"}), 2);
  EXPECT_TRUE(err().contains("quotes")) << err();
}

TEST_F(ProgramTest, AnErrorOfUsageIsJsonWhereverThatIsAskedFor) {
  for (const auto& args : {std::vector<std::string>{"probe", "--nonsense", "--json"},
                           {"xyzzy", "--json"},
                           {"gate", "--json"}}) {
    EXPECT_EQ(run(args), 2);
    EXPECT_TRUE(parse_json(err())) << err();
  }
}

TEST_F(ProgramTest, BehindTwoDashesTheyAreWords) {
  EXPECT_EQ(run({"probe", "--", "--json", "--town"}), 0) << err();
  EXPECT_FALSE(seen.json);
  EXPECT_EQ(seen.words, (std::vector<std::string>{"--json", "--town"}));
}

TEST_F(ProgramTest, AFamilyOfCommandsIsNamed) {
  EXPECT_EQ(run({"gate"}), 2);
  EXPECT_TRUE(err().contains("reeve gate open"));
  EXPECT_TRUE(err().contains("reeve gate shut"));
  EXPECT_EQ(run({"task"}), 2);
  EXPECT_TRUE(err().contains("reeve task complete"));
}

TEST_F(ProgramTest, ASlipIsMetWithASuggestion) {
  EXPECT_EQ(run({"prob"}), 2);
  EXPECT_TRUE(err().contains("did you mean probe"));
  EXPECT_EQ(run({"asign"}), 2);
  EXPECT_TRUE(err().contains("assign"));
  EXPECT_EQ(run({"xyzzy"}), 2);
  EXPECT_TRUE(err().contains("reeve help"));
  EXPECT_EQ(run({"secre"}), 2);
  EXPECT_FALSE(err().contains("secret"));
  EXPECT_EQ(out(), "");
}

TEST_F(ProgramTest, AnErrorIsALineAndItsExitCode) {
  EXPECT_EQ(run({"probe", "missing"}), 3);
  EXPECT_TRUE(err().starts_with("reeve: no "));
  EXPECT_EQ(out(), "");
  EXPECT_EQ(run({"probe", "away"}), 6);
  EXPECT_EQ(run({"probe", "--nonsense"}), 2);
  EXPECT_EQ(run({"probe", "--town"}), 2);
  EXPECT_EQ(run({"--json", "probe", "missing"}), 3);
  const auto told = parse_json(err());
  ASSERT_TRUE(told) << err();
  EXPECT_EQ(told->at("code"), "not_found");
}

TEST_F(ProgramTest, HelpListsEveryCommandThatIsNotHidden) {
  for (const auto& args : {std::vector<std::string>{"help"}, {"--help"}, {"-h"}}) {
    EXPECT_EQ(run(args), 0);
    for (const auto& entry : commands()) {
      EXPECT_EQ(out().contains("  " + std::string(entry.name)), !entry.hidden) << entry.name;
    }
    EXPECT_TRUE(out().contains("gate shut"));
    EXPECT_FALSE(out().contains("secret"));
  }
  EXPECT_EQ(run({}), 2);
  EXPECT_TRUE(out().contains("usage: reeve"));
}

TEST_F(ProgramTest, EveryCommandHasItsHelp) {
  for (const auto& entry : commands()) {
    std::vector<std::string> words;
    std::istringstream split{std::string(entry.name)};
    for (std::string word; split >> word;) words.push_back(word);
    auto asked = words;
    asked.insert(asked.begin(), "help");
    EXPECT_EQ(run(asked), 0) << entry.name;
    const auto by_help = out();
    EXPECT_TRUE(by_help.contains("reeve " + std::string(entry.name))) << by_help;
    EXPECT_TRUE(by_help.contains(entry.summary)) << by_help;
    if (!entry.examples.empty()) {
      EXPECT_TRUE(by_help.contains("Examples:")) << entry.name;
    }
    words.emplace_back("--help");
    EXPECT_EQ(run(words), 0) << entry.name;
    EXPECT_EQ(out(), by_help);
  }
}

TEST_F(ProgramTest, HelpForProgramsIsJson) {
  for (const auto& args :
       {std::vector<std::string>{"--json", "help"}, {"help", "--json"}, {"--json", "--help"}}) {
    ASSERT_EQ(run(args), 0);
    const auto all = parse_json(out());
    ASSERT_TRUE(all) << out();
    EXPECT_EQ(all->at("version"), "9.8.7");
    const auto& commands = all->at("commands").as_array();
    const auto named = [](std::string_view name) {
      return [name](const json::value& each) { return each.at("name").as_string() == name; };
    };
    EXPECT_TRUE(std::ranges::any_of(commands, named("gate shut")));
    EXPECT_FALSE(std::ranges::any_of(commands, named("secret")));
  }
  for (const auto& args : {std::vector<std::string>{"--json", "help", "wait"},
                           {"help", "wait", "--json"},
                           {"--json", "wait", "--help"},
                           {"wait", "--help", "--json"}}) {
    ASSERT_EQ(run(args), 0);
    const auto help = parse_json(out());
    ASSERT_TRUE(help) << out();
    EXPECT_EQ(help->at("name"), "wait");
    const auto& options = help->at("options").as_array();
    const auto is_timeout = [](const json::value& each) {
      return each.at("names").as_array().front() == "--timeout";
    };
    const auto timeout = std::ranges::find_if(options, is_timeout);
    ASSERT_NE(timeout, options.end());
    EXPECT_EQ(timeout->at("value"), "SECONDS");
  }
}

TEST_F(ProgramTest, NoTwoCommandsHaveOneName) {
  std::set<std::string_view> names;
  for (const auto& entry : commands()) EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
}

TEST_F(ProgramTest, TheVersion) {
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_EQ(out(), "reeve 9.8.7\n");
  EXPECT_EQ(run({"version", "--json"}), 0);
  EXPECT_EQ(parse_json(out())->at("version"), "9.8.7");
}

TEST_F(ProgramTest, WithoutATownACommandSaysHowToMakeOne) {
  EXPECT_EQ(run({"--town", "/", "status"}), 3);
  EXPECT_TRUE(err().contains("reeve init"));
}

TEST_F(ProgramTest, WhatContradictsItselfIsSaidBeforeAnythingIsAsked) {
  EXPECT_EQ(run({"--town", "/", "stop", "--drain", "--daemon"}), 2);
  EXPECT_EQ(run({"--town", "/", "send", "ada", "x", "--query", "--info"}), 2);
  EXPECT_EQ(run({"--town", "/", "wait"}), 2);
  EXPECT_EQ(run({"--town", "/", "spawn", "ada", "--env", "NOVALUE"}), 2);
  EXPECT_EQ(run({"--town", "/", "spawn", "ada", "--permissions", "all"}), 2);
}

}  // namespace
}  // namespace reeve::cli
