#include "doors/rest/call.h"

/// The mirror in tinytown's keys.
namespace reeve::doors {

Async<net::Answer> get_mirror(Call& call) {
  const Result<api::MirrorView> view = call.rest.mirror ? call.rest.mirror() : api::MirrorView();
  co_return reply(view);
}

Async<net::Answer> post_adopt(Call& call) {
  auto request = body_of<api::AdoptRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  if (!call.rest.adopt) {
    co_return net::problem_response(
        Error(Errc::conflict,
              "there is no mirror, so no agents of tinytown's (reeve config mirror.redis "
              "redis://..., then reeve stop)"));
  }
  co_return reply(co_await call.rest.adopt(call.caller, std::move(*request)), 201);
}

}  // namespace reeve::doors
