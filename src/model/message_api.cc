#include "model/message_api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::SendRequest);
REEVE_JSON_COMPILE(api::InboxView);

}  // namespace reeve
