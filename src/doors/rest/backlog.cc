#include "town/backlog.h"

#include "doors/rest/call.h"

/// Routes of the backlog.

namespace reeve::doors {

Async<net::Answer> post_task(Call& call) {
  auto request = body_of<api::AssignRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::add_task(call.rest.ground, call.caller, std::move(*request)), 201);
}

Async<net::Answer> get_backlog(Call& call) {
  const auto page = page_of(call.request);
  if (!page) co_return net::problem_response(page.error());
  co_return reply(co_await town::list_backlog(call.rest.ground, page->after, page->limit));
}

Async<net::Answer> post_agent_backlog(Call& call) {
  co_return reply(co_await town::assign_all(call.rest.ground, call.caller, call.names["agent"]));
}

Async<net::Answer> post_backlog_claim(Call& call) {
  auto request = body_of<api::ClaimRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::claim_task(call.rest.ground, call.caller, call.names["task"],
                                            std::move(request->agent)));
}

Async<net::Answer> post_backlog_remove(Call& call) {
  auto request = body_of<api::ReasonRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::remove_task(call.rest.ground, call.caller, call.names["task"],
                                             std::move(request->reason)));
}

}  // namespace reeve::doors
