#include "llm/registry.h"

#include <gtest/gtest.h>

namespace reeve::llm {
namespace {

class Named final : public Provider {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view default_model() const override { return "m"; }
  Async<ChatResult> chat(const ChatRequest& /*request*/, OnEvent /*on_event*/) override {
    co_return ChatResponse();
  }

 private:
  std::string name_;
};

TEST(LlmRegistry, FindsByNameAndRefusesASecondOfAName) {
  Registry registry;
  const auto first = std::make_shared<Named>("local");
  ASSERT_TRUE(registry.add(first));
  EXPECT_EQ(registry.find("local").value(), first);
  EXPECT_EQ(registry.add(std::make_shared<Named>("local")).error().code(), Errc::conflict);
  EXPECT_EQ(registry.find("local").value(), first);
}

TEST(LlmRegistry, WhoHasAProviderKeepsItWhenItIsReplaced) {
  Registry registry;
  registry.put(std::make_shared<Named>("local"));
  const auto old = registry.find("local").value();
  registry.put(std::make_shared<Named>("local"));
  EXPECT_NE(registry.find("local").value(), old);
  EXPECT_EQ(old->name(), "local");
}

TEST(LlmRegistry, AnUnknownNameGetsTheNearOnes) {
  Registry registry;
  EXPECT_NE(registry.find("x").error().message().find("[providers.NAME]"), std::string::npos);
  for (const auto* name : {"openai", "local", "scripted"})
    ASSERT_TRUE(registry.add(std::make_shared<Named>(name)));
  const auto near = registry.find("opnai").error();
  EXPECT_EQ(near.code(), Errc::not_found);
  EXPECT_EQ(near.message(), "no provider \"opnai\": did you mean openai?");
  EXPECT_EQ(registry.find("zzz").error().message(),
            "no provider \"zzz\": there are local, openai, scripted");
}

TEST(LlmProvider, AnErrorOfAProviderIsAPlainOneForEverybodyElse) {
  const ChatResult answer =
      std::unexpected(ProviderError(Trouble::rate_limited, "wait", Duration(1500)));
  const Result<int> outer = fail(answer.error());
  EXPECT_EQ(outer.error(), Error(Errc::unavailable, "wait"));
  EXPECT_TRUE(may_pass(answer.error().trouble));
  EXPECT_EQ(answer.error().retry_after, Duration(1500));
}

}  // namespace
}  // namespace reeve::llm
