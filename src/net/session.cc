#include "net/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/logging.h"

namespace reeve::net {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
/// One read: most requests come in one.
constexpr std::size_t kReadSize = 16 << 10;
/// How long the rest of a refused request is read and thrown away, so that the peer gets to read
/// the answer instead of a reset.
constexpr auto kLinger = std::chrono::seconds(2);
/// Bodies below this go out in the same write as their head.
constexpr std::size_t kOneWrite = 64 << 10;

/// What the server says itself, and the handler must not.
bool is_framing(std::string_view name) {
  const auto is = [&](std::string_view other) {
    return std::ranges::equal(name, other, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
  };
  return is("content-length") || is("transfer-encoding") || is("connection");
}

}  // namespace

Session::Session(Socket socket, Peer peer, const ServerOptions& options, const Handler& handler)
    : socket_(std::move(socket)),
      peer_(std::move(peer)),
      options_(options),
      handler_(handler),
      parser_({.head = options.head_limit, .body = options.body_limit}) {}

void Session::tick(Clock::time_point now) {
  if (now < deadline_) return;
  deadline_ = Clock::time_point::max();
  timed_out_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Session::stop() {
  stopping_ = true;
  if (doing_ == Doing::waiting || doing_ == Doing::closing) cancel();
}

void Session::cancel_stream() {
  if (doing_ == Doing::streaming) cancel();
}

void Session::cancel() { signal_.emit(asio::cancellation_type::terminal); }

void Session::refuse() {
  keep_alive_ = false;
  auto response = problem_response(Error(Errc::unavailable, "too many connections; try again"));
  const auto bytes = head_of(response, true) + response.body;
  // As much as the kernel takes at once: nobody waits for the rest.
  (void)::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

asio::awaitable<void> Session::run() {
  while (co_await read_request()) {
    head_only_ = false;
    keep_alive_ = parser_.keep_alive() && !stopping_;
    chunks_ = parser_.speaks_chunks();
    auto request = parser_.take();
    if (!request) {
      co_await refuse_request(std::move(request.error()));
      co_return;
    }
    head_only_ = request->method == "HEAD";
    request->peer = peer_;
    if (!co_await answer(std::move(*request))) co_return;
    if (!keep_alive_) co_return;
  }
}

/// False: there is none, and what had to be said about that is said.
asio::awaitable<bool> Session::read_request() {
  doing_ = Doing::waiting;
  deadline_ = Clock::now() + options_.idle_timeout;
  auto parsed = parser_.feed({});  // bytes that came with the request before
  bool continued = false;
  std::vector<char> buffer;
  for (;;) {
    if (!parsed) {
      co_await refuse_request(std::move(parsed.error()));
      co_return false;
    }
    if (*parsed == Parsed::done) {
      deadline_ = Clock::time_point::max();
      co_return true;
    }
    if (*parsed != Parsed::nothing && doing_ == Doing::waiting) {
      doing_ = Doing::reading;
      deadline_ = Clock::now() + options_.request_timeout;
    }
    if (*parsed == Parsed::in_body && !continued && parser_.expects_continue()) {
      continued = true;
      const auto sent = co_await send_all("HTTP/1.1 100 Continue\r\n\r\n");
      if (!sent) co_return false;
    }
    buffer.resize(kReadSize);
    const auto got = co_await socket_.async_read_some(asio::buffer(buffer), kTuple);
    const auto& [error, size] = got;
    if (timed_out_) {
      if (doing_ == Doing::reading) {
        ParseError late{408, Error(Errc::timeout, "the request did not come whole in time")};
        co_await refuse_request(std::move(late));
      }
      co_return false;
    }
    if (error) co_return false;  // closed, reset, or cancelled: nobody to answer
    parsed = parser_.feed(std::string_view(buffer.data(), size));
  }
}

/// False: the connection cannot go on.
asio::awaitable<bool> Session::answer(Request request) {
  doing_ = Doing::answering;
  watch_peer();
  auto answer = co_await ask_handler(std::move(request));
  // A cancelled handler that had an answer all the same gets to send it.
  co_await asio::this_coro::reset_cancellation_state();
  if (peer_gone_) co_return false;
  if (stopping_) keep_alive_ = false;
  if (answer.stream) co_return co_await send_stream(std::move(answer));
  const auto sent = co_await send_response(std::move(answer.response));
  co_return sent.has_value();
}

asio::awaitable<Answer> Session::ask_handler(Request request) {
  const auto what = request.method + " " + request.path;
  const bool reads = request.method == "GET" || request.method == "HEAD";
  Error error;
  try {
    co_return co_await handler_(std::move(request));
  } catch (const boost::system::system_error& failure) {
    const bool cancelled = failure.code() == asio::error::operation_aborted;
    if (cancelled && (peer_gone_ || stopping_)) {
      error = Error(reads ? Errc::unavailable : Errc::unknown_outcome,
                    "the server stopped before this was answered");
    } else {
      error = Error(Errc::internal, failure.what());
    }
  } catch (const std::exception& failure) {
    error = Error(Errc::internal, failure.what());
  }
  if (error.is(Errc::internal)) logging::error("{}: {}", what, error.message());
  // What the exception says is for the log: it may name what the peer should not know.
  if (error.is(Errc::internal))
    error = Error(Errc::internal, "this request met a bug; see the log");
  co_return problem_response(error);
}

/// The head with what the server itself has to say. A header that cannot be sent makes it a 500,
/// and changes `response` to that.
std::string Session::head_of(Response& response, bool sized) const {
  for (;;) {
    Headers headers;
    headers.reserve(response.headers.size() + 3);
    for (const auto& [name, value] : response.headers) {
      if (!is_framing(name)) headers.emplace_back(name, value);
    }
    headers.emplace_back("Reeve-Version", options_.version);
    const bool bodiless = response.status == 204 || response.status == 304;
    if (sized && !bodiless) {
      headers.emplace_back("Content-Length", std::to_string(response.body.size()));
    }
    if (!sized && chunks_) headers.emplace_back("Transfer-Encoding", "chunked");
    if (!keep_alive_) headers.emplace_back("Connection", "close");
    // HTTP/1.0 takes silence for "close".
    if (keep_alive_ && !chunks_) headers.emplace_back("Connection", "keep-alive");
    auto head = encode_head(response.status, headers);
    if (head) return std::move(*head);
    logging::error("{}", head.error().message());
    response = problem_response(Error(Errc::internal, "this request met a bug; see the log"));
    sized = true;
  }
}

asio::awaitable<Status> Session::send_response(Response response) {
  auto bytes = head_of(response, true);
  const bool bodiless = head_only_ || response.status == 204 || response.status == 304;
  if (bodiless) response.body.clear();
  if (bytes.size() + response.body.size() <= kOneWrite) {
    bytes += response.body;
    response.body.clear();
  }
  auto sent = co_await send_all(bytes);
  if (sent && !response.body.empty()) sent = co_await send_all(response.body);
  co_return sent;
}

/// False: the connection cannot go on.
asio::awaitable<bool> Session::send_stream(Answer answer) {
  if (!chunks_) keep_alive_ = false;  // HTTP/1.0: the end of the connection is the end of the body
  answer.response.body.clear();
  auto head = head_of(answer.response, false);
  const bool refused = !answer.response.body.empty();  // its headers: this is a problem now
  if (refused) keep_alive_ = false;
  head += answer.response.body;
  const auto sent = co_await send_all(head);
  if (!sent || refused) co_return false;
  if (head_only_) co_return true;
  doing_ = Doing::streaming;
  watch_peer();
  try {
    co_await answer.stream(*this);
  } catch (const boost::system::system_error& failure) {
    if (failure.code() != asio::error::operation_aborted) {
      logging::error("a stream: {}", failure.what());
    }
    co_return false;
  } catch (const std::exception& failure) {
    logging::error("a stream: {}", failure.what());
    co_return false;
  }
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return false;
  if (!chunks_) co_return false;
  const auto ended = co_await send_all("0\r\n\r\n");
  co_return ended.has_value() && !stopping_;
}

asio::awaitable<Status> Session::write(std::string_view chunk) {
  if (chunk.empty()) co_return Status();  // an empty chunk would be the end
  if (!chunks_) co_return co_await send_all(chunk);
  const auto framed = fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
  co_return co_await send_all(framed);
}

asio::awaitable<Status> Session::send_all(std::string_view bytes) {
  const auto before = deadline_;
  while (!bytes.empty()) {
    if (timed_out_) co_return fail(Errc::unavailable, "the peer takes nothing");
    deadline_ = Clock::now() + options_.write_timeout;
    const auto sent =
        co_await socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()), kTuple);
    const auto& [error, size] = sent;
    bytes.remove_prefix(size);
    if (!error) continue;
    keep_alive_ = false;
    if (timed_out_) co_return fail(Errc::unavailable, "the peer takes nothing");
    if (error == asio::error::operation_aborted && !peer_gone_) {
      co_return fail(Errc::cancelled, "the server stops");
    }
    peer_gone_ = true;
    co_return fail(Errc::unavailable, "the peer is gone");
  }
  deadline_ = before;
  co_return Status();
}

/// Answers a request that cannot be served, and closes: where the next one would start is not
/// known.
asio::awaitable<void> Session::refuse_request(ParseError error) {
  keep_alive_ = false;
  timed_out_ = false;
  head_only_ = false;
  const auto sent = co_await send_response(problem_response(error.error, error.status));
  if (sent) co_await close_gently();
}

/// Closing with unread bytes resets the connection, and the peer may lose the answer to that.
asio::awaitable<void> Session::close_gently() {
  doing_ = Doing::closing;
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  deadline_ = Clock::now() + kLinger;
  std::vector<char> buffer(kReadSize);
  while (!error && !timed_out_ && Clock::now() < deadline_ && !stopping_) {
    const auto got = co_await socket_.async_read_some(asio::buffer(buffer), kTuple);
    error = std::get<0>(got);
  }
}

/// Has the handler cancelled when the peer closes. A Unix socket tells that (hang-up) from a peer
/// that only sends no more; of TCP we learn the end of its bytes, and take that for it. Bytes that
/// come there instead are the next request: then it looks no further.
void Session::watch_peer() {
  if (watching_) return;
  watching_ = true;
  const auto what = peer_.local ? Socket::wait_error : Socket::wait_read;
  socket_.async_wait(what, [weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (!self) return;
    self->watching_ = false;
    if (error || (self->doing_ != Doing::answering && self->doing_ != Doing::streaming)) return;
    if (!self->has_left()) return;
    self->peer_gone_ = true;
    self->cancel();
  });
}

bool Session::has_left() {
  const int fd = socket_.native_handle();
  if (peer_.local) {
    pollfd now{.fd = fd, .events = 0, .revents = 0};
    return ::poll(&now, 1, 0) > 0;  // hang-up and error are always asked for
  }
  char byte = 0;
  const auto got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace reeve::net
