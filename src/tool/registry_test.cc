#include "tool/registry.h"

#include <gtest/gtest.h>

namespace reeve::tool {
namespace {

class Named final : public Tool {
 public:
  explicit Named(std::string name, json::value schema = json::object{{"type", "object"}}) {
    descriptor_.name = std::move(name);
    descriptor_.input_schema = std::move(schema);
  }
  [[nodiscard]] const ToolDescriptor& descriptor() const override { return descriptor_; }
  Async<Output> run(Context /*context*/, json::object /*arguments*/) override {
    co_return Output::text("done");
  }

 private:
  ToolDescriptor descriptor_;
};

TEST(ToolRegistry, KeepsTheirOrderAndRefusesASecondOfAName) {
  Registry tools;
  ASSERT_TRUE(tools.add(std::make_shared<Named>("write")));
  ASSERT_TRUE(tools.add(std::make_shared<Named>("read")));
  EXPECT_EQ(tools.add(std::make_shared<Named>("write")).error().code(), Errc::conflict);
  EXPECT_EQ(tools.names(), (std::vector<std::string>{"write", "read"}));
  EXPECT_EQ(tools.descriptors().size(), 2u);
  EXPECT_EQ(tools.find("read")->tool->descriptor().name, "read");
  EXPECT_EQ(tools.find("rea"), nullptr);
}

TEST(ToolRegistry, RefusesABadNameAndABadSchema) {
  Registry tools;
  EXPECT_EQ(tools.add(std::make_shared<Named>("a b")).error().code(), Errc::invalid_argument);
  const auto refused =
      tools.add(std::make_shared<Named>("read", json::object{{"type", "thing"}})).error();
  EXPECT_TRUE(refused.message().starts_with("tool read: input_schema: ")) << refused.message();
  EXPECT_TRUE(tools.names().empty());
}

TEST(ToolRegistry, ACopyStandsOnItsOwn) {
  Registry all;
  ASSERT_TRUE(all.add(std::make_shared<Named>("read")));
  ASSERT_TRUE(all.add(std::make_shared<Named>("write")));
  auto some = all;
  EXPECT_TRUE(some.remove("write"));
  EXPECT_FALSE(some.remove("write"));
  EXPECT_EQ(some.names(), std::vector<std::string>{"read"});
  EXPECT_EQ(some.descriptors().front().name, "read");
  EXPECT_NE(all.find("write"), nullptr);
}

}  // namespace
}  // namespace reeve::tool
