#include "client/link.h"

#include <algorithm>

#include "aio/real_env.h"
#include "client/keeper_lock.h"
#include "client/start_daemon.h"
#include "wire/problem.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartTimeout = 20'000ms;
constexpr auto kForEver = std::chrono::milliseconds(365 * 24h);
/// Longer than the daemon's heartbeat.
constexpr auto kStreamIdle = 60'000ms;

}  // namespace

Link::Link(Env& env, aio::asio::any_io_executor executor, TownFolder folder,
           ClientSettings settings)
    : env_(env),
      folder_(std::move(folder)),
      settings_(std::move(settings)),
      http_(std::move(executor), net::HttpClientOptions{.unix_socket = folder_.socket()}) {}

net::OutgoingRequest Link::request(std::string method, const std::string& target) const {
  net::OutgoingRequest request;
  request.method = std::move(method);
  request.url = "http://town" + target;
  request.headers = {{"Reeve-Api", kApi}, {"Reeve-Root", escape(folder_.root().string())}};
  if (!settings_.round_token.empty())
    request.headers.emplace_back("Reeve-Token", settings_.round_token);
  return request;
}

Async<Result<std::string>> Link::get(std::string target,
                                     std::optional<std::chrono::milliseconds> timeout) {
  auto asked = request("GET", target);
  asked.timeout = asked.idle_timeout = timeout.value_or(kForEver);
  co_return co_await ask(std::move(asked));
}

Async<Result<std::string>> Link::change(std::string method, std::string target, std::string body,
                                        std::string key) {
  auto asked = request(std::move(method), target);
  asked.headers.emplace_back("Content-Type", "application/json");
  asked.headers.emplace_back("Idempotency-Key", key.empty() ? new_key() : std::move(key));
  asked.body = std::move(body);
  co_return co_await ask(std::move(asked));
}

Async<Result<std::string>> Link::ask(net::OutgoingRequest request) {
  auto pause = 0ms;
  auto deadline = env_.uptime() + settings_.patience;
  for (;;) {
    const auto began = env_.uptime();
    auto response = co_await http_.request(request);
    Error why;
    if (response) {
      reached_ = true;
      if (response->status < 400) co_return std::move(response->body);
      why = wire::read_problem(response->status, response->body);
      if (!is_worth_repeating(*response)) co_return fail(std::move(why));
    } else {
      why = response.error();
      if (!worth_repeating(why)) co_return fail(std::move(why));
    }
    // Patience is for a daemon that is away, not for one that took long to answer.
    if (env_.uptime() - began > 1s) deadline = env_.uptime() + settings_.patience;
    if (auto hope = co_await recover(std::move(why), pause, deadline); !hope)
      co_return fail(hope.error());
  }
}

Async<Status> Link::recover(Error why, std::chrono::milliseconds& pause,
                            std::chrono::nanoseconds deadline) {
  // A town that was stopped stays so: to start it again would be against somebody's will.
  const bool start = settings_.may_start_daemon && !reached_;
  const bool kept = co_await aio::blocking(env_, [folder = folder_] { return is_kept(folder); });
  if (!start && !kept) co_return fail(gone(reached_));
  if (env_.uptime() + pause > deadline) co_return fail(std::move(why));
  co_await aio::sleep(env_, pause);
  pause = std::clamp(pause * 2, 5ms, 500ms);
  if (!start) co_return Status();
  co_return co_await aio::blocking(env_, [folder = folder_, program = settings_.program] {
    return start_daemon(folder, kStartTimeout, program);
  });
}

LinkStream::LinkStream(Link& link, NextRequest next_request)
    : link_(link), next_request_(std::move(next_request)) {}

Async<Status> LinkStream::open() {
  const auto next = next_request_();
  auto asked = link_.request(next.method, next.target);
  asked.headers.emplace_back("Accept", "text/event-stream");
  if (!next.body.empty()) asked.headers.emplace_back("Content-Type", "application/json");
  asked.body = next.body;
  asked.timeout = kForEver;  // a request may wait for its turn
  asked.idle_timeout = kStreamIdle;
  auto opened = co_await link_.http_.open(std::move(asked));
  if (!opened) co_return fail(opened.error());
  link_.reached_ = true;
  const auto& head = (*opened)->head();
  if (head.status >= 400) co_return fail(wire::read_problem(head.status, head.body));
  decoder_ = wire::SseDecoder();
  stream_ = std::move(*opened);
  co_return Status();
}

Async<Result<std::vector<wire::SseMessage>>> LinkStream::next() {
  auto deadline = link_.env_.uptime() + link_.settings_.patience;
  for (;;) {
    Result<std::string> piece;
    if (!stream_) {
      if (auto opened = co_await open(); !opened) piece = fail(opened.error());
    }
    if (stream_) {
      piece = co_await stream_->next();
      if (piece && piece->empty())
        piece = fail(Errc::unavailable, "the daemon has ended the stream");
    }
    Error why;
    if (piece) {
      auto messages = decoder_.feed(*piece);
      if (!messages) co_return fail(messages.error());
      if (messages->empty()) continue;
      pause_ = 0ms;
      if (messages->back().event != "error") co_return messages;
      why = error_in(messages->back());
      if (!worth_repeating(why)) co_return fail(std::move(why));
      messages->pop_back();
      stream_.reset();
      if (!messages->empty()) co_return messages;
    } else {
      why = piece.error();
      stream_.reset();
      if (!worth_repeating(why) && !why.is(Errc::timeout)) co_return fail(std::move(why));
    }
    if (auto hope = co_await link_.recover(std::move(why), pause_, deadline); !hope)
      co_return fail(hope.error());
  }
}

}  // namespace reeve::client
