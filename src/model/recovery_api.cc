#include "model/recovery_api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::RecoverRequest);
REEVE_JSON_COMPILE(api::RecoveryReport);
REEVE_JSON_COMPILE(api::ReclaimRequest);
REEVE_JSON_COMPILE(api::ReclaimDone);
REEVE_JSON_COMPILE(api::ReclaimReport);

}  // namespace reeve
