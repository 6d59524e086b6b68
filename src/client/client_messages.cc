#include "client/calls.h"

namespace reeve::client {

Result<Message> Client::send(const api::SendRequest& request, const std::string& key) {
  return read<Message>(post("/v1/messages", write_json_of(request), key));
}
Result<api::InboxView> Client::inbox(const std::string& agent) {
  return read<api::InboxView>(get("/v1/agents/" + escape(agent) + "/inbox", kTimeout));
}
Result<api::BroadcastReply> Client::broadcast(const api::SendRequest& request,
                                              const std::string& key) {
  return read<api::BroadcastReply>(post("/v1/broadcast", write_json_of(request), key));
}
Result<api::MessageView> Client::message(const std::string& reference) {
  return read<api::MessageView>(get("/v1/messages/" + escape(reference), kTimeout));
}
Result<api::AnswerReply> Client::wait_answer(const std::string& message,
                                             std::optional<std::chrono::milliseconds> timeout) {
  return read<api::AnswerReply>(wait("/v1/messages/" + escape(message) + "/answer", timeout));
}
Result<Message> Client::reply(const std::string& message, const std::string& text) {
  return read<Message>(
      post("/v1/messages/" + escape(message) + "/reply", write_json_of(api::ReplyRequest{text})));
}
Result<Message> Client::retry_message(const std::string& message) {
  return read<Message>(post("/v1/messages/" + escape(message) + "/retry", "{}"));
}
Result<api::DoneReply> Client::done_with(const api::DoneRequest& request) {
  return read<api::DoneReply>(post("/v1/messages/done", write_json_of(request)));
}

}  // namespace reeve::client
