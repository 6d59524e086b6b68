#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "net/address.h"
#include "net/http.h"
#include "wire/sse.h"

/// The HTTP/1.1 server: Unix sockets and TCP, one thread, one coroutine per connection.
namespace reeve::net {

namespace asio = boost::asio;

struct ServerOptions {
  std::string version;  ///< sent as `Reeve-Version` with every answer
  std::size_t head_limit = limits::kHttpHead;
  std::size_t body_limit = limits::kRequestBody;
  std::size_t connections = limits::kConnections;  ///< one more is answered 503 and closed
  /// A request must have come whole this long after its first byte, however slowly it drips.
  std::chrono::milliseconds request_timeout{30'000};
  /// A connection without a request is closed after this.
  std::chrono::milliseconds idle_timeout{60'000};
  /// A reader that takes not one byte for this long is given up. Streams too: they resume.
  std::chrono::milliseconds write_timeout{60'000};
  /// What stop() leaves to requests that are being answered.
  std::chrono::milliseconds stop_grace{5'000};
  /// What it leaves to streams, to say why they end.
  std::chrono::milliseconds stream_grace{1'000};
};

/// Where a streaming answer puts its body. One write at a time.
class Writer {
 public:
  /// Returns when the kernel has taken all of it, so a slow reader slows whoever awaits this; no
  /// more than this one chunk is kept. `chunk` must live until then. unavailable: the peer is gone,
  /// or took nothing for write_timeout; cancelled: the server stops. Both are for ever.
  virtual asio::awaitable<Status> write(std::string_view chunk) = 0;

 protected:
  ~Writer() = default;
};

/// Writes the body of a streaming answer; its end is the answer's. A throw cuts the connection, so
/// the reader sees that the answer is not whole. `writer` lives as long as the call.
using StreamBody = std::function<asio::awaitable<void>(Writer& writer)>;

/// What a handler answers: a response, or a head whose body follows as a stream.
struct Answer {
  Answer() = default;
  Answer(Response whole) : response(std::move(whole)) {}  // NOLINT: a response is an answer
  Answer(Response head, StreamBody body) : response(std::move(head)), stream(std::move(body)) {}

  Response response;
  StreamBody stream;
};

/// A 200 with the headers of an event stream; the body writes encode_sse() frames.
Answer event_stream(StreamBody body);

/// Answers one request, on the server's thread. It is cancelled (terminal) when the peer
/// disconnects (over TCP also when it only closes its sending side) and when the server stops; what
/// must not be torn then belongs to another task group. An exception becomes a 500 problem and
/// never ends the server.
using Handler = std::function<asio::awaitable<Answer>(Request request)>;

/// Lifetime: the io_context outlives the Server, and run() has returned (or will never be resumed)
/// before it goes. Everything is called on the executor's one thread.
class Server {
 public:
  Server(asio::any_io_executor executor, Handler handler, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens there from now on; connections wait until run(), which comes after the last listen().
  /// Returns the address with its real port. Errors: listen_on() in net/socket.h.
  Result<Address> listen(const Address& address);

  /// Serves until stop() and until every connection has ended. Cancelling it is a stop() without
  /// grace.
  asio::awaitable<void> run();

  /// Closes the listeners and idle connections; streams get `stream_grace`, requests that are being
  /// answered `stop_grace`, then they are cancelled. Returns at once; run() returns when all is
  /// joined.
  void stop();

  [[nodiscard]] std::size_t connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reeve::net
