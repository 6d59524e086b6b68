#include "cli/options.h"

#include <gtest/gtest.h>

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

TEST_F(OptionsTest, ATextIsAllWordsThatAreLeftJoined) {
  std::string to;
  std::string text;
  bool urgent = false;
  options_.positional("TO", to, "...");
  options_.text("TEXT", text, "...");
  options_.flag("--urgent", urgent, "...");
  ASSERT_TRUE(parse({"ada", "paint", "the  red", "--urgent", "door"}));
  EXPECT_EQ(to, "ada");
  EXPECT_EQ(text, "paint the  red door");
  EXPECT_TRUE(urgent);
}

TEST_F(OptionsTest, BehindTwoDashesNothingIsAnOption) {
  std::string text;
  bool urgent = false;
  options_.text("TEXT", text, "...");
  options_.flag("--urgent", urgent, "...");
  ASSERT_TRUE(parse({"--", "use", "--urgent", "-x"}));
  EXPECT_EQ(text, "use --urgent -x");
  EXPECT_FALSE(urgent);
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

TEST_F(OptionsTest, AChoiceIsOneOfItsWords) {
  std::string state = "open";
  options_.choice("--state", state, {"open", "closed"}, "...");
  ASSERT_TRUE(parse({"--state", "closed"}));
  EXPECT_EQ(state, "closed");
  EXPECT_TRUE(refused({"--state", "ajar"}));
  EXPECT_TRUE(parse({"--state", "ajar"}).error().message().contains("closed"));
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
