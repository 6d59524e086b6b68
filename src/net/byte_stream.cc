#include "net/byte_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <cerrno>
#include <utility>
#include <vector>

#include "net/address.h"

namespace reeve::net {
namespace {

using asio::ip::tcp;
using Clock = ByteStream::Clock;
using Endpoints = std::vector<asio::generic::stream_protocol::endpoint>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

[[noreturn]] void throw_cancelled() {
  throw boost::system::system_error(asio::error::operation_aborted);
}

std::unexpected<Error> not_in_time(const Destination& to) {
  return fail(Errc::timeout, to.told + " did not answer in time");
}

/// A look-up that somebody waits for, or has given up: the system's resolver cannot be stopped, so
/// it may finish for nobody.
struct LookUp {
  explicit LookUp(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
  tcp::resolver resolver;
  asio::steady_timer done;  // cancelled when it is
  bool is_done = false;
  Endpoints found;
  boost::system::error_code error;
};

Async<Result<Endpoints>> look_up(asio::any_io_executor executor, const Destination& to,
                                 Clock::time_point deadline) {
  const auto state = std::make_shared<LookUp>(executor);
  state->resolver.async_resolve(
      to.host, std::to_string(to.port),
      [state](const boost::system::error_code& error, const tcp::resolver::results_type& results) {
        state->is_done = true;
        state->error = error;
        for (const auto& result : results) state->found.emplace_back(result.endpoint());
        state->done.cancel();
      });
  state->done.expires_at(deadline);
  const auto waited = co_await state->done.async_wait(kTuple);
  if (!state->is_done) {
    state->resolver.cancel();
    if (std::get<0>(waited)) throw_cancelled();
    co_return not_in_time(to);
  }
  if (state->error || state->found.empty()) {
    co_return fail(Errc::unavailable, "no host named " + to.host + " was found" +
                                          (state->error ? ": " + state->error.message() : ""));
  }
  co_return state->found;
}

Async<Result<Endpoints>> endpoints_of(asio::any_io_executor executor, const Destination& to,
                                      Clock::time_point deadline) {
  Endpoints endpoints;
  if (to.numeric) {
    endpoints.emplace_back(tcp::endpoint(asio::ip::make_address(to.host), to.port));
    co_return endpoints;
  }
  if (to.host == "localhost") {  // never asked of a resolver: it must be this machine
    endpoints.emplace_back(tcp::endpoint(asio::ip::address_v4::loopback(), to.port));
    endpoints.emplace_back(tcp::endpoint(asio::ip::address_v6::loopback(), to.port));
    co_return endpoints;
  }
  co_return co_await look_up(std::move(executor), to, deadline);
}

/// The peer's alert: it wants a certificate of us, or one that it trusts.
bool wants_certificate(const boost::system::error_code& error) {
  if (error.category() != asio::error::get_ssl_category()) return false;
  const auto reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
  return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
         reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE;
}

}  // namespace

Result<TlsContext> make_tls_context(const TlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  boost::system::error_code error;
  if (files.ca.empty()) {
    static_cast<void>(context->set_default_verify_paths(error));
  } else {
    static_cast<void>(context->load_verify_file(files.ca, error));
  }
  if (error) {
    return fail(Errc::invalid_argument, "the file of authorities \"" + files.ca +
                                            "\" cannot be read as PEM: " + error.message());
  }
  if (!files.certificate.empty()) {
    static_cast<void>(context->use_certificate_chain_file(files.certificate, error));
    if (error) {
      return fail(Errc::invalid_argument, "the certificate \"" + files.certificate +
                                              "\" cannot be read as PEM: " + error.message());
    }
    static_cast<void>(context->use_private_key_file(files.key, asio::ssl::context::pem, error));
    if (error) {
      return fail(Errc::invalid_argument, "the key \"" + files.key +
                                              "\" cannot be read as PEM, or is not that of the "
                                              "certificate: " +
                                              error.message());
    }
  }
  context->set_verify_mode(files.verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
  return context;
}

ByteStream::ByteStream(Private /*made by open()*/, const asio::any_io_executor& executor,
                       Destination to)
    : to_(std::move(to)), socket_(executor), timer_(executor) {}

ByteStream::~ByteStream() = default;

Async<Result<std::shared_ptr<ByteStream>>> ByteStream::open(asio::any_io_executor executor,
                                                            Destination to, TlsContext tls,
                                                            Clock::time_point deadline) {
  auto connection = std::make_shared<ByteStream>(Private(), executor, std::move(to));
  const auto connected = co_await connection->connect(deadline);
  if (!connected) co_return fail(connected.error());
  if (connection->to_.tls) {
    const auto shaken = co_await connection->shake_hands(std::move(tls), deadline);
    if (!shaken) co_return fail(shaken.error());
  }
  co_return connection;
}

/// To the first of the host's addresses that answers. Each has its share of the time, so that one
/// that drops everything does not hide the next.
Async<Status> ByteStream::connect(Clock::time_point deadline) {
  const auto& unix_socket = to_.unix_socket;
  if (!unix_socket.empty()) {
    const auto address = unix_address(unix_socket);
    if (!address && address.error().is(Errc::not_found))
      co_return fail(Errc::unavailable, "nobody listens on " + unix_socket.string());
    if (!address) co_return fail(address.error());
    arm(deadline);
    const asio::generic::stream_protocol::endpoint endpoint(address->get(), address->size);
    const auto tried = co_await socket_.async_connect(endpoint, kTuple);
    const auto got = outcome(std::get<0>(tried), 0);
    if (got) co_return Status();
    if (got.error().is(Errc::timeout)) co_return fail(got.error());
    if (std::get<0>(tried) == asio::error::access_denied)
      co_return fail(Errc::denied, unix_socket.string() + " is not ours to connect to");
    co_return fail(Errc::unavailable, "nobody listens on " + unix_socket.string());
  }
  const auto endpoints = co_await endpoints_of(socket_.get_executor(), to_, deadline);
  if (!endpoints) co_return fail(endpoints.error());
  Error last;
  auto left = static_cast<int>(endpoints->size());
  for (const auto& endpoint : *endpoints) {
    const auto now = Clock::now();
    timed_out_ = false;
    boost::system::error_code ignored;
    static_cast<void>(socket_.close(ignored));
    arm(now + (deadline - now) / left--);
    const auto tried = co_await socket_.async_connect(endpoint, kTuple);
    const auto got = outcome(std::get<0>(tried), 0);
    if (got) {
      static_cast<void>(socket_.set_option(tcp::no_delay(true), ignored));
      co_return Status();
    }
    last = got.error();
  }
  if (last.is(Errc::timeout)) co_return fail(last);
  co_return fail(Errc::unavailable, "nobody listens on " + to_.told);
}

Async<Status> ByteStream::shake_hands(TlsContext tls, Clock::time_point deadline) {
  context_ = std::move(tls);
  tls_ = std::make_unique<Tls>(socket_, *context_);
  auto* const handle = tls_->native_handle();
  bool named = false;
  if (to_.numeric) {
    named = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(handle), to_.host.c_str()) == 1;
  } else {
    ::SSL_set_hostflags(handle, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named = ::SSL_set1_host(handle, to_.host.c_str()) == 1 &&
            ::SSL_set_tlsext_host_name(handle, to_.host.c_str()) == 1;  // NOLINT: OpenSSL's casts
  }
  REEVE_CHECK(named);
  arm(deadline);
  const auto tried = co_await tls_->async_handshake(asio::ssl::stream_base::client, kTuple);
  const auto error = std::get<0>(tried);
  const auto verdict = ::SSL_get_verify_result(handle);
  if (error && verdict != X509_V_OK && ::SSL_get_verify_mode(handle) != SSL_VERIFY_NONE) {
    co_return fail(Errc::denied, "the certificate of " + to_.told + " could not be verified: " +
                                     ::X509_verify_cert_error_string(verdict));
  }
  const auto got = outcome(error, 0);
  if (got) co_return Status();
  if (got.error().is(Errc::timeout)) co_return fail(got.error());
  co_return fail(Errc::unavailable, "no TLS connection to " + to_.told + ": " + error.message());
}

Async<Result<std::size_t>> ByteStream::read_some(asio::mutable_buffer into,
                                                 Clock::time_point deadline) {
  arm(deadline);
  std::tuple<boost::system::error_code, std::size_t> got;
  if (tls_) {
    got = co_await tls_->async_read_some(into, kTuple);
  } else {
    got = co_await socket_.async_read_some(into, kTuple);
  }
  if (std::get<0>(got) == asio::error::eof && !timed_out_) co_return std::size_t{0};
  co_return outcome(std::get<0>(got), std::get<1>(got));
}

Async<Result<std::size_t>> ByteStream::write_some(std::string_view bytes,
                                                  Clock::time_point deadline) {
  arm(deadline);
  const asio::const_buffer from(bytes.data(), bytes.size());
  std::tuple<boost::system::error_code, std::size_t> put;
  if (tls_) {
    put = co_await tls_->async_write_some(from, kTuple);
  } else {
    put = co_await socket_.async_write_some(from, kTuple);
  }
  co_return outcome(std::get<0>(put), std::get<1>(put));
}

std::size_t ByteStream::try_write(std::string_view bytes) {
  if (tls_ || cut_) return 0;
  const auto put =
      ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return put > 0 ? static_cast<std::size_t>(put) : 0;
}

bool ByteStream::is_stale() {
  char byte = 0;
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

/// The timer is set only when the wait that is pending would come too late: a stream has a deadline
/// for each of its pieces.
void ByteStream::arm(Clock::time_point deadline) {
  deadline_ = deadline;
  if (waiting_ && timer_.expiry() <= deadline) return;
  timer_.expires_at(deadline);  // ends a wait that is pending
  waiting_ = true;
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (self && !error) self->look_at_clock();
  });
}

void ByteStream::cut() {
  cut_ = true;
  boost::system::error_code ignored;
  static_cast<void>(socket_.close(ignored));
}

void ByteStream::look_at_clock() {
  waiting_ = false;
  if (deadline_ == Clock::time_point::max()) return;
  if (Clock::now() < deadline_) return arm(deadline_);
  timed_out_ = true;
  boost::system::error_code ignored;
  static_cast<void>(socket_.close(ignored));
}

/// What a step came to; its deadline is over.
Result<std::size_t> ByteStream::outcome(const boost::system::error_code& error, std::size_t size) {
  deadline_ = Clock::time_point::max();
  if (!error) return size;
  if (timed_out_) return not_in_time(to_);
  const auto was_cut = "the connection to " + to_.told + " was cut";
  if (cut_) return fail(Errc::unavailable, was_cut);
  if (error == asio::error::operation_aborted) throw_cancelled();
  if (wants_certificate(error)) {
    return fail(Errc::denied, to_.told + " does not accept our certificate: " + error.message());
  }
  return fail(Errc::unavailable, was_cut);
}

}  // namespace reeve::net
