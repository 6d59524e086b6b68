#include "aio/within.h"
#include "doors/rest/call.h"
#include "run/session_data.h"
#include "wire/sse.h"

/// emit, and what is asked about runs.
namespace reeve::doors {
namespace {

/// A message of a run's stream that is no frame of the log.
template <class T>
std::string encode_value(const char* name, const T& value) {
  wire::SseMessage message;
  message.event = name;
  message.data = write_json_of(value);
  return wire::encode_sse(message);
}

/// What is known of it first, then its frames, then its result.
Async<> stream_run(log::Log& log, run::RunHandle handle, net::Writer& writer) {
  std::string chunk = encode_value("run", handle.asked());
  for (;;) {
    if (!co_await writer.write(chunk)) co_return;
    auto frames = co_await handle.events()->next();
    chunk.clear();
    if (!frames) {
      static_cast<void>(co_await writer.write(encode_error(frames.error())));
      co_return;
    }
    if (frames->empty()) break;
    for (const auto& frame : *frames) chunk += encode_frame(log, frame);
  }
  const auto result = co_await handle.result();
  chunk = result ? encode_value("result", *result) : encode_error(result.error());
  static_cast<void>(co_await writer.write(chunk));
}

bool wants_stream(const Call& call) {
  return net::header(call.request.headers, "accept").contains("text/event-stream");
}

net::Answer answer_run(Call& call, const Result<run::RunHandle>& handle, int status) {
  if (!handle) return net::problem_response(handle.error());
  if (!handle->events()) return reply(Result<api::Asked>(handle->asked()), status);
  return net::event_stream([&log = call.rest.ground.log, handle = *handle](net::Writer& writer) {
    return stream_run(log, handle, writer);
  });
}

/// What a caller's control says, where it says something.
Status set_limits(run::Control& control, std::optional<std::int64_t> timeout_ms,
                  std::optional<std::int64_t> concurrency) {
  if ((timeout_ms && *timeout_ms < 0) || (concurrency && *concurrency < 1))
    return fail(Errc::invalid_argument, "timeout_ms is at least 0, concurrency_limit at least 1");
  if (timeout_ms) control.set_timeout(Duration(*timeout_ms));
  if (concurrency) control.set_concurrency_limit(static_cast<std::size_t>(*concurrency));
  return {};
}

Async<Result<run::RunHandle>> find(Call& call, bool with_events) {
  co_return co_await aio::whole(call.rest.invocation.find_asked(call.names["run"], with_events));
}

Result<ThreadId> session_of(Call& call) {
  auto id = ThreadId::parse(call.names["session"]);
  if (!id) return fail(id.error().during("the session"));
  return *id;
}

net::Answer done(const Status& status) {
  if (!status) return net::problem_response(status.error());
  return net::json_response(200, "{}");
}

}  // namespace

Async<net::Answer> get_providers(Call& call) {
  json::array names;
  for (auto& name : call.rest.providers.names()) names.emplace_back(std::move(name));
  co_return net::json_response(200, write_json(json::object{{"providers", std::move(names)}}));
}

Async<net::Answer> post_run(Call& call) {
  auto asked = body_of<api::EmitCall>(call);
  if (!asked) co_return net::problem_response(asked.error());
  if (!asked->text.empty())
    asked->input.insert(asked->input.begin(), TextPart{std::move(asked->text)});
  if (!asked->client_request_id && call.caller.key) asked->client_request_id = call.caller.key->key;
  run::Control control;
  if (auto set = set_limits(control, asked->timeout_ms, asked->concurrency_limit); !set)
    co_return net::problem_response(set.error());
  EmitRequest request = std::move(*asked);
  // Not torn when the caller hangs up: a run that has begun goes on.
  auto handle = co_await aio::whole(
      call.rest.invocation.emit(std::move(request), std::move(control), wants_stream(call)));
  co_return answer_run(call, handle, 201);
}

Async<net::Answer> get_run(Call& call) {
  auto handle = co_await find(call, wants_stream(call));
  if (!handle || handle->events()) co_return answer_run(call, handle, 200);
  api::RunView view{handle->asked(), {}};
  if (view.run) {
    auto run = co_await run::load<reeve::Run>(call.rest.ground.log.store(), *view.run);
    if (!run) co_return net::problem_response(run.error());
    view.document = std::move(*run);
  }
  co_return reply(Result<api::RunView>(std::move(view)));
}

Async<net::Answer> get_run_result(Call& call) {
  auto handle = co_await find(call, false);
  if (!handle) co_return net::problem_response(handle.error());
  co_return reply(co_await handle->result());
}

Async<net::Answer> post_run_cancel(Call& call) {
  auto request = body_of<api::CancelRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  auto handle = co_await find(call, false);
  if (!handle) co_return net::problem_response(handle.error());
  auto why = request->reason.empty() ? std::string("cancelled") : std::move(request->reason);
  if (request->abort) {
    handle->abort(std::move(why));
  } else {
    handle->cancel(std::move(why));
  }
  co_return reply(Result<api::Asked>(handle->asked()), 202);
}

Async<net::Answer> post_run_control(Call& call) {
  auto request = body_of<api::ControlRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  auto handle = co_await find(call, false);
  if (!handle) co_return net::problem_response(handle.error());
  if (auto set = set_limits(handle->control(), request->timeout_ms, request->concurrency_limit);
      !set)
    co_return net::problem_response(set.error());
  co_return reply(Result<api::Asked>(handle->asked()));
}

Async<net::Answer> get_session_data(Call& call) {
  const auto session = session_of(call);
  if (!session) co_return net::problem_response(session.error());
  auto& store = call.rest.ground.log.store();
  auto value = co_await run::get_session_data(store, *session, call.names["key"]);
  if (!value) co_return net::problem_response(value.error());
  if (!*value) {
    co_return net::problem_response(
        Error(Errc::not_found, "session " + session->str() + " has no " + call.names["key"]));
  }
  co_return net::json_response(200, std::move(**value));
}

Async<net::Answer> put_session_data(Call& call) {
  const auto session = session_of(call);
  if (!session) co_return net::problem_response(session.error());
  co_return done(co_await run::put_session_data(call.rest.ground.log.store(), *session,
                                                call.names["key"], call.request.body));
}

Async<net::Answer> delete_session_data(Call& call) {
  const auto session = session_of(call);
  if (!session) co_return net::problem_response(session.error());
  co_return done(
      co_await run::remove_session_data(call.rest.ground.log.store(), *session, call.names["key"]));
}

}  // namespace reeve::doors
