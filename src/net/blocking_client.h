#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "net/address.h"
#include "net/http.h"
#include "wire/sse.h"

namespace reeve::net {

struct ClientOptions {
  std::string version;  ///< sent as `Reeve-Version`
  /// For one request: connecting, sending, and the whole answer (of a stream: its head).
  std::chrono::milliseconds timeout{30'000};
  /// A stream that is silent for this long has failed; longer than the server's heartbeat.
  std::chrono::milliseconds stream_idle{60'000};
  std::size_t body_limit = limits::kResponseBody;
};

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";
  Headers headers;
  std::string body;
};

/// An HTTP client without a loop, for commands: it is there at once, and the thread waits.
///
/// One connection, opened when it is needed and kept. An answer with an error status is a Response
/// all the same (wire/problem.h reads it).
///
/// Errors of both calls:
///   unavailable      nobody listens; or a GET or HEAD was cut; or the request never went out whole
///   unknown_outcome  any other request went out whole, and its answer did not come back whole
///   timeout          not answered in time; nothing is said about the outcome
///   denied           the socket is not ours to connect to
///   corrupt, too_large  the answer is no HTTP, or over a limit
///   invalid_argument    the address, or a method, target or header that cannot be sent
class BlockingClient {
 public:
  explicit BlockingClient(Address address, ClientOptions options = {});

  Result<Response> request(const ClientRequest& request);

  /// Whether to go on.
  using OnMessage = std::function<bool(const wire::SseMessage& message)>;

  /// Calls `on_message` for each message of an event stream. Returns its head when the server ended
  /// it or `on_message` said no. An answer that is no event stream is returned as by request(). A
  /// GET stream that is cut is unavailable: resume after the last message's id.
  Result<Response> stream(const ClientRequest& request, const OnMessage& on_message);

  /// Somebody has taken a connection of this client's, whatever became of it.
  [[nodiscard]] bool reached() const { return reached_; }

 private:
  class Exchange;

  Address address_;
  ClientOptions options_;
  Fd connection_;
  bool reached_ = false;
};

}  // namespace reeve::net
