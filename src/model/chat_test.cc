#include "model/chat.h"

#include <gtest/gtest.h>

#include "model/tool.h"

namespace reeve {
namespace {

// Conversations are kept in this form: a change here is a change of format.
TEST(ChatMessageJson, WireFormIsFixed) {
  EXPECT_EQ(write_json_of(ChatMessage::user("hi")),
            R"({"role":"user","parts":[{"type":"text","text":"hi"}]})");
  EXPECT_EQ(write_json_of(ChatMessage::tool_result("c1", "no such file", true)),
            R"({"role":"tool","parts":[{"type":"text","text":"no such file"}],)"
            R"("tool_call_id":"c1","failed":true})");
  ChatMessage answer;
  answer.role = ChatRole::assistant;
  answer.reasoning = "hm";
  answer.tool_calls.push_back({"c1", "read", json::object{{"path", "a"}}, ""});
  answer.tool_calls.push_back({"c2", "read", "{", "no JSON"});
  EXPECT_EQ(
      write_json_of(answer),
      R"({"role":"assistant","tool_calls":[{"id":"c1","name":"read","arguments":{"path":"a"}},)"
      R"({"id":"c2","name":"read","arguments":"{","problem":"no JSON"}],"reasoning":"hm"})");
}

TEST(ChatMessageJson, ComesBackAsItWas) {
  auto message = ChatMessage::user("look");
  message.name = "ada";
  message.parts.emplace_back(ImagePart{"https://example.org/a.png", "", ""});
  message.parts.emplace_back(ImagePart{"", "image/png", "aGk="});
  EXPECT_EQ(parse_json_as<ChatMessage>(write_json_of(message)).value(), message);

  ChatMessage answer;
  answer.role = ChatRole::assistant;
  answer.refusal = "no";
  answer.tool_calls.push_back({"c1", "read", json::object{}, ""});
  EXPECT_EQ(parse_json_as<ChatMessage>(write_json_of(answer)).value(), answer);
  const auto result = ChatMessage::tool_result("c1", "done", true);
  EXPECT_EQ(parse_json_as<ChatMessage>(write_json_of(result)).value(), result);
}

TEST(ChatMessageJson, RefusesWhatItWouldGetWrongAndNamesIt) {
  const auto refusal = [](std::string_view text) {
    return parse_json_as<ChatMessage>(text).error().message();
  };
  EXPECT_EQ(refusal("[]"), "expected an object");
  EXPECT_EQ(refusal("{}"), "a message needs its role");
  EXPECT_EQ(refusal(R"({"role":"robot"})"),
            "role: \"robot\" is none of system, user, assistant, tool");
  EXPECT_EQ(refusal(R"({"role":"user","parts":[{"type":"smell"}]})"),
            "parts[0].type: \"smell\" is none of text, image");
  EXPECT_EQ(refusal(R"({"role":"user","parts":[{"type":"text","text":1}]})"),
            "parts[0].text: expected a text");
  EXPECT_EQ(refusal(R"({"role":"user","parts":[{"type":"image"}]})"),
            "parts[0]: an image has either a url or data");
  EXPECT_EQ(refusal(R"({"role":"user","parts":[{"type":"image","data":"aGk="}]})"),
            "parts[0]: an image's data needs its media_type");
}

TEST(ChatMessageJson, PassesOverMembersOfALaterVersion) {
  const auto read = parse_json_as<ChatMessage>(
      R"({"role":"user","mood":"fine","parts":[{"type":"text","text":"hi","bold":true}]})");
  EXPECT_EQ(read.value(), ChatMessage::user("hi"));
}

TEST(ChatMessage, ItsTextIsThatOfAllItsTextParts) {
  auto message = ChatMessage::user("a");
  message.parts.emplace_back(ImagePart{"https://example.org/a.png", "", ""});
  message.parts.emplace_back(TextPart{"b"});
  EXPECT_EQ(text_of(message), "ab");
}

TEST(ToolChoice, IsAModeAndPerhapsAName) {
  EXPECT_EQ(write_json_of(ToolChoice()), R"({"mode":"auto"})");
  const ToolChoice named{ToolChoice::Mode::named, "read"};
  EXPECT_EQ(parse_json_as<ToolChoice>(write_json_of(named)).value(), named);
}

TEST(ToolDescriptor, ItsNameIsOneThatEveryProviderTakes) {
  for (const char* good : {"read", "Read_file-2", "x"}) EXPECT_TRUE(check_tool_name(good)) << good;
  for (const char* bad : {"", "a b", "a.b", "a/b", "\xC3\xA4"})
    EXPECT_EQ(check_tool_name(bad).error().code(), Errc::invalid_argument) << bad;
  EXPECT_TRUE(check_tool_name(std::string(64, 'a')));
  EXPECT_FALSE(check_tool_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace reeve
