#include "model/task_api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::AssignRequest);
REEVE_JSON_COMPILE(api::RetryRequest);
REEVE_JSON_COMPILE(api::ClaimRequest);
REEVE_JSON_COMPILE(api::ReportRequest);
REEVE_JSON_COMPILE(api::TaskCounts);
REEVE_JSON_COMPILE(api::TaskView);
REEVE_JSON_COMPILE(api::TaskPage);
REEVE_JSON_COMPILE(api::BacklogView);
REEVE_JSON_COMPILE(api::BacklogPage);
REEVE_JSON_COMPILE(api::ClaimReport);

}  // namespace reeve
