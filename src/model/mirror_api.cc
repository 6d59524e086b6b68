#include "model/mirror_api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::AdoptRequest);
REEVE_JSON_COMPILE(api::MirrorView);

}  // namespace reeve
