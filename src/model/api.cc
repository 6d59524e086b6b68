#include "model/api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::StopRequest);
REEVE_JSON_COMPILE(api::TownView);
REEVE_JSON_COMPILE(api::RetentionView);
REEVE_JSON_COMPILE(api::RetentionReport);
REEVE_JSON_COMPILE(api::SnapshotView);
REEVE_JSON_COMPILE(api::WebhookRequest);
REEVE_JSON_COMPILE(api::WebhookView);
REEVE_JSON_COMPILE(api::WebhookTest);
REEVE_JSON_COMPILE(api::DeadDeliveries);
REEVE_JSON_COMPILE(api::DeadRequest);
REEVE_JSON_COMPILE(api::DeadReply);

}  // namespace reeve
