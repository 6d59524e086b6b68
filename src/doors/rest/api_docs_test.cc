// docs/api.md is complete: the same routes, in the same order, with the same words.

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "doors/rest/routes.h"

namespace reeve::doors {
namespace {

TEST(ApiDocs, ListTheRoutesOfTheTable) {
  std::ifstream page(REEVE_DOCS "/api.md");
  ASSERT_TRUE(page);
  std::vector<std::string> told;
  for (std::string line; std::getline(page, line);) {
    if (line.find("| `/v1/") != std::string::npos) told.push_back(line);
  }
  std::size_t at = 0;
  for (const auto& route : routes()) {
    const auto row = "| " + std::string(route.method) + " | `" + std::string(route.pattern) +
                     "` | " + std::string(route.summary) + " |";
    ASSERT_LT(at, told.size()) << row;
    EXPECT_TRUE(told[at].starts_with(row)) << row << "\n" << told[at];
    ++at;
  }
  EXPECT_EQ(at, told.size()) << "docs/api.md names a route that is not there";
}

}  // namespace
}  // namespace reeve::doors
