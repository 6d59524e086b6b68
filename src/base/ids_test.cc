#include "base/ids.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(Uuid, ReadsEveryTextFormAndWritesOne) {
  const std::string text = "0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012";
  for (const std::string& form :
       {text, std::string("0190A5B0-1C2D-7E3F-8A4B-5C6D7E8F9012"),
        std::string("0190a5b01c2d7e3f8a4b5c6d7e8f9012"), "{" + text + "}"}) {
    EXPECT_EQ(Uuid::parse(form).value().str(), text) << form;
  }
}

TEST(Uuid, RefusesOtherTexts) {
  for (const char* text :
       {"", "x", "0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f901", "0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f90123",
        "g190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012"}) {
    EXPECT_FALSE(Uuid::parse(text)) << text;
  }
}

TEST(Id, ShowsItsFirstFourDigits) {
  EXPECT_EQ(TaskId::parse("0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012").value().short_str(), "0190");
  EXPECT_TRUE(TaskId().is_nil());
}

}  // namespace
}  // namespace reeve
