#include "client/calls.h"

namespace reeve::client {

Result<Message> Client::send(const api::SendRequest& request, const std::string& key) {
  return read<Message>(post("/v1/messages", write_json_of(request), key));
}
Result<api::InboxView> Client::inbox(const std::string& agent) {
  return read<api::InboxView>(get("/v1/agents/" + escape(agent) + "/inbox", kTimeout));
}

}  // namespace reeve::client
