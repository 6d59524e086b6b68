#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <chrono>
#include <memory>
#include <string>

#include "net/http_parser.h"
#include "net/server.h"

/// One connection of the server (internal to net/).
namespace reeve::net {

/// Reads a request, has it answered, writes the answer, and again. The owner (Server) spawns run()
/// with `signal()`'s slot, calls tick() every now and then, and keeps options and handler alive.
class Session final : public Writer, public std::enable_shared_from_this<Session> {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  using Clock = std::chrono::steady_clock;

  Session(Socket socket, Peer peer, const ServerOptions& options, const Handler& handler);

  asio::awaitable<void> run();

  /// Gives up what has taken too long.
  void tick(Clock::time_point now);
  /// The server stops: an idle connection ends now, a request is answered first, a stream may say
  /// why it ends.
  void stop();
  void cancel_stream();
  /// Ends whatever it does.
  void cancel();
  /// Answers 503 without a coroutine, for the connection that is one too many.
  void refuse();

  [[nodiscard]] asio::cancellation_slot slot() { return signal_.slot(); }

  asio::awaitable<Status> write(std::string_view chunk) override;

 private:
  /// What it waits for; decides what stop() means for it.
  enum class Doing { waiting, reading, answering, streaming, closing };

  asio::awaitable<bool> read_request();
  asio::awaitable<bool> answer(Request request);
  asio::awaitable<Answer> ask_handler(Request request);
  asio::awaitable<Status> send_response(Response response);
  asio::awaitable<bool> send_stream(Answer answer);
  asio::awaitable<Status> send_all(std::string_view bytes);
  asio::awaitable<void> refuse_request(ParseError error);
  asio::awaitable<void> close_gently();
  std::string head_of(Response& response, bool sized) const;
  void watch_peer();
  bool has_left();

  Socket socket_;
  Peer peer_;
  const ServerOptions& options_;
  const Handler& handler_;
  RequestParser parser_;
  asio::cancellation_signal signal_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Doing doing_ = Doing::waiting;
  bool timed_out_ = false;
  bool stopping_ = false;
  bool peer_gone_ = false;
  bool watching_ = false;
  // Of the request at hand:
  bool head_only_ = false;
  bool chunks_ = true;
  bool keep_alive_ = true;
};

}  // namespace reeve::net
