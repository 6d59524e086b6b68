#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "aio/suspend.h"
#include "base/error.h"
#include "base/limits.h"
#include "net/http.h"

namespace reeve::net {

using aio::Async;

struct HttpClientOptions {
  /// Finding the host, connecting and the TLS handshake.
  std::chrono::milliseconds connect_timeout{10'000};
  std::size_t body_limit = limits::kResponseBody;
  /// PEM file of the authorities to trust instead of the system's.
  std::string ca_file;
  /// How long a connection that nobody uses is kept for the next request to its origin; 0: not.
  std::chrono::milliseconds keep_alive{15'000};
  /// Where every connection goes, whatever host a URL names. Empty: to that host.
  std::filesystem::path unix_socket;
};

struct OutgoingRequest {
  std::string method = "GET";
  std::string url;
  /// Host, Content-Length, Transfer-Encoding and Connection are the client's own to say.
  Headers headers;
  std::string body;
  /// The whole answer; of a stream: until its head.
  std::chrono::milliseconds timeout{30'000};
  /// Between two pieces of anything, in either direction.
  std::chrono::milliseconds idle_timeout{60'000};
};

/// Told of each piece of a body as it comes. Its error ends the exchange. Until it has answered the
/// piece stays where it is, nothing more is read, and no time-out counts: who is slow slows the
/// server down.
using OnChunk = std::function<Async<Status>(std::string_view piece)>;

/// An answer that is read piece by piece, as fast as its reader likes: the server is slowed down by
/// a slow one. Letting go of it closes its connection. One call at a time.
class HttpStream {
 public:
  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  /// Its body is there only if the status is not 2xx.
  [[nodiscard]] const Response& head() const;
  /// The next piece of the body, decoded. Empty: that was all. Cancelled or failed, it is spent.
  Async<Result<std::string>> next();

 private:
  friend class HttpClient;
  struct State;
  explicit HttpStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// An HTTP/1.1 client on the domain loop: http, and https with certificate and host name verified.
/// Any number of requests at a time. It follows no redirect, and knows no proxy.
///
/// Cancelling a call closes its connection at once and throws operation_aborted, as every wait of
/// Asio does. An answer with an error status is a Response all the same. No error text holds more
/// of the URL than its origin. Errors of all calls:
///   unavailable      nobody listens or no such host; or a GET or HEAD was cut; or the request
///   never
///                    went out whole
///   unknown_outcome  any other request went out whole, and its answer did not come back whole
///   timeout          not in time; nothing is said about the outcome
///   denied           the server's certificate could not be verified
///   corrupt, too_large  the answer is no HTTP, or over a limit
///   invalid_argument    the URL, ca_file, or a method or header that cannot be sent
class HttpClient {
 public:
  explicit HttpClient(aio::asio::any_io_executor executor, HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  Async<Result<Response>> request(OutgoingRequest request);

  /// Hands the body of a 2xx answer to `on_chunk`, decoded, of any length, and returns the head.
  /// Any other answer is returned with its body, and `on_chunk` is not called.
  Async<Result<Response>> stream(OutgoingRequest request, OnChunk on_chunk);

  /// The same for who would rather ask for the pieces. It has a connection of its own.
  Async<Result<std::unique_ptr<HttpStream>>> open(OutgoingRequest request);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with what is under way
};

}  // namespace reeve::net
