#pragma once

#include <boost/describe.hpp>

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"
#include "event/event.h"

namespace reeve {

/// `removed` is the end: nothing is told any more, and its secret is forgotten.
enum class WebhookState { active, disabled, removed };
BOOST_DESCRIBE_ENUM(WebhookState, active, disabled, removed)

/// Somebody outside who is told of the town's events by HTTP. Of its URL only the origin stands
/// here and in events, since the rest may be as good as a password; the whole of it is kept beside
/// the secret that deliveries are signed with.
struct Webhook {
  WebhookId id;
  std::string origin;              ///< "https://example.org"
  std::vector<std::string> kinds;  ///< of events it is told of; empty: all
  std::vector<Scope> scopes;       ///< any of these; empty: all
  WebhookState state = WebhookState::active;
  std::string reason;  ///< why it is disabled
  Time created_at{};
  Time updated_at{};
};
BOOST_DESCRIBE_STRUCT(Webhook, (),
                      (id, origin, kinds, scopes, state, reason, created_at, updated_at))

REEVE_JSON_DECLARE(Webhook);

}  // namespace reeve
