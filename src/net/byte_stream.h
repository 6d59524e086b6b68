#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "aio/suspend.h"
#include "base/error.h"

namespace boost::asio::ssl {
class context;
template <class Stream>
class stream;
}  // namespace boost::asio::ssl

/// One connection of a client, of HTTP or of Redis (internal to net/).
namespace reeve::net {

namespace asio = boost::asio;
using aio::Async;
using TlsContext = std::shared_ptr<asio::ssl::context>;

/// PEM files.
struct TlsFiles {
  std::string ca;           ///< the authorities to trust; empty: the system's
  std::string certificate;  ///< what we show of ourselves; empty: nothing
  std::string key;          ///< of that certificate
  bool verify = true;  ///< that the server is who it says; without it anybody may be in between
};

/// invalid_argument: a file cannot be read as what it should be.
Result<TlsContext> make_tls_context(const TlsFiles& files);

/// Where a connection goes.
struct Destination {
  std::filesystem::path unix_socket;  ///< there, whatever host and port say; empty: not
  std::string host;                   ///< a name in lower case, or a numeric address
  std::uint16_t port = 0;
  bool numeric = false;  ///< the host is an IPv4 or IPv6 address
  bool tls = false;
  std::string told;  ///< what error texts call it: "https://example.org"; never with a secret
};

/// Bytes to and from one place, in clear or over TLS, each step with its deadline. One step at a
/// time; two, one that reads and one that writes, where neither has a deadline. Every step throws
/// operation_aborted when its coroutine is cancelled; after that, or after an error, the connection
/// is of no more use. Destroying it closes it.
class ByteStream : public std::enable_shared_from_this<ByteStream> {
  struct Private {};

 public:
  using Clock = std::chrono::steady_clock;

  /// `tls` is needed only where the destination says so. unavailable: no such host, nobody listens,
  /// no TLS there; denied: the certificate, or the socket is not ours to connect to; timeout.
  static Async<Result<std::shared_ptr<ByteStream>>> open(asio::any_io_executor executor,
                                                         Destination to, TlsContext tls,
                                                         Clock::time_point deadline);
  ByteStream(Private, const asio::any_io_executor& executor, Destination to);
  ~ByteStream();

  /// At least one byte; 0: the peer has closed in good order. unavailable: cut; denied: it wants
  /// another certificate of us; timeout.
  Async<Result<std::size_t>> read_some(asio::mutable_buffer into, Clock::time_point deadline);
  /// At least one byte. unavailable, timeout.
  Async<Result<std::size_t>> write_some(std::string_view bytes, Clock::time_point deadline);

  /// What can be written at once: how many of the bytes. 0 also where it cannot be tried (TLS), and
  /// where writing fails: write_some() says how. Not while a write_some() is under way.
  std::size_t try_write(std::string_view bytes);

  /// A kept connection that has something to say without being asked: the server has closed it.
  [[nodiscard]] bool is_stale();

  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }

  /// Closes it: what is under way, and every step from now on, ends with unavailable.
  void cut();

 private:
  using Socket = asio::generic::stream_protocol::socket;
  using Tls = asio::ssl::stream<Socket&>;

  Async<Status> connect(Clock::time_point deadline);
  Async<Status> shake_hands(TlsContext tls, Clock::time_point deadline);
  void arm(Clock::time_point deadline);
  void look_at_clock();
  Result<std::size_t> outcome(const boost::system::error_code& error, std::size_t size);

  Destination to_;
  Socket socket_;
  asio::steady_timer timer_;
  TlsContext context_;
  std::unique_ptr<Tls> tls_;  // refers to the socket
  Clock::time_point deadline_ = Clock::time_point::max();
  bool waiting_ = false;  // the timer has a wait pending
  bool timed_out_ = false;
  bool cut_ = false;
};

}  // namespace reeve::net
