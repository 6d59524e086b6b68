#include "town/recovery.h"

#include "doors/rest/call.h"
#include "town/reclaim.h"

/// Routes of recovery.

namespace reeve::doors {

Async<net::Answer> post_recover(Call& call) {
  auto request = body_of<api::RecoverRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::recover(call.rest.ground, *request));
}

Async<net::Answer> post_reclaim(Call& call) {
  auto request = body_of<api::ReclaimRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::reclaim(call.rest.ground, call.caller, std::move(*request)));
}

}  // namespace reeve::doors
