#include "proc/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace reeve::proc {
namespace {

TEST(Environment, LetsThroughOnlyWhatIsOnTheList) {
  const Variables parent{{"PATH", "/bin"},           {"LC_ALL", "C"},
                         {"ANTHROPIC_API_KEY", "k"}, {"DATABASE_URL", "secret"},
                         {"LD_PRELOAD", "x"},        {"PATHS", "no"}};
  EXPECT_EQ(child_environment(parent, {}),
            (Variables{{"PATH", "/bin"}, {"LC_ALL", "C"}, {"ANTHROPIC_API_KEY", "k"}}));
}

TEST(Environment, AdditionsAreFreeAndGoFirst) {
  const Variables parent{{"PATH", "/bin"}, {"HOME", "/home/ada"}};
  EXPECT_EQ(child_environment(parent, {{"PATH", "/mine"}, {"DATABASE_URL", "wanted"}}),
            (Variables{{"PATH", "/mine"}, {"HOME", "/home/ada"}, {"DATABASE_URL", "wanted"}}));
}

TEST(Environment, DropsOurOwnVariablesAndSetsThoseOfTheCaller) {
  const Variables parent{{"REEVE_ROUND", "outer"}, {"REEVE_TOKEN", "outer"}};
  EXPECT_EQ(child_environment(parent, {{"REEVE_TOKEN", "inner"}}),
            (Variables{{"REEVE_TOKEN", "inner"}}));
}

TEST(Environment, DropsWhatBelongsToTheSessionOfAnotherCli) {
  EXPECT_TRUE(is_allowed("CLAUDE_CONFIG_DIR"));
  EXPECT_FALSE(is_allowed("CLAUDE_CODE_SSE_PORT"));
  EXPECT_TRUE(is_allowed("GIT_AUTHOR_NAME"));
  EXPECT_FALSE(is_allowed("GIT_DIR")) << "a daemon started by a git hook would send all git there";
  EXPECT_FALSE(is_allowed("GIT_INDEX_FILE"));
}

TEST(Environment, EveryLineHasItsReasonAndStandsOnce) {
  std::set<std::string_view> names;
  for (const auto& allowed : allowed_variables()) {
    EXPECT_FALSE(allowed.reason.empty()) << allowed.name;
    EXPECT_TRUE(names.insert(allowed.name).second) << allowed.name;
    EXPECT_NE(allowed.name, "*");
  }
}

TEST(Environment, ReadsItsOwn) {
  ::setenv("REEVE_TEST_VALUE", "a=b", 1);
  EXPECT_EQ(current_environment().at("REEVE_TEST_VALUE"), "a=b");
  ::unsetenv("REEVE_TEST_VALUE");
}

}  // namespace
}  // namespace reeve::proc
