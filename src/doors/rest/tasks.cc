#include "town/tasks.h"

#include "doors/rest/call.h"

/// Routes of tasks.

namespace reeve::doors {

namespace {

Async<net::Answer> report(Call& call, town::Report what) {
  auto request = body_of<api::ReportRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::report(call.rest.ground, call.caller, call.names["task"], what,
                                        std::move(request->text)));
}

}  // namespace

Async<net::Answer> post_agent_task(Call& call) {
  auto request = body_of<api::AssignRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::assign(call.rest.ground, call.caller, call.names["agent"],
                                        std::move(*request)),
                  201);
}

Async<net::Answer> get_agent_task(Call& call) {
  co_return reply(co_await town::current_task(call.rest.ground, call.names["agent"]));
}

Async<net::Answer> get_tasks(Call& call) {
  const auto page = page_of(call.request);
  if (!page) co_return net::problem_response(page.error());
  const std::string state(call.request.param("state").value_or(""));
  co_return reply(co_await town::list_tasks(call.rest.ground, state, page->after, page->limit));
}

Async<net::Answer> get_task(Call& call) {
  co_return reply(co_await town::show_task(call.rest.ground, call.names["task"]));
}

Async<net::Answer> get_task_wait(Call& call) {
  co_return reply(co_await town::wait_task(call.rest.ground, call.names["task"]));
}

Async<net::Answer> post_complete(Call& call) {
  co_return co_await report(call, town::Report::complete);
}

Async<net::Answer> post_fail(Call& call) { co_return co_await report(call, town::Report::fail); }

Async<net::Answer> post_progress(Call& call) {
  co_return co_await report(call, town::Report::progress);
}

}  // namespace reeve::doors
