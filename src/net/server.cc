#include "net/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/logging.h"
#include "net/session.h"
#include "net/socket.h"

namespace reeve::net {
namespace {

using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using Clock = std::chrono::steady_clock;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
/// After an accept() that failed for want of descriptors.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
/// How often sessions that ignore their cancellation are told again.
constexpr auto kInsist = std::chrono::milliseconds(200);

Peer peer_of(int fd, int family) {
  Peer peer;
  if (family == AF_UNIX) {
    ucred who{};
    socklen_t size = sizeof who;
    peer.local = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
    peer.uid = who.uid;
    peer.pid = who.pid;
    return peer;
  }
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0) {  // NOLINT
    peer.address = to_string(tcp_of(name));
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return peer;
}

/// Deadlines are looked at this often: finer than the shortest of them, and rarely enough.
Clock::duration tick_of(const ServerOptions& options) {
  const auto shortest =
      std::min({options.request_timeout, options.idle_timeout, options.write_timeout});
  return std::clamp<std::chrono::milliseconds>(shortest / 8, std::chrono::milliseconds(5),
                                               std::chrono::seconds(1));
}

}  // namespace

/// Owned by the Server and by each coroutine of it, so the order in which those go does not matter.
struct Server::State : std::enable_shared_from_this<State> {
  struct Entrance {
    Entrance(Listener opened, const asio::any_io_executor& executor)
        : listener(std::move(opened)), acceptor(executor), pause(executor) {
      sockaddr_storage name{};
      socklen_t size = sizeof name;
      ::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&name), &size);  // NOLINT
      family = name.ss_family;
      acceptor.assign(Protocol(family, 0), listener.fd.release());
    }

    Listener listener;
    Acceptor acceptor;
    asio::steady_timer pause;
    int family = AF_UNIX;
  };

  State(asio::any_io_executor where, Handler what, ServerOptions how)
      : executor(std::move(where)),
        handler(std::move(what)),
        options(std::move(how)),
        changed(executor),
        ticker(executor) {
    changed.expires_at(Clock::time_point::max());
  }

  asio::awaitable<void> accept(std::shared_ptr<Entrance> entrance);
  void open_session(Acceptor::protocol_type::socket socket, int family);
  void closed(std::uint64_t number, const std::exception_ptr& failure);
  asio::awaitable<void> wait_for_change();
  void close_entrances();
  void tick();

  asio::any_io_executor executor;
  Handler handler;
  ServerOptions options;
  std::vector<std::shared_ptr<Entrance>> entrances;
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions;
  std::uint64_t next_session = 1;
  std::size_t accepting = 0;
  bool stopping = false;
  asio::steady_timer changed;  // never expires: cancelled to wake run()
  asio::steady_timer ticker;
  bool ticking = false;
};

asio::awaitable<void> Server::State::accept(std::shared_ptr<Entrance> entrance) {
  while (!stopping) {
    auto accepted = co_await entrance->acceptor.async_accept(kTuple);
    auto& [error, socket] = accepted;
    if (stopping) co_return;
    if (!error) {
      open_session(std::move(socket), entrance->family);
    } else if (error != asio::error::connection_aborted) {
      logging::warn("accept on {}: {}", to_string(entrance->listener.address), error.message());
      entrance->pause.expires_after(kAcceptPause);
      const auto waited = co_await entrance->pause.async_wait(kTuple);
      (void)waited;
    }
  }
}

void Server::State::open_session(Protocol::socket socket, int family) {
  auto peer = peer_of(socket.native_handle(), family);
  auto session = std::make_shared<Session>(std::move(socket), std::move(peer), options, handler);
  if (sessions.size() >= options.connections) return session->refuse();
  const auto number = next_session++;
  sessions.emplace(number, session);
  // The session stays alive in the completion handler: its signal must outlive the coroutine.
  auto ended = [self = shared_from_this(), session, number](const std::exception_ptr& failure) {
    self->closed(number, failure);
  };
  asio::co_spawn(executor, session->run(),
                 asio::bind_cancellation_slot(session->slot(), std::move(ended)));
  if (!ticking) tick();
}

void Server::State::closed(std::uint64_t number, const std::exception_ptr& failure) {
  sessions.erase(number);
  changed.cancel();
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return;
    logging::error("a connection: {}", error.what());
  } catch (const std::exception& error) {
    logging::error("a connection: {}", error.what());
  }
}

void Server::State::tick() {
  ticking = !sessions.empty();
  if (!ticking) return;
  ticker.expires_after(tick_of(options));
  ticker.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (!self || error) return;
    const auto now = Clock::now();
    for (const auto& [number, session] : self->sessions) session->tick(now);
    self->tick();
  });
}

asio::awaitable<void> Server::State::wait_for_change() {
  const auto waited = co_await changed.async_wait(kTuple);
  (void)waited;
}

void Server::State::close_entrances() {
  for (const auto& entrance : entrances) {
    entrance->listener.remove();  // before it closes: a client that finds no file starts a daemon
    boost::system::error_code ignored;
    entrance->acceptor.close(ignored);
    entrance->pause.cancel();
  }
}

Server::Server(asio::any_io_executor executor, Handler handler, ServerOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(handler), std::move(options))) {
}

Server::~Server() { state_->close_entrances(); }

Result<Address> Server::listen(const Address& address) {
  auto listener = listen_on(address);
  if (!listener) return fail(listener.error());
  auto bound = listener->address;
  state_->entrances.push_back(
      std::make_shared<State::Entrance>(std::move(*listener), state_->executor));
  return bound;
}

asio::awaitable<void> Server::run() {
  const auto state = state_;
  co_await asio::this_coro::throw_if_cancelled(false);
  for (const auto& entrance : state->entrances) {
    ++state->accepting;
    auto ended = [state](const std::exception_ptr& failure) {
      --state->accepting;
      state->changed.cancel();
      if (failure) logging::error("a listener ended with an exception");
    };
    asio::co_spawn(state->executor, state->accept(entrance), std::move(ended));
  }
  bool cancelled = false;
  while (!state->stopping && !cancelled) {
    co_await state->wait_for_change();
    const auto now = co_await asio::this_coro::cancellation_state;
    cancelled = now.cancelled() != asio::cancellation_type::none;
  }
  stop();
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());

  const auto began = Clock::now();
  auto streams = cancelled ? began : began + state->options.stream_grace;
  auto all = cancelled ? began : began + state->options.stop_grace;
  bool cut = false;
  while (!state->sessions.empty() || state->accepting > 0) {
    const auto now = Clock::now();
    // Emitting may end sessions at once: go over a copy.
    const auto sessions = state->sessions;
    if (now >= all && !std::exchange(cut, true) && !cancelled && !sessions.empty())
      logging::warn("connections that did not end by themselves are cut off: {}", sessions.size());
    for (const auto& [number, session] : sessions) {
      if (now >= all)
        session->cancel();
      else if (now >= streams)
        session->cancel_stream();
    }
    if (now >= all) all = now + kInsist;
    if (now >= streams) streams = now + kInsist;
    state->changed.expires_at(std::min(all, streams));
    co_await state->wait_for_change();
  }
  state->entrances.clear();
  state->ticker.cancel();
}

void Server::stop() {
  if (state_->stopping) return;
  state_->stopping = true;
  state_->close_entrances();
  const auto sessions = state_->sessions;
  for (const auto& [number, session] : sessions) session->stop();
  state_->changed.cancel();
}

std::size_t Server::connections() const { return state_->sessions.size(); }

Answer event_stream(StreamBody body) {
  Response head;
  head.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}};
  return {std::move(head), std::move(body)};
}

}  // namespace reeve::net
