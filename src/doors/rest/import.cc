#include "town/import.h"

#include "doors/rest/call.h"

/// The route of what is taken over from another program's town.

namespace reeve::doors {

Async<net::Answer> post_import(Call& call) {
  if (call.caller.round) {
    co_return net::problem_response(
        Error(Errc::denied, "a town is taken over from outside of a round"));
  }
  auto request = body_of<api::ImportRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::import_part(call.rest.ground, call.caller, std::move(*request)));
}

}  // namespace reeve::doors
