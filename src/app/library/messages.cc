#include "reeve/messages.hpp"

#include "app/library/work.h"
#include "app/library/work_face.h"
#include "model/message_api.h"

namespace reeve::library {
namespace {

Result<api::SendRequest> request_of(const v1::Letter& letter) {
  api::SendRequest request;
  const auto type = enum_from_name<MessageType>(letter.type);
  if (!type) {
    return fail(Errc::invalid_argument,
                "\"" + letter.type +
                    "\" is no type of a message: task, query, informational, "
                    "confirmation or custom");
  }
  request.to = letter.to;
  request.text = letter.text;
  request.type = *type;
  request.priority = inner(letter.priority);
  request.delivery = inner(letter.delivery);
  request.correlation = letter.correlation;
  if (request.type == MessageType::custom) request.kind = "custom";
  return request;
}

v1::Result<v1::LetterInfo> letter_of(const Result<Message>& message) {
  if (!message) return face(message.error());
  return face(*message);
}

}  // namespace
}  // namespace reeve::library

namespace reeve::v1 {

using library::ask_for;
using library::target_of;

Result<LetterInfo> Messages::send(const Letter& letter) {
  const auto request = library::request_of(letter);
  if (!request) return library::face(request.error());
  return library::letter_of(
      ask_for<reeve::Message>(*engine_, "POST", "/v1/messages", write_json_of(*request)));
}

Result<std::vector<LetterInfo>> Messages::inbox(const std::string& of) {
  const auto view = ask_for<api::InboxView>(*engine_, "GET", target_of("agents", of, "inbox"));
  if (!view) return library::face(view.error());
  std::vector<LetterInfo> letters;
  for (const auto& message : view->messages) letters.push_back(library::face(message));
  return letters;
}

Result<Answer> Messages::ask(const std::string& agent, const std::string& question,
                             std::optional<std::chrono::milliseconds> timeout) {
  Letter letter;
  letter.to = agent;
  letter.text = question;
  letter.type = "query";
  const auto sent = send(letter);
  if (!sent) return sent.error();
  const auto reply = ask_for<api::AnswerReply>(
      *engine_, "GET", target_of("messages", sent->id, "answer"), {}, timeout);
  if (!reply) return library::face(reply.error());
  return Answer{reply->text, reply->from, reply->by == "message"};
}

Result<LetterInfo> Messages::reply(const std::string& message, const std::string& text) {
  return library::letter_of(ask_for<reeve::Message>(*engine_, "POST",
                                                    target_of("messages", message, "reply"),
                                                    write_json_of(api::ReplyRequest{text})));
}

}  // namespace reeve::v1
