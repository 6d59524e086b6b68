#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "cli/command.h"
#include "cli/error_pages.h"

namespace reeve::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Said {
  int status = 0;
  std::string out;
  std::string err;
};

Said reeve(std::vector<std::string> args) {
  std::ostringstream out;
  std::ostringstream err;
  Session session{.out = out,
                  .err = err,
                  .paint = Paint(false),
                  .json = false,
                  .version = "0",
                  .town = std::nullopt};
  const int status = run_program(args, {}, session);
  return {status, out.str(), err.str()};
}

TEST(Explain, EachCodeHasAPageWithItsNumbers) {
  for (const auto& code : error_codes()) {
    SCOPED_TRACE(code.name);
    const auto page = std::ranges::find(error_pages(), code.name, &ErrorPage::name);
    ASSERT_NE(page, error_pages().end()) << "docs/errors/" << code.name << ".md is missing";
    const auto head = "# " + std::string(code.name) + "\n\nExit status " +
                      std::to_string(code.exit_code) + ", HTTP " +
                      std::to_string(code.http_status) + ", JSON-RPC " +
                      std::to_string(code.rpc_code) + "\n\n";
    EXPECT_THAT(std::string(page->text), StartsWith(head));
    EXPECT_THAT(std::string(page->text), HasSubstr("**What to do**\n"));
  }
}

TEST(Explain, EachPageIsOfACode) {
  std::set<std::string_view> names;
  for (const auto& code : error_codes()) names.insert(code.name);
  for (const auto& page : error_pages()) EXPECT_TRUE(names.contains(page.name)) << page.name;
}

TEST(Explain, PrintsThePage) {
  const auto said = reeve({"explain", "fenced"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, StartsWith("# fenced\n"));
  EXPECT_EQ(said.err, "");
}

TEST(Explain, ListsAllWithoutAName) {
  const auto said = reeve({"explain"});
  EXPECT_EQ(said.status, 0);
  for (const auto& code : error_codes()) EXPECT_THAT(said.out, HasSubstr(std::string(code.name)));
  EXPECT_THAT(said.out, HasSubstr("What you named is not there."));
}

TEST(Explain, ASlipIsNotFoundAndTheNearNameIsTold) {
  const auto said = reeve({"explain", "fencd"});
  EXPECT_EQ(said.status, describe(Errc::not_found).exit_code);
  EXPECT_EQ(said.out, "");
  EXPECT_THAT(said.err, HasSubstr("fenced"));
}

TEST(Explain, JsonHasTheNumbers) {
  const auto said = reeve({"explain", "timeout", "--json"});
  EXPECT_EQ(said.status, 0);
  const auto value = parse_json(said.out);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->at("exit_status").as_int64(), 5);
  EXPECT_EQ(value->at("http_status").as_int64(), 504);
}

}  // namespace
}  // namespace reeve::cli
