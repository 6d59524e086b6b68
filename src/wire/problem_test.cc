#include "wire/problem.h"

#include <gtest/gtest.h>

namespace reeve::wire {
namespace {

TEST(Problem, WireFormIsFixed) {
  EXPECT_EQ(write_problem(Error(Errc::not_found, "task t7: no such task")),
            R"({"type":"urn:reeve:error:not_found","title":"Not found","status":404,)"
            R"("detail":"task t7: no such task","code":"not_found"})");
}

TEST(Problem, EveryCodeComesBack) {
  for (const auto& code : error_codes()) {
    const Error error(code.code, "a \"text\"\n");
    EXPECT_EQ(read_problem(code.http_status, write_problem(error)), error) << code.name;
  }
}

TEST(Problem, ADoorMayChooseANarrowerStatus) {
  const Error error(Errc::too_large, "headers");
  EXPECT_NE(write_problem(error, 431).find("\"status\":431"), std::string::npos);
  EXPECT_EQ(read_problem(431, write_problem(error, 431)), error);
}

TEST(Problem, AStrangersBodyIsReadByItsStatus) {
  EXPECT_EQ(read_problem(404, "<html>").code(), Errc::not_found);
  EXPECT_EQ(read_problem(404, "<html>").message(), "HTTP status 404: <html>");
  EXPECT_EQ(read_problem(409, "").code(), Errc::conflict);
  EXPECT_EQ(read_problem(503, "").code(), Errc::unavailable);
  EXPECT_EQ(read_problem(502, "").code(), Errc::unavailable);
  EXPECT_EQ(read_problem(405, "[]").code(), Errc::invalid_argument);
  EXPECT_EQ(read_problem(599, "1").code(), Errc::internal);
  EXPECT_LT(read_problem(500, std::string(100'000, 'x')).message().size(), 300u);
}

TEST(Problem, ANewersCodeIsReadByItsStatus) {
  const auto error = read_problem(409, R"({"code":"from_the_future","detail":"look again"})");
  EXPECT_EQ(error, Error(Errc::conflict, "look again"));
  EXPECT_EQ(read_problem(404, R"({"title":"Gone"})"), Error(Errc::not_found, "Gone"));
  EXPECT_EQ(read_problem(404, R"({"code":7,"detail":[]})").code(), Errc::not_found);
}

TEST(Problem, IsJsonWhateverBytesTheErrorQuotes) {
  const auto text = write_problem(Error(Errc::invalid_argument, "not JSON: \xff\x00z"));
  EXPECT_EQ(read_problem(400, text).message(), "not JSON: \xEF\xBF\xBD");
}

}  // namespace
}  // namespace reeve::wire
