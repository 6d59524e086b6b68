#include "model/agent_api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::SpawnRequest);
REEVE_JSON_COMPILE(api::ReasonRequest);
REEVE_JSON_COMPILE(api::AgentView);
REEVE_JSON_COMPILE(api::AgentPage);
REEVE_JSON_COMPILE(api::RestartRequest);
REEVE_JSON_COMPILE(api::PruneRequest);
REEVE_JSON_COMPILE(api::AgentOutcomes);
REEVE_JSON_COMPILE(api::WaitReply);

}  // namespace reeve
