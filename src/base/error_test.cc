#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace reeve {
namespace {

TEST(ErrorCodes, EachHasItsOwnNameAndRpcCode) {
  std::set<std::string_view> names;
  std::set<int> rpc;
  for (const auto& code : error_codes()) {
    EXPECT_TRUE(names.insert(code.name).second) << code.name;
    EXPECT_TRUE(rpc.insert(code.rpc_code).second) << code.name;
    EXPECT_EQ(errc_from_name(code.name), code.code);
    EXPECT_EQ(describe(code.code).name, code.name);
    EXPECT_GE(code.http_status, 400);
    EXPECT_GE(code.exit_code, 1);
    EXPECT_LE(code.exit_code, 7);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Errc::unsupported) + 1);
}

TEST(ErrorCodes, AnUnknownNameIsInternal) {
  EXPECT_EQ(errc_from_name("from_the_future"), Errc::internal);
}

TEST(Error, IsToldFromOutsideIn) {
  const Error error(Errc::not_found, "no such task");
  EXPECT_EQ(error.during("claim t7").message(), "claim t7: no such task");
  EXPECT_EQ(error.during("claim t7").code(), Errc::not_found);
}

TEST(Error, OfTheOperatingSystemSaysWhatCanBeDone) {
  EXPECT_EQ(os_error(ENOSPC, "write town.db").code(), Errc::storage_full);
  EXPECT_EQ(os_error(EROFS, "x").code(), Errc::read_only);
  EXPECT_EQ(os_error(ENOENT, "open a").message(), "open a: No such file or directory");
}

TEST(Check, ThrowsWhereItStands) {
  EXPECT_NO_THROW(REEVE_CHECK(1 + 1 == 2));
  EXPECT_THROW(REEVE_CHECK(1 + 1 == 3), BrokenInvariant);
}

}  // namespace
}  // namespace reeve
