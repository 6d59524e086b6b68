#include "cli/options.h"

#include <gtest/gtest.h>

#include <sstream>

namespace reeve::cli {
namespace {

using Args = std::vector<std::string>;

class OptionsTest : public ::testing::Test {
 protected:
  Result<std::optional<std::string>> parse(const Args& args) { return options_.parse(args); }
  bool refused(const Args& args) {
    const auto parsed = parse(args);
    return !parsed && parsed.error().is(Errc::invalid_argument);
  }
  Options options_{"paint", "Paints something", "  reeve paint door --colour red\n"};
};

TEST_F(OptionsTest, PositionalsTakeTheirWordsInOrder) {
  std::string what;
  std::string where;
  options_.positional("WHAT", what, "...");
  options_.positional("WHERE", where, "...", false);
  ASSERT_TRUE(parse({"door", "here"}));
  EXPECT_EQ(what, "door");
  EXPECT_EQ(where, "here");
}

TEST_F(OptionsTest, WhatIsRequiredMustBeThereAndWhatIsTooMuchMustNot) {
  std::string what;
  std::string where;
  options_.positional("WHAT", what, "...");
  options_.positional("WHERE", where, "...", false);
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({"a", "b", "c"}));
  EXPECT_TRUE(refused({"a", "--nonsense"}));
  EXPECT_TRUE(parse({"a", "--nonsense"}).error().message().contains("reeve paint --help"));
}

class TextTest : public OptionsTest {
 protected:
  TextTest() {
    options_.positional("TO", to_, "...");
    options_.text("TEXT", text_, "...");
    options_.flag("-u,--urgent", urgent_, "...");
    options_.value("--tag", tag_, "...");
  }
  std::string to_;
  std::string text_;
  bool urgent_ = false;
  std::string tag_;
};

TEST_F(TextTest, IsEveryWordUpToTheEndWhateverItLooksLike) {
  ASSERT_TRUE(parse({"ada", "use", "the  new", "--urgent", "flag", "--", "-x", "--nonsense"}));
  EXPECT_EQ(to_, "ada");
  EXPECT_EQ(text_, "use the  new --urgent flag -- -x --nonsense");
  EXPECT_FALSE(urgent_);
}

TEST_F(TextTest, HasItsOptionsBeforeIt) {
  ASSERT_TRUE(parse({"--tag", "door", "ada", "-u", "paint", "it", "--tag"}));
  EXPECT_EQ(to_, "ada");
  EXPECT_EQ(text_, "paint it --tag");
  EXPECT_TRUE(urgent_);
  EXPECT_EQ(tag_, "door");
}

TEST_F(TextTest, AsOneArgumentHasOptionsBehindItToo) {
  ASSERT_TRUE(parse({"ada", "use the --tag flag", "--urgent", "--tag=door"}));
  EXPECT_EQ(text_, "use the --tag flag");
  EXPECT_TRUE(urgent_);
  EXPECT_EQ(tag_, "door");
}

TEST_F(TextTest, WhereItEndsIsAskedWhenItCannotBeTold) {
  // A wrong guess would take words away from the text, or an option from the command.
  for (const auto& args : {Args{"ada", "use", "--urgent", "please"},
                           {"ada", "use", "--nonsense"},
                           {"ada", "use", "--", "please"}}) {
    const auto refused = parse(args);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().message().contains("quotes")) << refused.error().message();
  }
}

TEST_F(TextTest, BehindTwoDashesNothingIsAnOption) {
  ASSERT_TRUE(parse({"ada", "--", "--urgent", "-x"}));
  EXPECT_EQ(text_, "--urgent -x");
  EXPECT_FALSE(urgent_);
}

TEST_F(TextTest, MayBeginWithANumberBelowZero) {
  ASSERT_TRUE(parse({"ada", "-5", "degrees"}));
  EXPECT_EQ(text_, "-5 degrees");
}

TEST_F(OptionsTest, ATextMayBeOneDashOrHaveLines) {
  std::string text;
  options_.text("TEXT", text, "...");
  ASSERT_TRUE(parse({"-"}));
  EXPECT_EQ(text, "-");
}

TEST_F(OptionsTest, ATextMayBeEmptyOnlyWhereItIsNotRequired) {
  std::string text;
  options_.text("TEXT", text, "...", false);
  ASSERT_TRUE(parse({}));
  EXPECT_EQ(text, "");
  std::string needed;
  Options other("x", "x", "");
  other.text("TEXT", needed, "...");
  EXPECT_FALSE(other.parse(Args{}));
}

TEST_F(OptionsTest, OfAValueTheLastCountsOfRepeatedValuesAll) {
  std::string colour;
  std::optional<std::string> role;
  Args tags;
  std::string what;
  options_.value("-c,--colour", colour, "...");
  options_.value("--role", role, "...");
  options_.values("--tag", tags, "...");
  options_.positional("WHAT", what, "...");
  ASSERT_TRUE(parse({"-c", "red", "--tag", "a", "--colour=blue", "--tag", "b", "door"}));
  EXPECT_EQ(colour, "blue");
  EXPECT_EQ(role, std::nullopt);
  EXPECT_EQ(tags, (Args{"a", "b"}));
  EXPECT_EQ(what, "door");  // a repeated value takes one word each time
}

TEST_F(OptionsTest, AValueMayLookLikeAnOptionBehindAnEqualsSign) {
  Args passed_on;
  options_.values("--arg", passed_on, "...");
  ASSERT_TRUE(parse({"--arg=--fast", "--arg=-x"}));
  EXPECT_EQ(passed_on, (Args{"--fast", "-x"}));
}

TEST_F(OptionsTest, NumbersAndSecondsAreNumbers) {
  std::uint64_t limit = 20;
  std::optional<double> timeout;
  options_.number("-n,--limit", limit, "...");
  options_.seconds("--timeout", timeout, "...");
  ASSERT_TRUE(parse({"-n", "7", "--timeout", "0.5"}));
  EXPECT_EQ(limit, 7U);
  EXPECT_EQ(timeout, 0.5);
  for (const auto& bad :
       {Args{"-n", "x"}, Args{"-n", "-1"}, Args{"-n", "1.5"}, Args{"-n"}, Args{"--timeout", "-1"},
        Args{"--timeout", "soon"}, Args{"--timeout", "nan"}, Args{"--timeout", "1e300"}})
    EXPECT_TRUE(refused(bad)) << bad.back();
}

TEST_F(OptionsTest, ALimitIsOneOrMore) {
  std::uint64_t limit = 20;
  options_.limit("-n,--limit", limit, "...");
  ASSERT_TRUE(parse({"-n", "1"}));
  EXPECT_EQ(limit, 1U);
  for (const std::string bad : {"0", "00", "-1", "x", ""}) EXPECT_TRUE(refused({"-n", bad})) << bad;
  EXPECT_TRUE(parse({"-n", "0"}).error().message().contains("1 or more"));
}

TEST_F(OptionsTest, ATextThatIsNotUtf8IsCalledSo) {
  std::string text;
  options_.text("TEXT", text, "...");
  EXPECT_TRUE(refused({"gr\xfc\xdf dich"}));
  EXPECT_TRUE(parse({"gr\xfc\xdf dich"}).error().message().contains("UTF-8"));
  ASSERT_TRUE(parse({"grüß dich"}));
}

TEST_F(OptionsTest, HelpSpeaksOfOptionsAsPeopleDo) {
  std::string whom;
  std::string state;
  std::string name;
  std::vector<std::string> tags;
  std::uint64_t limit = 50;
  std::optional<double> timeout;
  std::optional<double> cost;
  std::optional<std::int64_t> rounds;
  options_.positional("WHOM", whom, "Who");
  options_.choice("--state", state, {"", "open", "closed"}, "Only those");
  options_.value("--name", name, "Its name");
  options_.values("--tag", tags, "A word");
  options_.limit("-n,--limit", limit, "At most so many");
  options_.seconds("--timeout", timeout, "How long");
  options_.amount("--cost", cost, "How much");
  options_.number("--rounds", rounds, "How often");
  const auto help = options_.help();
  for (const std::string part :
       {"usage: reeve paint [OPTIONS] WHOM\n", "--state TEXT", "Only those: open, closed\n",
        "--name TEXT", "--tag TEXT ...", "-n,--limit N", "At most so many (50 if it is not said)",
        "--timeout SECONDS", "--cost NUMBER", "--rounds N"})
    EXPECT_TRUE(help.contains(part)) << part << " in\n" << help;
  for (const std::string part : {"UINT", "INT", "FLOAT", "TEXT:", "REQUIRED", "{", "NONNEGATIVE"})
    EXPECT_FALSE(help.contains(part)) << part << " in\n" << help;
}

TEST_F(OptionsTest, LongHelpIsBrokenIntoLines) {
  std::string what;
  options_.value("--what", what,
                 "A long story about a thing that somebody might want to have painted, in which "
                 "nothing happens for quite a while, and then it ends");
  std::istringstream lines(options_.help());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST_F(OptionsTest, AChoiceIsOneOfItsWords) {
  std::string state = "open";
  options_.choice("--state", state, {"open", "closed"}, "...");
  ASSERT_TRUE(parse({"--state", "closed"}));
  EXPECT_EQ(state, "closed");
  EXPECT_TRUE(refused({"--state", "ajar"}));
  EXPECT_TRUE(parse({"--state", "ajar"}).error().message().contains("closed"));
}

TEST_F(OptionsTest, ASectionHasItsHeading) {
  std::string what;
  options_.section("Everywhere");
  options_.value("--what", what, "...");
  EXPECT_TRUE(options_.help().contains("Everywhere:\n  --what"));
}

TEST_F(OptionsTest, HelpSaysWhatItDoesWhatItTakesAndExamples) {
  std::string what;
  options_.positional("WHAT", what, "The thing to paint");
  for (const std::string flag : {"--help", "-h"}) {
    const auto parsed = parse({flag});
    ASSERT_TRUE(parsed && *parsed);
    for (const std::string part : {"reeve paint", "Paints something", "The thing to paint",
                                   "Examples:", "reeve paint door --colour red"})
      EXPECT_TRUE((*parsed)->contains(part)) << part;
  }
}

}  // namespace
}  // namespace reeve::cli
