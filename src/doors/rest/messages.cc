#include "town/messages.h"

#include "doors/rest/call.h"
#include "town/asking.h"
#include "town/inbox.h"

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

Async<net::Answer> post_broadcast(Call& call) {
  auto request = body_of<api::SendRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::broadcast(call.rest.ground, call.caller, std::move(*request)),
                  201);
}

Async<net::Answer> post_messages_done(Call& call) {
  auto request = body_of<api::DoneRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::done_with(call.rest.ground, call.caller, std::move(*request)));
}

Async<net::Answer> get_message(Call& call) {
  co_return reply(co_await town::show_message(call.rest.ground, call.names["message"]));
}

Async<net::Answer> get_message_answer(Call& call) {
  co_return reply(co_await town::wait_answer(call.rest.ground, call.names["message"]));
}

Async<net::Answer> post_message_reply(Call& call) {
  auto request = body_of<api::ReplyRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::reply(call.rest.ground, call.caller, call.names["message"],
                                       std::move(request->text)),
                  201);
}

Async<net::Answer> post_message_retry(Call& call) {
  co_return reply(
      co_await town::retry_message(call.rest.ground, call.caller, call.names["message"]));
}

}  // namespace reeve::doors
