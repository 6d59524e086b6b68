#include "town/agents.h"

#include <fstream>

#include "doors/rest/call.h"
#include "town/agent_views.h"
#include "town/control.h"
#include "town/directory.h"
#include "town/pruning.h"

/// Routes of agents.

namespace reeve::doors {

namespace {

/// The end of a file, of at most `limit` bytes.
Result<std::string> tail_of(const std::filesystem::path& path, std::uint64_t limit) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(Errc::not_found, "its output is not kept any more");
  const auto size = static_cast<std::uint64_t>(file.tellg());
  const auto from = size > limit ? size - limit : 0;
  std::string text(size - from, '\0');
  file.seekg(static_cast<std::streamoff>(from));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace

Async<net::Answer> get_agents(Call& call) {
  const auto page = page_of(call.request);
  if (!page) co_return net::problem_response(page.error());
  town::AgentQuery query;
  query.after = page->after;
  query.limit = page->limit;
  query.state = call.request.param("state").value_or("");
  const auto open = call.request.param("open").value_or("");
  if (query.state.empty() && (open == "1" || open == "true")) query.state = run::kOpen;
  co_return reply(co_await town::list_agents(call.rest.ground, std::move(query)));
}

Async<net::Answer> post_agent(Call& call) {
  auto request = body_of<api::SpawnRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::spawn(call.rest.ground, call.caller, std::move(*request)), 201);
}

Async<net::Answer> get_agent(Call& call) {
  auto agent = co_await town::find_agent(call.rest.ground.log.store(), call.names["agent"]);
  if (!agent) co_return net::problem_response(agent.error());
  co_return reply(co_await town::view_agent(call.rest.ground, std::move(*agent)));
}

Async<net::Answer> post_kill(Call& call) {
  auto request = body_of<api::ReasonRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::kill(call.rest.ground, call.caller, call.names["agent"],
                                      std::move(request->reason)));
}

Async<net::Answer> post_interrupt(Call& call) {
  auto request = body_of<api::ReasonRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::interrupt(call.rest.ground, call.caller, call.names["agent"],
                                           std::move(request->reason)));
}

Async<net::Answer> post_resume(Call& call) {
  auto request = body_of<api::ReasonRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::resume(call.rest.ground, call.caller, call.names["agent"],
                                        std::move(request->reason)));
}

Async<net::Answer> post_close(Call& call) {
  auto request = body_of<api::ReasonRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::close(call.rest.ground, call.caller, call.names["agent"],
                                       std::move(request->reason)));
}

Async<net::Answer> post_restart(Call& call) {
  auto request = body_of<api::RestartRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::restart(call.rest.ground, call.caller, call.names["agent"],
                                         std::move(*request)));
}

Async<net::Answer> post_prune(Call& call) {
  auto request = body_of<api::PruneRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::prune(call.rest.ground, call.caller, call.names["agent"],
                                       std::move(*request)));
}

Async<net::Answer> post_kill_all(Call& call) {
  auto request = body_of<api::ReasonRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(
      co_await town::stop_all(call.rest.ground, call.caller, std::move(request->reason)));
}

Async<net::Answer> post_prune_all(Call& call) {
  auto request = body_of<api::PruneRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::prune_all(call.rest.ground, call.caller, std::move(*request)));
}

Async<net::Answer> get_agent_result(Call& call) {
  co_return reply(co_await town::last_result(call.rest.ground, call.names["agent"]));
}

Async<net::Answer> get_agent_wait(Call& call) {
  std::optional<AgentState> state;
  if (const auto wanted = call.request.param("state"); wanted && !wanted->empty()) {
    state = enum_from_name<AgentState>(*wanted);
    if (!state) {
      co_return net::problem_response(
          Error(Errc::invalid_argument, "state: not one of an agent (docs/api.md)"));
    }
  }
  co_return reply(co_await town::wait_agent(call.rest.ground, call.names["agent"], state));
}

Async<net::Answer> get_agent_output(Call& call) {
  auto& store = call.rest.ground.log.store();
  auto agent = co_await town::find_agent(store, call.names["agent"]);
  if (!agent) co_return net::problem_response(agent.error());
  store::DocQuery query;
  query.mark = run::agent_mark(agent->id);
  query.descending = true;
  query.limit = 1;
  auto runs = co_await run::load_list<reeve::Run>(store, std::move(query));
  if (!runs) co_return net::problem_response(runs.error());
  if (runs->empty()) {
    co_return net::problem_response(Error(Errc::not_found, agent->name + " has had no round yet"));
  }
  auto id = runs->front().id;
  if (const auto wanted = call.request.param("run")) {
    const auto parsed = RunId::parse(*wanted);
    if (!parsed) co_return net::problem_response(parsed.error());
    auto run = co_await run::load<reeve::Run>(store, *parsed);
    if (!run) co_return net::problem_response(run.error());
    if (run->agent != agent->id) {
      co_return net::problem_response(
          Error(Errc::not_found, agent->name + " has had no run " + parsed->str()));
    }
    id = *parsed;
  }
  const auto stream = call.request.param("stream").value_or("out");
  if (stream != "out" && stream != "err") {
    co_return net::problem_response(Error(Errc::invalid_argument, "stream: out or err"));
  }
  constexpr std::uint64_t kTail = 1 << 20;
  auto text = tail_of(run::round_folder(call.rest.rounds, id) / stream, kTail);
  if (!text) co_return net::problem_response(text.error());
  net::Response response;
  response.headers = {{"Content-Type", "application/octet-stream"}, {"Reeve-Run", id.str()}};
  response.body = std::move(*text);
  co_return response;
}

}  // namespace reeve::doors
