#include "client/calls.h"

namespace reeve::client {

namespace {

/// POST /v1/providers' answer.
struct Providers {
  std::vector<std::string> providers;
};
BOOST_DESCRIBE_STRUCT(Providers, (), (providers))

/// The place in the log that a cursor names; of a text that is none: 0.
std::uint64_t place_of(const std::string& cursor) {
  const auto parsed = Cursor::parse(cursor);
  return parsed ? parsed->position.value : 0;
}

}  // namespace

Result<RunResult> Client::emit(api::EmitCall call, api::Asked& asked, const OnRun& on_run) {
  if (!call.client_request_id) call.client_request_id = new_key();
  const auto next = [&] {
    net::ClientRequest request;
    request.method = "POST";
    request.target = "/v1/runs";
    request.headers = {{"Content-Type", "application/json"}};
    if (in_round()) request.headers.emplace_back("Reeve-Token", settings_.round_token);
    request.body = write_json_of(call);
    return request;
  };
  Result<RunResult> result =
      fail(Errc::cancelled, "nobody listens any more; the run goes on: reeve run show");
  std::uint64_t seen = 0;
  auto streamed = stream(next, [&](const wire::SseMessage& message) {
    if (message.event == "run") {
      if (auto known = parse_json_as<api::Asked>(message.data)) asked = std::move(*known);
      return true;
    }
    if (message.event == "result") {
      result = parse_json_as<RunResult>(message.data);
      return false;
    }
    // Asked again after a cut, a run tells its events from the beginning.
    const auto place = message.id ? place_of(*message.id) : 0;
    if (message.id && place <= seen) return true;
    if (message.id) seen = place;
    return on_run(message.event, message.data);
  });
  if (!streamed) return fail(streamed.error());
  return result;
}

Result<api::Asked> Client::emit(const api::EmitCall& call) {
  return read<api::Asked>(post("/v1/runs", write_json_of(call)));
}
Result<api::RunView> Client::run(const std::string& run) {
  return read<api::RunView>(get("/v1/runs/" + escape(run), kTimeout));
}
Result<RunResult> Client::run_result(const std::string& run,
                                     std::optional<std::chrono::milliseconds> timeout) {
  return read<RunResult>(wait("/v1/runs/" + escape(run) + "/result", timeout));
}
Result<api::Asked> Client::cancel_run(const std::string& run, const api::CancelRequest& request) {
  return read<api::Asked>(post("/v1/runs/" + escape(run) + "/cancel", write_json_of(request)));
}
Result<std::vector<std::string>> Client::providers() {
  auto names = read<Providers>(get("/v1/providers", kTimeout));
  if (!names) return fail(names.error());
  return std::move(names->providers);
}

}  // namespace reeve::client
