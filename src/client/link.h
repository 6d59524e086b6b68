#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "client/client.h"
#include "net/http_client.h"
#include "wire/sse.h"

/// A daemon's API for who has a loop of its own: libreeve in another process.
namespace reeve::client {

using aio::Async;

class Link;

/// Messages of an event stream, which is opened again where it was cut. One call at a time.
class LinkStream {
 public:
  /// Asked for again and again: after a cut it goes on from where it was.
  using NextRequest = std::function<net::ClientRequest()>;
  LinkStream(Link& link, NextRequest next_request);

  /// Waits for more messages; never empty. Errors: what the daemon says; unavailable: it is gone
  /// for good.
  Async<Result<std::vector<wire::SseMessage>>> next();

 private:
  Async<Status> open();

  Link& link_;
  NextRequest next_request_;
  std::unique_ptr<net::HttpStream> stream_;
  wire::SseDecoder decoder_;
  std::chrono::milliseconds pause_{0};
};

/// Any number of requests at a time. Every changing one carries an idempotency key and is repeated
/// after `unavailable` and `unknown_outcome` (G9), for as long as ClientSettings::patience has a
/// daemon away; where there is none, one is started, once. Domain thread only; what it refers to
/// outlives it.
class Link {
 public:
  Link(Env& env, aio::asio::any_io_executor executor, TownFolder folder, ClientSettings settings);

  /// The answer's body. Errors: the daemon's, and those of the way to it. `timeout` empty: as long
  /// as it takes.
  Async<Result<std::string>> get(std::string target,
                                 std::optional<std::chrono::milliseconds> timeout = kTimeout);
  Async<Result<std::string>> change(std::string method, std::string target, std::string body,
                                    std::string key = {});
  template <class T>
  Async<Result<T>> get_as(std::string target,
                          std::optional<std::chrono::milliseconds> timeout = kTimeout) {
    auto body = co_await get(std::move(target), timeout);
    if (!body) co_return fail(body.error());
    co_return parse_json_as<T>(*body);
  }

  [[nodiscard]] const TownFolder& folder() const { return folder_; }

 private:
  friend class LinkStream;
  static constexpr std::chrono::milliseconds kTimeout{30'000};

  Async<Result<std::string>> ask(net::OutgoingRequest request);
  [[nodiscard]] net::OutgoingRequest request(std::string method, const std::string& target) const;
  /// After a failure: waits a little, starts a daemon if that is to be done. The error, if there is
  /// no more to hope for.
  Async<Status> recover(Error why, std::chrono::milliseconds& pause,
                        std::chrono::nanoseconds deadline);

  Env& env_;
  TownFolder folder_;
  ClientSettings settings_;
  net::HttpClient http_;
  bool reached_ = false;  // there was a daemon
};

}  // namespace reeve::client
