#include "client/client.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/fd.h"
#include "base/json.h"
#include "client/calls.h"
#include "client/keeper_lock.h"
#include "client/requests.h"
#include "client/start_daemon.h"
#include "wire/problem.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kStartTimeout = 20'000ms;
/// The stages of the slowest round, and some.
constexpr auto kStopTimeout = 60'000ms;
/// How often a daemon is started before its death at the start is believed.
constexpr int kStarts = 3;

/// Of the answer to GET /v1/version: the daemon's process.
struct Whom {
  std::int64_t pid = 0;
};
BOOST_DESCRIBE_STRUCT(Whom, (), (pid))

struct EventTexts {
  std::vector<json::value> events;
  std::string cursor;
};
BOOST_DESCRIBE_STRUCT(EventTexts, (), (events, cursor))

}  // namespace

ClientSettings settings_from_environment(std::string version) {
  ClientSettings settings;
  settings.version = std::move(version);
  if (const char* token = std::getenv("REEVE_TOKEN")) settings.round_token = token;
  settings.may_start_daemon =
      settings.round_token.empty() && std::getenv("REEVE_NO_START") == nullptr;
  return settings;
}

Client::Client(TownFolder folder, ClientSettings settings)
    : folder_(std::move(folder)), settings_(std::move(settings)) {}

net::ClientOptions Client::options(std::chrono::milliseconds timeout) const {
  net::ClientOptions options;
  options.version = settings_.version;
  options.timeout = timeout;
  return options;
}

Status Client::revive() {
  if (!settings_.may_start_daemon) return fail(gone(false));
  Status started;
  // A daemon that ended while it was starting may have been killed: that says nothing of the next.
  for (int attempt = 0; attempt < kStarts; ++attempt) {
    started = start_daemon(folder_, kStartTimeout, settings_.program);
    if (started || !started.error().is(Errc::unavailable)) break;
  }
  return started;
}

bool Client::may_start() const { return settings_.may_start_daemon && !(lasting_ && reached_); }

Result<net::Response> Client::send_until_answered(net::ClientRequest request,
                                                  std::chrono::milliseconds timeout) {
  request.headers.emplace_back("Reeve-Api", kApi);
  request.headers.emplace_back("Reeve-Root", escape(folder_.root().string()));
  if (in_round()) request.headers.emplace_back("Reeve-Token", settings_.round_token);
  if (request.method != "GET") request.headers.emplace_back("Content-Type", "application/json");
  // A daemon that is away is on its way back, or is started; a cut answer is asked for again. It
  // may die any number of times meanwhile.
  const bool waits = settings_.may_start_daemon || in_round() || lasting_;
  auto deadline = Clock::now() + settings_.patience;
  auto pause = 0ms;
  for (;;) {
    const auto began = Clock::now();
    net::BlockingClient connection(net::UnixAddress{folder_.socket()}, options(timeout));
    auto response = connection.request(request);
    const bool there = connection.reached();
    reached_ = reached_ || there;
    // A round outlives the daemon that stops: the next one is for it, too. A daemon that cannot say
    // whether it was done is asked again, with the same key: then it can.
    const bool handed_on =
        response && (in_round() ? is_worth_repeating(*response) : is_in_doubt(*response));
    if (!handed_on && (response || !worth_repeating(response.error()))) return response;
    // Patience is for a daemon that is away, not for one that took long to answer (a wait).
    if (!response && Clock::now() - began > 1s) deadline = Clock::now() + settings_.patience;
    // Nobody is there, and nobody is on the way.
    if (!waits && !response && response.error().is(Errc::unavailable)) return response;
    if (lasting_ && !there && !may_start() && !in_round() && !is_kept(folder_))
      return fail(gone(reached_));
    if (Clock::now() + pause > deadline) return response;
    std::this_thread::sleep_for(pause);
    pause = std::clamp(pause * 2, 5ms, 500ms);
    if (!may_start() || handed_on) continue;
    if (auto revived = revive(); !revived) return fail(revived.error());
  }
}

Result<net::Response> Client::get(const std::string& target, std::chrono::milliseconds timeout) {
  net::ClientRequest request;
  request.target = target;
  return send_until_answered(std::move(request), timeout);
}

Result<net::Response> Client::post(const std::string& target, const std::string& body,
                                   const std::string& key) {
  return post(target, body, key, kTimeout);
}
Result<net::Response> Client::post(const std::string& target, const std::string& body,
                                   const std::string& key, std::chrono::milliseconds timeout) {
  net::ClientRequest request;
  request.method = "POST";
  request.target = target;
  request.body = body;
  request.headers.emplace_back("Idempotency-Key", key.empty() ? new_key() : key);
  return send_until_answered(std::move(request), timeout);
}

Result<net::Response> Client::wait(const std::string& target,
                                   std::optional<std::chrono::milliseconds> timeout) {
  lasting_ = true;
  // A wait of no time at all is a look, and that takes a moment.
  constexpr auto kLook = 500ms;
  return get(target, std::max<std::chrono::milliseconds>(timeout.value_or(kForEver), kLook));
}
namespace {

/// A descriptor that is readable once the process has ended; nothing, if it has already, or if the
/// kernel cannot tell.
Fd watch_process(std::int64_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
}

Status wait_for_end(const Fd& process, std::optional<std::chrono::milliseconds> timeout) {
  if (!process) return {};
  const auto deadline = Clock::now() + timeout.value_or(kForEver);
  for (;;) {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(deadline - Clock::now());
    if (left <= 0ms)
      return fail(Errc::timeout, "the daemon has not stopped yet: see .reeve/daemon.log");
    pollfd waiting{process.get(), POLLIN, 0};
    const auto slice = std::min<std::int64_t>(left.count(), 60'000);
    if (::poll(&waiting, 1, static_cast<int>(slice)) > 0) return {};
  }
}

}  // namespace

Status Client::stop(api::StopMode mode) {
  net::BlockingClient connection(net::UnixAddress{folder_.socket()}, options(kTimeout));
  net::ClientRequest request;
  request.headers.emplace_back("Reeve-Api", kApi);
  request.target = "/v1/version";
  const auto version = connection.request(request);
  // A daemon that died would be brought back by its keeper.
  if (!version && version.error().is(Errc::unavailable) && end_keeper(folder_)) return {};
  if (!version) return fail(version.error());
  const auto who = parse_json_as<Whom>(version->body);
  const auto process = watch_process(who ? who->pid : 0);
  request.method = "POST";
  request.target = "/v1/daemon/stop";
  request.body = write_json_of(api::StopRequest{mode});
  auto response = connection.request(request);
  // A daemon that died would be brought back by its keeper.
  if (!response && response.error().is(Errc::unavailable) && end_keeper(folder_)) return {};
  if (!response) return fail(response.error());
  if (response->status >= 400) return fail(wire::read_problem(response->status, response->body));
  // Rounds that are waited for take as long as they take.
  if (mode == api::StopMode::drain) return wait_for_end(process, std::nullopt);
  return wait_for_end(process, kStopTimeout);
}

Result<Client::Events> Client::events(const EventQuery& query) {
  auto response = get(target_of(query), kTimeout);
  if (!response) return fail(response.error());
  if (response->status >= 400) return fail(wire::read_problem(response->status, response->body));
  auto page = parse_json_as<EventTexts>(response->body);
  if (!page) return fail(Errc::corrupt, "the daemon's answer is not understood");
  Events events;
  for (const auto& event : page->events) events.events.push_back(write_json(event));
  events.cursor = std::move(page->cursor);
  return events;
}

Result<EventPage> Client::read_events(const EventQuery& query) {
  return read<EventPage>(get(target_of(query), kTimeout));
}

Status Client::stream(const std::function<net::ClientRequest()>& next_request,
                      const std::function<bool(const wire::SseMessage&)>& on_message) {
  lasting_ = true;
  bool going = true;
  std::optional<Error> told;
  auto pause = 5ms;
  auto deadline = Clock::now() + settings_.patience;
  while (going) {
    net::BlockingClient connection(net::UnixAddress{folder_.socket()}, options(kTimeout));
    auto request = next_request();
    request.headers.emplace_back("Accept", "text/event-stream");
    request.headers.emplace_back("Reeve-Api", kApi);
    request.headers.emplace_back("Reeve-Root", escape(folder_.root().string()));
    auto response = connection.stream(request, [&](const wire::SseMessage& message) {
      pause = 5ms;
      reached_ = true;  // already for what is asked while it is followed
      if (message.event == "error") {
        told = error_in(message);
        return false;
      }
      going = on_message(message);
      return going;
    });
    if (told && !worth_repeating(*told)) return fail(*told);
    told.reset();
    if (response && response->status >= 400 && !is_worth_repeating(*response))
      return fail(wire::read_problem(response->status, response->body));
    if (!response && !worth_repeating(response.error()) && !response.error().is(Errc::timeout))
      return fail(response.error());
    if (!going) break;
    // The daemon is gone for the moment: go on when it is back.
    if (connection.reached()) {
      reached_ = true;
      deadline = Clock::now() + settings_.patience;
    } else if (may_start()) {
      if (auto revived = revive(); !revived) return revived;
    } else if (in_round() ? Clock::now() > deadline : !is_kept(folder_)) {
      return fail(gone(reached_));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, 500ms);
  }
  return {};
}

Status Client::follow(EventQuery query, const OnFrame& on_frame) {
  const auto next = [&] {
    net::ClientRequest request;
    request.target = target_of(query);
    return request;
  };
  return stream(next, [&](const wire::SseMessage& message) {
    if (message.id) query.after = *message.id;
    return on_frame(message.event, message.data, message.id.value_or(""));
  });
}

}  // namespace reeve::client
