#include "model/import_api.h"

namespace reeve {

REEVE_JSON_COMPILE(api::ImportRequest);
REEVE_JSON_COMPILE(api::ImportReport);

}  // namespace reeve
