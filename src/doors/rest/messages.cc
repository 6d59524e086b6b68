#include "town/messages.h"

#include "doors/rest/call.h"

/// Routes of messages.

namespace reeve::doors {

Async<net::Answer> get_inbox(Call& call) {
  co_return reply(co_await town::inbox(call.rest.ground, call.names["agent"]));
}

Async<net::Answer> post_message(Call& call) {
  auto request = body_of<api::SendRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::send(call.rest.ground, call.caller, std::move(*request)), 201);
}

}  // namespace reeve::doors
