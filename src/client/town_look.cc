#include "client/town_look.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "client/calls.h"
#include "client/requests.h"
#include "net/blocking_client.h"

namespace reeve::client {
namespace {

constexpr std::size_t kAtATime = 16;

TownLook look(const KnownTown& town, std::chrono::milliseconds timeout) {
  TownLook seen{.name = town.name, .root = town.root};
  if (!is_there(town)) {
    seen.state = TownState::path_missing;
    return seen;
  }
  const auto view = ask_running(TownFolder(town.root), timeout);
  if (!view && view.error().is(Errc::unavailable)) return seen;
  if (!view) {
    seen.state = TownState::no_answer;
    seen.problem = view.error().message();
    return seen;
  }
  seen.name = view->name;
  seen.state = TownState::running;
  seen.pid = view->pid;
  seen.agents = std::ranges::count_if(view->agents,
                                      [](const auto& each) { return !is_ended(each.agent.state); });
  seen.working = std::ranges::count_if(view->agents, [](const auto& each) {
    return each.agent.state == AgentState::working || each.agent.current_run.has_value();
  });
  return seen;
}

}  // namespace

Result<api::TownView> ask_running(const TownFolder& folder, std::chrono::milliseconds timeout) {
  net::ClientOptions options;
  options.timeout = timeout;
  net::BlockingClient connection(net::UnixAddress{folder.socket()}, options);
  net::ClientRequest request;
  request.target = "/v1/town";
  request.headers.emplace_back("Reeve-Api", kApi);
  return read<api::TownView>(connection.request(request));
}

std::vector<TownLook> look_at(const std::vector<KnownTown>& towns,
                              std::chrono::milliseconds timeout) {
  std::vector<TownLook> seen(towns.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto at = next++; at < towns.size(); at = next++) seen[at] = look(towns[at], timeout);
  };
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min(kAtATime, towns.size()); ++i) helpers.emplace_back(work);
  work();
  helpers.clear();
  return seen;
}

}  // namespace reeve::client
