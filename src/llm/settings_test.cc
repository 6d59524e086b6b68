#include "llm/settings.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "llm/testing.h"

namespace reeve::llm {
namespace {
namespace fs = std::filesystem;

class LlmSettingsTest : public ::testing::Test {
 protected:
  LlmSettingsTest() {
    std::string pattern = (fs::temp_directory_path() / "reeve_llm_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    root_ = pattern;
  }
  ~LlmSettingsTest() override { fs::remove_all(root_); }

  void write(const std::string& name, std::string_view text, mode_t mode = 0600) {
    const auto path = root_ / name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
  }
  Result<ProviderPlan> read(std::string_view table) {
    return read_provider("p", parse_json(table).value(), root_);
  }
  openai::Settings openai(std::string_view table) {
    auto plan = read(table);
    EXPECT_TRUE(plan) << plan.error().message();
    return plan ? std::get<OpenAiPlan>(*plan).settings : openai::Settings();
  }
  std::string refusal(std::string_view table) {
    const auto plan = read(table);
    return plan ? "" : plan.error().message();
  }

  fs::path root_;
};

TEST_F(LlmSettingsTest, AServerWithItsKeyFromAFile) {
  write("key", "sk-1\n");
  const auto settings = openai(R"({"kind":"openai","base_url":"https://example.org/v1","model":"m",
      "api_key_file":"key","headers":{"X-Team":"a"},"tries":2,"timeout_s":30,"stream_usage":false,
      "retry_after_text":false})");
  EXPECT_EQ(settings.name, "p");
  EXPECT_EQ(settings.key.value().reveal(), "sk-1");
  EXPECT_EQ(settings.model, "m");
  EXPECT_EQ(settings.headers, (net::Headers{{"X-Team", "a"}}));
  EXPECT_EQ(settings.retry.tries, 2);
  EXPECT_FALSE(settings.retry.after_text);
  EXPECT_EQ(settings.timeout, Duration(30'000));
  EXPECT_FALSE(settings.form.stream_usage);
  EXPECT_EQ(settings.form.max_tokens, "max_tokens");
}

TEST_F(LlmSettingsTest, AKeyThatCannotBeReadIsAnswerEnoughForTheCalls) {
  write("open", "sk-1\n", 0644);
  EXPECT_EQ(openai(R"({"kind":"openai","api_key_file":"open"})").key.error().code(), Errc::denied);
  EXPECT_EQ(openai(R"({"kind":"openai","api_key_env":"REEVE_NO_SUCH"})").key.error().code(),
            Errc::not_found);
}

TEST_F(LlmSettingsTest, AKeyMayLieInTheHomeFolder) {
  write("key", "sk-home\n");
  const std::string home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  ::setenv("HOME", root_.c_str(), 1);
  EXPECT_EQ(openai(R"({"kind":"openai","api_key_file":"~/key"})").key.value().reveal(), "sk-home");
  ::setenv("HOME", home.c_str(), 1);
}

TEST_F(LlmSettingsTest, OnlyOpenAiItselfGetsTheUsualVariable) {
  ::setenv("OPENAI_API_KEY", "sk-usual", 1);
  const auto own = openai(R"({"kind":"openai"})");
  EXPECT_EQ(own.key.value().reveal(), "sk-usual");
  EXPECT_EQ(own.base_url, "https://api.openai.com/v1");
  EXPECT_EQ(own.form.max_tokens, "max_completion_tokens");
  EXPECT_TRUE(
      openai(R"({"kind":"openai","base_url":"http://127.0.0.1:1/v1"})").key.value().empty());
  ::unsetenv("OPENAI_API_KEY");
}

TEST_F(LlmSettingsTest, AKeyDoesNotTravelInTheClear) {
  write("key", "sk-1\n");
  EXPECT_NE(refusal(R"({"kind":"openai","base_url":"http://example.org/v1","api_key_file":"key"})")
                .find("allow_plain_http"),
            std::string::npos);
  EXPECT_EQ(refusal(R"({"kind":"openai","base_url":"http://localhost:1/v1","api_key_file":"key"})"),
            "");
  EXPECT_EQ(refusal(R"({"kind":"openai","base_url":"http://example.org/v1","api_key_file":"key",
                        "allow_plain_http":true})"),
            "");
  EXPECT_EQ(refusal(R"({"kind":"openai","base_url":"http://example.org/v1"})"), "");
}

TEST_F(LlmSettingsTest, WhatIsWrongIsNamed) {
  EXPECT_EQ(refusal("1"), "providers.p: expected a table");
  EXPECT_EQ(refusal("{}"), "providers.p: kind is either \"openai\" or \"scripted\"");
  EXPECT_EQ(refusal(R"({"kind":"openai","api_key_evn":"X"})"),
            "providers.p: there is no setting \"api_key_evn\"; did you mean api_key_env?");
  EXPECT_EQ(refusal(R"({"kind":"openai","tries":"3"})"),
            "providers.p: tries: expected a whole number");
  EXPECT_EQ(refusal(R"({"kind":"openai","tries":11})"), "providers.p: tries is from 1 to 10");
  EXPECT_EQ(refusal(R"({"kind":"openai","timeout_s":0})"),
            "providers.p: timeout_s is from 1 to 86400");
  EXPECT_NE(refusal(R"({"kind":"openai","base_url":"ftp://x"})").find("base_url"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"kind":"openai","headers":{"a":"b\nc"}})").find("headers"),
            std::string::npos);
  EXPECT_EQ(refusal(R"({"kind":"openai","api_key_env":"A","api_key_file":"b"})"),
            "providers.p: either api_key_env or api_key_file, not both");
}

TEST_F(LlmSettingsTest, AScriptStandsInTheTableOrInAFile) {
  EXPECT_EQ(refusal(R"({"kind":"scripted","turns":["a"]})"), "");
  EXPECT_EQ(refusal(R"({"kind":"scripted","turns":[1]})"),
            "providers.p: turns[0]: expected a text or an object");
  write("script.json", R"({"turns":["a","b"]})");
  const auto plan = read(R"({"kind":"scripted","script":"script.json"})");
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ(std::get<Script>(*plan).turns.size(), 2u);
  EXPECT_EQ(read(R"({"kind":"scripted","script":"none.json"})").error().code(), Errc::not_found);
  EXPECT_NE(refusal(R"({"kind":"scripted","script":"script.json","repeat":true})"), "");
  write("broken.json", "{");
  EXPECT_NE(refusal(R"({"kind":"scripted","script":"broken.json"})").find("broken.json"),
            std::string::npos);
}

TEST_F(LlmSettingsTest, MakesARegistry) {
  aio::testing::VirtualEnv env;
  const auto providers =
      parse_json(R"({"local":{"kind":"openai","base_url":"http://127.0.0.1:1/v1"},
      "demo":{"kind":"scripted","turns":["hello"]}})")
          .value();
  const auto registry = make_registry(providers.as_object(), root_, env, env.loop.get_executor());
  ASSERT_TRUE(registry) << registry.error().message();
  EXPECT_EQ(registry->names(), (std::vector<std::string>{"demo", "local"}));
  const auto demo = registry->find("demo").value();
  const std::vector<ChatMessage> messages{ChatMessage::user("hi")};
  ChatRequest request;
  request.messages = messages;
  EXPECT_EQ(text_of(env.run(demo->chat(request, nullptr))->message), "hello");

  const auto broken = parse_json(R"({"x":{"kind":"openai","tries":0}})").value();
  EXPECT_FALSE(make_registry(broken.as_object(), root_, env, env.loop.get_executor()));
}

}  // namespace
}  // namespace reeve::llm
