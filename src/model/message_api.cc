#include "model/message_api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::SendRequest);
REEVE_JSON_COMPILE(api::BroadcastReply);
REEVE_JSON_COMPILE(api::ReplyRequest);
REEVE_JSON_COMPILE(api::AnswerReply);
REEVE_JSON_COMPILE(api::InboxView);
REEVE_JSON_COMPILE(api::MessageView);
REEVE_JSON_COMPILE(api::DoneRequest);
REEVE_JSON_COMPILE(api::DoneReply);

}  // namespace reeve
