#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "aio/suspend.h"
#include "base/error.h"
#include "net/url.h"

namespace boost::asio::ssl {
class context;
template <class Stream>
class stream;
}  // namespace boost::asio::ssl

/// One connection of the HTTP client (internal to net/).
namespace reeve::net {

namespace asio = boost::asio;
using aio::Async;
using TlsContext = std::shared_ptr<asio::ssl::context>;

/// Trusts the authorities of `ca_file`, or the system's when it is empty. invalid_argument: the
/// file cannot be read as such.
Result<TlsContext> make_tls_context(const std::string& ca_file);

/// Bytes to and from one origin, in clear or over TLS, each step with its deadline. One step at a
/// time. Every step throws operation_aborted when its coroutine is cancelled; after that, or after
/// an error, the connection is of no more use. Destroying it closes it.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
  struct Private {};

 public:
  using Clock = std::chrono::steady_clock;

  /// `tls` is needed for https only. `unix_socket`: where to connect instead of the URL's host;
  /// empty: there. unavailable: no such host, nobody listens, no TLS there; denied: the
  /// certificate, or the socket is not ours to connect to; timeout.
  static Async<Result<std::shared_ptr<HttpConnection>>> open(asio::any_io_executor executor,
                                                             Url url, TlsContext tls,
                                                             std::filesystem::path unix_socket,
                                                             Clock::time_point deadline);
  HttpConnection(Private, const asio::any_io_executor& executor, Url url);
  ~HttpConnection();

  /// At least one byte; 0: the peer has closed in good order. unavailable: cut; timeout.
  Async<Result<std::size_t>> read_some(asio::mutable_buffer into, Clock::time_point deadline);
  /// At least one byte. unavailable, timeout.
  Async<Result<std::size_t>> write_some(std::string_view bytes, Clock::time_point deadline);

  /// A kept connection that has something to say without being asked: the server has closed it.
  [[nodiscard]] bool is_stale();

 private:
  using Socket = asio::generic::stream_protocol::socket;
  using Tls = asio::ssl::stream<Socket&>;

  Async<Status> connect(std::filesystem::path unix_socket, Clock::time_point deadline);
  Async<Status> shake_hands(TlsContext tls, Clock::time_point deadline);
  void arm(Clock::time_point deadline);
  void look_at_clock();
  Result<std::size_t> outcome(const boost::system::error_code& error, std::size_t size);

  Url url_;
  Socket socket_;
  asio::steady_timer timer_;
  TlsContext context_;
  std::unique_ptr<Tls> tls_;  // refers to the socket
  Clock::time_point deadline_ = Clock::time_point::max();
  bool waiting_ = false;  // the timer has a wait pending
  bool timed_out_ = false;
};

}  // namespace reeve::net
