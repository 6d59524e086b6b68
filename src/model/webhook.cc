#include "model/webhook.h"

namespace reeve {

REEVE_JSON_COMPILE(Webhook);

}  // namespace reeve
