#include "model/api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::SpawnRequest);
REEVE_JSON_COMPILE(api::AssignRequest);
REEVE_JSON_COMPILE(api::SendRequest);
REEVE_JSON_COMPILE(api::ReportRequest);
REEVE_JSON_COMPILE(api::KillRequest);
REEVE_JSON_COMPILE(api::StopRequest);
REEVE_JSON_COMPILE(api::AgentView);
REEVE_JSON_COMPILE(api::TaskCounts);
REEVE_JSON_COMPILE(api::TownView);
REEVE_JSON_COMPILE(api::RetentionView);
REEVE_JSON_COMPILE(api::RetentionReport);
REEVE_JSON_COMPILE(api::SnapshotView);
REEVE_JSON_COMPILE(api::InboxView);
REEVE_JSON_COMPILE(api::TaskView);
REEVE_JSON_COMPILE(api::TaskPage);
REEVE_JSON_COMPILE(api::WebhookRequest);
REEVE_JSON_COMPILE(api::WebhookView);
REEVE_JSON_COMPILE(api::WebhookTest);
REEVE_JSON_COMPILE(api::DeadDeliveries);
REEVE_JSON_COMPILE(api::DeadRequest);
REEVE_JSON_COMPILE(api::DeadReply);
REEVE_JSON_COMPILE(api::WaitReply);

}  // namespace reeve
