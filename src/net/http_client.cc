#include "net/http_client.h"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <vector>

#include "net/byte_stream.h"
#include "net/http_parser.h"
#include "net/url.h"

namespace reeve::net {
namespace {

using Clock = ByteStream::Clock;
using ConnectionPtr = std::shared_ptr<ByteStream>;

constexpr std::size_t kReadSize = 16 << 10;
/// Bodies below this go out in the same write as their head.
constexpr std::size_t kOneWrite = 64 << 10;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
/// A longer time-out is none, and would overflow the clock.
constexpr std::chrono::milliseconds kForEver = std::chrono::years(1);

Clock::time_point from_now(std::chrono::milliseconds time) {
  return Clock::now() + std::clamp(time, std::chrono::milliseconds(0), kForEver);
}

bool same_name(std::string_view a, std::string_view lower_case) {
  return std::ranges::equal(a, lower_case, [](char c, char wanted) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == wanted;
  });
}

bool only_reads(const OutgoingRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

Result<std::string> head_of(const OutgoingRequest& request, const Url& url) {
  Headers headers{{"Host", url.authority()}};
  bool has_agent = false;
  for (const auto& [name, value] : request.headers) {
    for (const auto* own : {"host", "content-length", "transfer-encoding", "connection"}) {
      if (!same_name(name, own)) continue;
      return fail(Errc::invalid_argument, "the header \"" + name + "\" is the client's own to say");
    }
    has_agent = has_agent || same_name(name, "user-agent");
    headers.emplace_back(name, value);
  }
  if (!has_agent) headers.emplace_back("User-Agent", "reeve/" REEVE_VERSION);
  if (!request.body.empty() || !only_reads(request)) {
    headers.emplace_back("Content-Length", std::to_string(request.body.size()));
  }
  return encode_head(request.method, url.target, headers);
}

/// One request and its answer on one connection.
class Exchange {
 public:
  Exchange(ConnectionPtr connection, const OutgoingRequest& request, bool streamed,
           std::size_t body_limit, Clock::time_point deadline)
      : connection_(std::move(connection)),
        request_(request),
        streamed_(streamed),
        body_limit_(body_limit),
        deadline_(deadline),
        parser_({.body = streamed ? kNoLimit : body_limit}, request.method == "HEAD") {}

  Async<Result<Response>> run(std::string_view head) {
    auto answer = co_await begin(head);
    if (!answer || is_streamed(*answer)) co_return answer;
    co_return co_await end(std::move(*answer));
  }

  /// Sends the request and reads the answer's head.
  Async<Result<Response>> begin(std::string_view head) {
    const auto sent = co_await send(head);
    if (!sent) co_return fail(sent.error());
    const auto begun = co_await read_until(Parsed::in_body);
    if (!begun) co_return fail(begun.error());
    auto answer = parser_.head();
    const auto coding = header(answer.headers, "transfer-encoding");
    if (!coding.empty() && !same_name(coding, "chunked")) {
      co_return fail(Errc::corrupt, "the answer comes in a transfer coding that is not spoken");
    }
    co_return answer;
  }

  /// Whether the body is read by next_piece().
  [[nodiscard]] bool is_streamed(const Response& answer) const {
    return streamed_ && answer.status / 100 == 2;
  }

  /// Reads the body whole.
  Async<Result<Response>> end(Response answer) {
    if (streamed_) deadline_ = from_now(request_.timeout);
    const auto all = co_await read_body(answer.body);
    if (!all) co_return fail(all.error());
    co_return answer;
  }

  /// Some of the body, of any length. Empty: that was all.
  Async<Result<std::string>> next_piece() {
    for (;;) {
      auto piece = parser_.take_body();
      if (!piece.empty() || parsed_ == Parsed::done) co_return piece;
      const auto more = co_await read_once(from_now(request_.idle_timeout));
      if (!more) co_return fail(more.error());
    }
  }

  /// The connection may serve another request.
  [[nodiscard]] bool may_keep() const { return whole_ && parser_.keep_alive(); }
  /// A byte of the answer came.
  [[nodiscard]] bool answered() const { return answered_; }

 private:
  /// The next piece of either direction must come by then.
  [[nodiscard]] Clock::time_point soon() const {
    return std::min(deadline_, from_now(request_.idle_timeout));
  }

  Async<Status> send(std::string_view head) {
    const bool together = head.size() + request_.body.size() <= kOneWrite;
    std::string first(head);
    if (together) first += request_.body;
    const auto sent_first = co_await send_all(first);
    if (!sent_first) co_return fail(sent_first.error());
    if (*sent_first && !together) {
      const auto sent_body = co_await send_all(request_.body);
      if (!sent_body) co_return fail(sent_body.error());
      whole_ = *sent_body;
    } else {
      whole_ = *sent_first;
    }
    co_return Status();
  }

  /// False: the server takes no more. It refuses before it has read everything, perhaps, and its
  /// answer is there to be read.
  Async<Result<bool>> send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = co_await connection_->write_some(bytes, soon());
      if (!sent && sent.error().is(Errc::unavailable)) co_return false;
      if (!sent) co_return fail(sent.error());
      bytes.remove_prefix(*sent);
    }
    co_return true;
  }

  Async<Status> read_until(Parsed wanted) {
    while (parsed_ < wanted) {
      const auto more = co_await read_once(soon());
      if (!more) co_return fail(more.error());
    }
    co_return Status();
  }

  Async<Status> read_once(Clock::time_point deadline) {
    const auto got = co_await connection_->read_some(asio::buffer(buffer_), deadline);
    if (!got) co_return fail(or_cut(got.error()));
    answered_ = answered_ || *got > 0;
    Result<Parsed> parsed;
    if (*got > 0) {
      parsed = parser_.feed({buffer_.data(), *got});
    } else {
      parsed = parser_.finish();
    }
    if (!parsed) co_return fail(or_cut(parsed.error()));
    parsed_ = *parsed;
    co_return Status();
  }

  Async<Status> read_body(std::string& into) {
    for (;;) {
      into += parser_.take_body();
      if (into.size() > body_limit_) {
        co_return fail(Errc::too_large, "the answer is larger than expected");
      }
      if (parsed_ == Parsed::done) co_return Status();
      const auto more = co_await read_once(soon());
      if (!more) co_return fail(more.error());
    }
  }

  [[nodiscard]] Error or_cut(const Error& error) const {
    if (!error.is(Errc::unavailable) || !whole_ || only_reads(request_)) return error;
    return {Errc::unknown_outcome,
            error.message() + " before the whole answer was there: it may have had its effect"};
  }

  ConnectionPtr connection_;
  const OutgoingRequest& request_;
  bool streamed_;
  std::size_t body_limit_;
  Clock::time_point deadline_;
  ResponseParser parser_;
  std::array<char, kReadSize> buffer_{};
  Parsed parsed_ = Parsed::nothing;
  bool whole_ = false;  // all of the request went out
  bool answered_ = false;
};

}  // namespace

namespace {

Async<Status> tell_pieces(Exchange& exchange, const OnChunk& on_chunk) {
  for (;;) {
    const auto piece = co_await exchange.next_piece();
    if (!piece) co_return fail(piece.error());
    if (piece->empty()) co_return Status();
    if (auto told = co_await on_chunk(*piece); !told) co_return told;
  }
}

}  // namespace

struct HttpStream::State {
  OutgoingRequest request;
  std::unique_ptr<Exchange> exchange;  // refers to the request
  Response head;
};

HttpStream::HttpStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpStream::~HttpStream() = default;
const Response& HttpStream::head() const { return state_->head; }

Async<Result<std::string>> HttpStream::next() {
  if (!state_->exchange->is_streamed(state_->head)) co_return std::string();
  co_return co_await state_->exchange->next_piece();
}

struct HttpClient::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor where, HttpClientOptions how)
      : executor(std::move(where)), options(std::move(how)), sweeper(executor) {}

  struct Kept {
    ConnectionPtr connection;
    Clock::time_point until;
  };

  static Async<Result<Response>> ask(std::shared_ptr<State> self, OutgoingRequest request,
                                     OnChunk on_chunk);
  Async<Result<ConnectionPtr>> open(Url url, Clock::time_point deadline);
  ConnectionPtr take_kept(const std::string& origin);
  void keep(const std::string& origin, ConnectionPtr connection);
  void sweep();

  asio::any_io_executor executor;
  HttpClientOptions options;
  TlsContext tls;  // made when first needed
  std::map<std::string, std::vector<Kept>> kept;
  asio::steady_timer sweeper;
  bool sweeping = false;
};

Async<Result<Response>> HttpClient::State::ask(std::shared_ptr<State> self, OutgoingRequest request,
                                               OnChunk on_chunk) {
  const auto url = read_url(request.url);
  if (!url) co_return fail(url.error());
  const auto head = head_of(request, *url);
  if (!head) co_return fail(head.error());
  const auto deadline = from_now(request.timeout);
  const auto origin = url->origin();
  auto connection = self->take_kept(origin);
  for (;;) {
    const bool reused = connection != nullptr;
    if (!reused) {
      auto opened = co_await self->open(*url, deadline);
      if (!opened) co_return fail(opened.error());
      connection = std::move(*opened);
    }
    const auto exchange = std::make_unique<Exchange>(connection, request, on_chunk != nullptr,
                                                     self->options.body_limit, deadline);
    auto answer = co_await exchange->run(*head);
    if (answer && exchange->is_streamed(*answer)) {
      const auto told = co_await tell_pieces(*exchange, on_chunk);
      if (!told) co_return fail(told.error());
    }
    if (answer) {
      if (exchange->may_keep()) self->keep(origin, std::move(connection));
      co_return answer;
    }
    // The server closed a kept connection just as we used it.
    const bool again = reused && !exchange->answered() && only_reads(request) &&
                       answer.error().is(Errc::unavailable);
    if (!again) co_return answer;
    connection = nullptr;
  }
}

Async<Result<ConnectionPtr>> HttpClient::State::open(Url url, Clock::time_point deadline) {
  if (url.tls && !tls) {
    auto made = make_tls_context({.ca = options.ca_file});
    if (!made) co_return fail(made.error());
    tls = std::move(*made);
  }
  const auto until = std::min(deadline, from_now(options.connect_timeout));
  Destination to{.unix_socket = options.unix_socket,
                 .host = url.host,
                 .port = url.port,
                 .numeric = url.numeric,
                 .tls = url.tls,
                 .told = url.origin()};
  co_return co_await ByteStream::open(executor, std::move(to), tls, until);
}

ConnectionPtr HttpClient::State::take_kept(const std::string& origin) {
  const auto found = kept.find(origin);
  if (found == kept.end()) return nullptr;
  auto& there = found->second;
  ConnectionPtr taken;
  while (!taken && !there.empty()) {
    auto newest = std::move(there.back());
    there.pop_back();
    if (newest.until > Clock::now() && !newest.connection->is_stale()) {
      taken = std::move(newest.connection);
    }
  }
  if (there.empty()) kept.erase(found);
  return taken;
}

void HttpClient::State::keep(const std::string& origin, ConnectionPtr connection) {
  if (options.keep_alive <= std::chrono::milliseconds(0)) return;
  auto& there = kept[origin];
  if (there.size() >= limits::kKeptConnections) return;
  there.push_back({std::move(connection), from_now(options.keep_alive)});
  if (!sweeping) sweep();
}

void HttpClient::State::sweep() {
  const auto now = Clock::now();
  for (auto& [origin, there] : kept) {
    std::erase_if(there, [&](const Kept& one) { return one.until <= now; });
  }
  std::erase_if(kept, [](const auto& origin) { return origin.second.empty(); });
  sweeping = !kept.empty();
  if (!sweeping) return;
  sweeper.expires_after(options.keep_alive);
  sweeper.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (self && !error) self->sweep();
  });
}

HttpClient::HttpClient(aio::asio::any_io_executor executor, HttpClientOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(options))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Async<Result<Response>> HttpClient::request(OutgoingRequest request) {
  return State::ask(state_, std::move(request), nullptr);
}

Async<Result<std::unique_ptr<HttpStream>>> HttpClient::open(OutgoingRequest request) {
  const auto self = state_;
  auto state = std::make_unique<HttpStream::State>();
  state->request = std::move(request);
  const auto url = read_url(state->request.url);
  if (!url) co_return fail(url.error());
  const auto head = head_of(state->request, *url);
  if (!head) co_return fail(head.error());
  const auto deadline = from_now(state->request.timeout);
  auto connection = co_await self->open(*url, deadline);
  if (!connection) co_return fail(connection.error());
  state->exchange = std::make_unique<Exchange>(std::move(*connection), state->request, true,
                                               self->options.body_limit, deadline);
  auto answer = co_await state->exchange->begin(*head);
  if (!answer) co_return fail(answer.error());
  if (!state->exchange->is_streamed(*answer)) {
    answer = co_await state->exchange->end(std::move(*answer));
    if (!answer) co_return fail(answer.error());
  }
  state->head = std::move(*answer);
  co_return std::unique_ptr<HttpStream>(new HttpStream(std::move(state)));
}

Async<Result<Response>> HttpClient::stream(OutgoingRequest request, OnChunk on_chunk) {
  REEVE_CHECK(on_chunk);
  return State::ask(state_, std::move(request), std::move(on_chunk));
}

}  // namespace reeve::net
