#include "base/secret.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "base/limits.h"

namespace reeve {
namespace {

class SecretTest : public ::testing::Test {
 protected:
  SecretTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reeve_secret_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    folder_ = pattern;
  }
  ~SecretTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(std::string_view text, mode_t mode = 0600) {
    auto path = folder_ / "key";
    std::ofstream(path, std::ios::trunc) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(SecretTest, ComesFromAFileThatNobodyElseMayRead) {
  EXPECT_EQ(secret_from_file(file("sk-1\n")).value().reveal(), "sk-1");
  EXPECT_EQ(secret_from_file(file("sk-1", 0400)).value().reveal(), "sk-1");
  for (const mode_t mode : {0640U, 0604U, 0666U}) {
    const auto refused = secret_from_file(file("sk-1", mode)).error();
    EXPECT_EQ(refused.code(), Errc::denied);
    EXPECT_NE(refused.message().find("chmod 600"), std::string::npos);
  }
  EXPECT_EQ(secret_from_file(folder_ / "none").error().code(), Errc::not_found);
  EXPECT_EQ(secret_from_file(folder_).error().code(), Errc::invalid_argument);
}

TEST_F(SecretTest, APipeIsNotWaitedFor) {
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(secret_from_file(pipe).error().code(), Errc::invalid_argument);
}

TEST_F(SecretTest, WhatCannotBeOneIsRefusedAndNotQuoted) {
  for (const auto& bad : {std::string(" \n"), std::string("sk-1\nsk-2"), std::string("sk-1\x01"),
                          std::string(limits::kSecret + 1, 'k'), std::string(1 << 20, 'k')}) {
    const auto refused = secret_from_file(file(bad)).error();
    EXPECT_EQ(refused.code(), Errc::invalid_argument);
    EXPECT_EQ(refused.message().find("sk-1"), std::string::npos);
    EXPECT_LT(refused.message().size(), 200u);
  }
  EXPECT_TRUE(secret_from_file(file(std::string(limits::kSecret, 'k') + "\r\n")));
}

TEST_F(SecretTest, ComesFromAVariable) {
  ::setenv("REEVE_SECRET_TEST", " sk-2 ", 1);
  EXPECT_EQ(secret_from_variable("REEVE_SECRET_TEST").value().reveal(), "sk-2");
  ::unsetenv("REEVE_SECRET_TEST");
  EXPECT_EQ(secret_from_variable("REEVE_SECRET_TEST").error().code(), Errc::not_found);
}

TEST(Secret, IsHiddenInWhatOthersWrote) {
  const Secret key("sk-12345");
  EXPECT_EQ(key.hide_in("sk-12345 is wrong: sk-12345sk-12345"), "*** is wrong: ******");
  EXPECT_EQ(Secret("to").hide_in("too short to be told from words"),
            "too short to be told from words");
  EXPECT_EQ(Secret().hide_in("nothing"), "nothing");
}

}  // namespace
}  // namespace reeve
