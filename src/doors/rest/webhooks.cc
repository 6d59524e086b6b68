#include "town/webhooks.h"

#include "doors/rest/call.h"

/// Routes of webhooks. docs/webhooks.md

namespace reeve::doors {

namespace {

Async<net::Answer> settle_dead(Call& call, town::Webhooks::Dead what) {
  auto request = body_of<api::DeadRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await call.rest.webhooks.settle_dead(call.caller, call.names["webhook"], what,
                                                          std::move(request->ids)));
}

}  // namespace

Async<net::Answer> get_webhooks(Call& call) {
  co_return reply(co_await call.rest.webhooks.list(call.caller));
}

Async<net::Answer> post_webhook(Call& call) {
  auto request = body_of<api::WebhookRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await call.rest.webhooks.add(call.caller, std::move(*request)), 201);
}

Async<net::Answer> post_webhook_enable(Call& call) {
  co_return reply(co_await call.rest.webhooks.enable(call.caller, call.names["webhook"]));
}

Async<net::Answer> post_webhook_remove(Call& call) {
  co_return reply(co_await call.rest.webhooks.remove(call.caller, call.names["webhook"]));
}

Async<net::Answer> post_webhook_test(Call& call) {
  co_return reply(co_await call.rest.webhooks.test(call.caller, call.names["webhook"]));
}

Async<net::Answer> get_webhook_dead(Call& call) {
  const auto page = page_of(call.request);
  if (!page) co_return net::problem_response(page.error());
  co_return reply(co_await call.rest.webhooks.dead(call.caller, call.names["webhook"], page->after,
                                                   page->limit));
}

Async<net::Answer> post_webhook_retry(Call& call) {
  co_return co_await settle_dead(call, town::Webhooks::Dead::retry);
}

Async<net::Answer> post_webhook_discard(Call& call) {
  co_return co_await settle_dead(call, town::Webhooks::Dead::discard);
}

}  // namespace reeve::doors
