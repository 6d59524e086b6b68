#include "net/blocking_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "net/http_parser.h"
#include "net/socket.h"

namespace reeve::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadSize = 64 << 10;

bool only_reads(const ClientRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

/// What poll() saw; 0 at the deadline.
int wait(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    const int ready =
        ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000)));
    if (ready > 0) return waiting.revents;
    if (ready == 0 && left <= 1'000'000) return 0;
    if (ready < 0 && errno != EINTR) return 0;
  }
}

/// A kept connection that has something to say without being asked was closed by the server.
bool is_stale(int fd) {
  pollfd idle{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&idle, 1, 0) != 0;
}

bool is_event_stream(const Response& head) {
  return head.status == 200 &&
         header(head.headers, "content-type").starts_with("text/event-stream");
}

}  // namespace

/// One request and its answer on one connection.
class BlockingClient::Exchange {
 public:
  Exchange(BlockingClient& client, const ClientRequest& request)
      : client_(client),
        request_(request),
        parser_({.body = client.options_.body_limit}, request.method == "HEAD"),
        deadline_(Clock::now() + client.options_.timeout),
        buffer_(std::make_unique<std::array<char, kReadSize>>()) {}

  Status connect() {
    auto& connection = client_.connection_;
    if (connection && is_stale(connection.get())) connection.reset();
    reused_ = static_cast<bool>(connection);
    if (reused_) return {};
    auto connected = connect_to(client_.address_, deadline_);
    if (!connected) return fail(connected.error());
    connection = std::move(*connected);
    client_.reached_ = true;
    return {};
  }

  Status send() {
    Headers headers{{"Host", "localhost"}, {"Reeve-Version", client_.options_.version}};
    headers.insert(headers.end(), request_.headers.begin(), request_.headers.end());
    if (!request_.body.empty() || !only_reads(request_)) {
      headers.emplace_back("Content-Length", std::to_string(request_.body.size()));
    }
    auto bytes = encode_head(request_.method, request_.target, headers);
    if (!bytes) return fail(bytes.error());
    bytes->append(request_.body);
    return send_all(*bytes);
  }

  /// Reads on until the answer has come as far as that.
  Status read(Parsed wanted) {
    while (parsed_ < wanted) {
      if (auto more = read_once(); !more) return more;
    }
    return {};
  }

  Status read_once() {
    const int fd = client_.connection_.get();
    if (wait(fd, POLLIN, deadline_) == 0) {
      return fail(Errc::timeout, to_string(client_.address_) + " did not answer in time");
    }
    const auto got = ::recv(fd, buffer_->data(), buffer_->size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (got < 0) return fail(cut());
    answered_ = answered_ || got > 0;
    const auto parsed =
        got > 0 ? parser_.feed({buffer_->data(), static_cast<std::size_t>(got)}) : parser_.finish();
    if (parsed) {
      parsed_ = *parsed;
      return {};
    }
    return fail(parsed.error().is(Errc::unavailable) ? cut() : parsed.error());
  }

  /// Reads the body, whole.
  Result<Response> rest(Response head) {
    if (auto read_all = read(Parsed::done); !read_all) return fail(read_all.error());
    head.body = parser_.take_body();
    keep_ = whole_ && parser_.keep_alive();
    return head;
  }

  Result<Response> messages(Response head, const OnMessage& on_message) {
    parser_.unlimited_body();
    wire::SseDecoder decoder;
    for (;;) {
      auto decoded = decoder.feed(parser_.take_body());
      if (!decoded) return fail(decoded.error());
      for (const auto& message : *decoded) {
        if (!on_message(message)) return head;
      }
      if (parsed_ == Parsed::done) return head;
      deadline_ = Clock::now() + client_.options_.stream_idle;
      if (auto more = read_once(); !more) return fail(more.error());
    }
  }

  [[nodiscard]] Response head() const { return parser_.head(); }
  [[nodiscard]] bool keep() const { return keep_; }
  /// The server closed a kept connection just as we used it.
  [[nodiscard]] bool may_retry(const Error& error) const {
    return reused_ && !answered_ && only_reads(request_) && error.is(Errc::unavailable);
  }

 private:
  Status send_all(std::string_view bytes) {
    const int fd = client_.connection_.get();
    while (!bytes.empty()) {
      const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno == EINTR) continue;
      // The server refuses before it has read everything: its answer is there to be read.
      if (errno != EAGAIN) return {};
      const int ready = wait(fd, POLLOUT | POLLIN, deadline_);
      if (ready == 0) {
        return fail(Errc::timeout,
                    to_string(client_.address_) + " did not take the request in time");
      }
      if ((ready & POLLIN) != 0) return {};
    }
    whole_ = true;
    return {};
  }

  [[nodiscard]] Error cut() const {
    const auto where = to_string(client_.address_);
    if (whole_ && !only_reads(request_)) {
      return {Errc::unknown_outcome, "the connection to " + where +
                                         " was cut before the answer; repeat with the same "
                                         "idempotency key to learn what happened"};
    }
    return {Errc::unavailable, "the connection to " + where + " was cut before the answer"};
  }

  BlockingClient& client_;
  const ClientRequest& request_;
  ResponseParser parser_;
  Clock::time_point deadline_;
  std::unique_ptr<std::array<char, kReadSize>> buffer_;
  Parsed parsed_ = Parsed::nothing;
  bool reused_ = false;
  bool whole_ = false;     // all of the request went out
  bool answered_ = false;  // a byte of the answer came
  bool keep_ = false;
};

BlockingClient::BlockingClient(Address address, ClientOptions options)
    : address_(std::move(address)), options_(std::move(options)) {}

Result<Response> BlockingClient::request(const ClientRequest& request) {
  return stream(request, nullptr);
}

Result<Response> BlockingClient::stream(const ClientRequest& request, const OnMessage& on_message) {
  for (;;) {
    Exchange exchange(*this, request);
    const auto once = [&]() -> Result<Response> {
      if (auto connected = exchange.connect(); !connected) return fail(connected.error());
      if (auto sent = exchange.send(); !sent) return fail(sent.error());
      if (auto begun = exchange.read(Parsed::in_body); !begun) return fail(begun.error());
      auto head = exchange.head();
      if (on_message && is_event_stream(head)) {
        return exchange.messages(std::move(head), on_message);
      }
      return exchange.rest(std::move(head));
    };
    auto answer = once();
    if (!exchange.keep()) connection_.reset();
    if (answer || !exchange.may_retry(answer.error())) return answer;
  }
}

}  // namespace reeve::net
