#include "llm/openai/request.h"

#include <gtest/gtest.h>

namespace reeve::llm::openai {
namespace {

class LlmOpenAiRequestTest : public ::testing::Test {
 protected:
  std::string body(const Form& form = {.stream = false}) {
    request_.messages = messages_;
    request_.tools = tools_;
    return write_json(body_of(request_, "m", form));
  }

  std::vector<ChatMessage> messages_;
  std::vector<ToolDescriptor> tools_;
  ChatRequest request_;
};

TEST_F(LlmOpenAiRequestTest, AnEmptyOneHoldsNothingThatStrictServersRefuse) {
  messages_ = {ChatMessage::user("hi")};
  EXPECT_EQ(body(), R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
}

TEST_F(LlmOpenAiRequestTest, AStreamAsksForItsUsage) {
  EXPECT_EQ(body({}), R"({"model":"m","messages":[],"stream":true,)"
                      R"("stream_options":{"include_usage":true}})");
  EXPECT_EQ(body({.stream_usage = false}), R"({"model":"m","messages":[],"stream":true})");
}

TEST_F(LlmOpenAiRequestTest, AConversationWithACallAndItsResult) {
  ChatMessage call;
  call.role = ChatRole::assistant;
  call.reasoning = "not sent back";
  call.tool_calls = {{"c1", "read", json::object{{"path", "a"}}, ""},
                     {"c2", "read", R"({"path":)", "no JSON"}};
  auto spoken = ChatMessage::assistant("Look.");
  spoken.tool_calls = {{"c3", "now", nullptr, ""}};
  messages_ = {ChatMessage::system("be brief"),
               call,
               ChatMessage::tool_result("c1", "text"),
               ChatMessage::tool_result("c2", "no JSON", true),
               spoken,
               ChatMessage::tool_result("c3", ""),
               ChatMessage::assistant("")};
  messages_.back().parts.clear();
  EXPECT_EQ(
      body(),
      R"({"model":"m","messages":[{"role":"system","content":"be brief"},)"
      R"({"role":"assistant","tool_calls":[)"
      R"({"id":"c1","type":"function","function":{"name":"read","arguments":"{\"path\":\"a\"}"}},)"
      R"({"id":"c2","type":"function","function":{"name":"read","arguments":"{\"malformed_arguments\":\"{\\\"path\\\":\"}"}}]},)"
      R"({"role":"tool","tool_call_id":"c1","content":"text"},)"
      R"({"role":"tool","tool_call_id":"c2","content":"no JSON"},)"
      R"({"role":"assistant","content":"Look.","tool_calls":[)"
      R"({"id":"c3","type":"function","function":{"name":"now","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"c3","content":""},)"
      R"({"role":"assistant","content":""}]})");
}

TEST_F(LlmOpenAiRequestTest, ImagesNamesAndSeveralTexts) {
  auto message = ChatMessage::user("look");
  message.name = "ada";
  message.parts.emplace_back(TextPart{"here"});
  message.parts.emplace_back(ImagePart{"https://example.org/a.png", "", ""});
  message.parts.emplace_back(ImagePart{"", "image/png", "aGk="});
  auto odd = ChatMessage::user("x");
  odd.name = "a b";
  auto result = ChatMessage::tool_result("c1", "seen");
  result.parts.emplace_back(ImagePart{"", "image/png", "aGk="});
  auto refusal = ChatMessage::assistant("");
  refusal.parts.clear();
  refusal.refusal = "no";
  messages_ = {message, odd, result, refusal};
  EXPECT_EQ(
      body(),
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"look"},)"
      R"({"type":"text","text":"here"},)"
      R"({"type":"image_url","image_url":{"url":"https://example.org/a.png"}},)"
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}],"name":"ada"},)"
      R"({"role":"user","content":"x"},)"
      R"({"role":"tool","tool_call_id":"c1","content":"seen\n[an image, which cannot be shown here]"},)"
      R"({"role":"assistant","content":"no"}]})");
}

TEST_F(LlmOpenAiRequestTest, ToolsAndTheirChoice) {
  request_.tool_choice.mode = ToolChoice::Mode::required;
  EXPECT_EQ(body(), R"({"model":"m","messages":[]})") << "no tools, no choice";
  ToolDescriptor tool;
  tool.name = "read";
  tool.description = "Reads.";
  tool.input_schema = json::object{{"type", "object"}};
  tools_ = {tool};
  const std::string tools =
      R"("tools":[{"type":"function","function":{"name":"read","description":"Reads.",)"
      R"("parameters":{"type":"object"}}}])";
  EXPECT_EQ(body(), R"({"model":"m","messages":[],)" + tools + R"(,"tool_choice":"required"})");
  request_.tool_choice.mode = ToolChoice::Mode::none;
  EXPECT_EQ(body(), R"({"model":"m","messages":[],)" + tools + R"(,"tool_choice":"none"})");
  request_.tool_choice.mode = ToolChoice::Mode::auto_;
  EXPECT_EQ(body(), R"({"model":"m","messages":[],)" + tools + "}");
  request_.tool_choice = {ToolChoice::Mode::named, "read"};
  EXPECT_EQ(body(), R"({"model":"m","messages":[],)" + tools +
                        R"(,"tool_choice":{"type":"function","function":{"name":"read"}}})");
}

TEST_F(LlmOpenAiRequestTest, SamplingAndMetadataArePassedOn) {
  request_.sampling = {
      .temperature = 0.5, .top_p = 0.25, .max_output_tokens = 100, .stop = {"END"}, .seed = 7};
  request_.metadata = {{"user", "ada"}};
  EXPECT_EQ(body(),
            R"({"model":"m","messages":[],"temperature":5E-1,"top_p":2.5E-1,"max_tokens":100,)"
            R"("stop":["END"],"seed":7,"metadata":{"user":"ada"}})");
  EXPECT_NE(body({.stream = false, .max_tokens = "max_completion_tokens"})
                .find(R"("max_completion_tokens":100)"),
            std::string::npos);
}

}  // namespace
}  // namespace reeve::llm::openai
