#include "net/http_parser.h"

#include <algorithm>
#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

namespace reeve::net {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

/// Beast's parser wants a head, and later each chunk's line, in one piece: what it has not used yet
/// is kept here.
template <bool kRequest>
struct Feeder {
  using Parser = http::parser<kRequest, http::string_body>;

  explicit Feeder(ParserLimits wanted) : limits(wanted) { reset(); }

  void reset() {
    started = false;
    parser.emplace();
    parser->eager(true);
    parser->header_limit(static_cast<std::uint32_t>(limits.head));
    parser->body_limit(limits.body);
  }

  error_code feed(std::string_view bytes) {
    kept.append(bytes);
    started = started || !kept.empty();
    error_code error;
    std::size_t used = 0;
    // It stops after the head, after a chunk's line, ...: until it wants more or is done.
    while (!parser->is_done() && used < kept.size()) {
      const auto n =
          parser->put(boost::asio::const_buffer(kept.data() + used, kept.size() - used), error);
      used += n;
      if (error == http::error::need_more) {
        error = {};
        break;
      }
      if (error || n == 0) break;
    }
    kept.erase(0, used);
    // A chunk's line with an endless extension is no body, and would never be counted as one.
    if (!error && !parser->is_done() && kept.size() > limits.head) {
      error = http::error::header_limit;
    }
    return error;
  }

  [[nodiscard]] Parsed parsed() const {
    if (parser->is_done()) return Parsed::done;
    if (parser->is_header_done()) return Parsed::in_body;
    return started ? Parsed::in_head : Parsed::nothing;
  }

  ParserLimits limits;
  std::optional<Parser> parser;
  std::string kept;
  bool started = false;  // a byte of this message has come
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string text_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

template <class Fields>
Headers headers_of(const Fields& fields) {
  Headers headers;
  for (const auto& field : fields) {
    headers.emplace_back(lower(text_of(field.name_string())), text_of(field.value()));
  }
  return headers;
}

ParseError request_error(const error_code& error, const ParserLimits& limits) {
  if (error == http::error::body_limit) {
    return {413, Error(Errc::too_large, "the request's body is larger than " +
                                            std::to_string(limits.body) + " bytes")};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431, Error(Errc::too_large, "the request's headers are larger than " +
                                            std::to_string(limits.head) + " bytes")};
  }
  return {400, Error(Errc::invalid_argument, "malformed HTTP request: " + error.message())};
}

}  // namespace

std::string_view reason_phrase(int status) {
  const auto known = http::int_to_status(static_cast<unsigned>(status));
  if (known == http::status::unknown) return {};
  const auto reason = http::obsolete_reason(known);
  return {reason.data(), reason.size()};
}

struct RequestParser::Impl : Feeder<true> {
  using Feeder::Feeder;
};

RequestParser::RequestParser(ParserLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

std::expected<Parsed, ParseError> RequestParser::feed(std::string_view bytes) {
  if (const auto error = impl_->feed(bytes)) {
    return std::unexpected(request_error(error, impl_->limits));
  }
  if (impl_->parser->is_header_done()) {
    // Any coding but plain "chunked" would be taken for the body itself.
    const auto& fields = impl_->parser->get();
    const auto coding = fields[http::field::transfer_encoding];
    if (!coding.empty() && !boost::beast::iequals(coding, "chunked")) {
      return std::unexpected(
          ParseError{501, Error(Errc::unsupported, "the only transfer coding here is chunked")});
    }
  }
  return impl_->parsed();
}

bool RequestParser::expects_continue() const {
  return impl_->parser->is_header_done() && !impl_->parser->is_done() &&
         boost::beast::iequals(impl_->parser->get()[http::field::expect], "100-continue");
}

bool RequestParser::speaks_chunks() const { return impl_->parser->get().version() >= 11; }

bool RequestParser::keep_alive() const {
  return impl_->parser->is_done() && impl_->parser->get().keep_alive();
}

std::expected<Request, ParseError> RequestParser::take() {
  REEVE_CHECK(impl_->parser->is_done());
  auto message = impl_->parser->release();
  impl_->reset();
  Request request;
  request.method = text_of(message.method_string());
  request.target = text_of(message.target());
  request.headers = headers_of(message.base());
  request.body = std::move(message.body());
  if (auto read = read_target(request); !read)
    return std::unexpected(ParseError{400, read.error()});
  return request;
}

struct ResponseParser::Impl : Feeder<false> {
  Impl(ParserLimits wanted, bool head) : Feeder(wanted), head_only(head) { next(); }
  void next() {
    reset();
    parser->skip(head_only);
  }
  bool head_only;
};

ResponseParser::ResponseParser(ParserLimits limits, bool head_only)
    : impl_(std::make_unique<Impl>(limits, head_only)) {}
ResponseParser::~ResponseParser() = default;

Result<Parsed> ResponseParser::feed(std::string_view bytes) {
  for (;;) {
    if (const auto error = impl_->feed(bytes)) {
      if (error == http::error::body_limit || error == http::error::header_limit) {
        return fail(Errc::too_large, "the answer is larger than expected");
      }
      return fail(Errc::corrupt, "the answer is no HTTP: " + error.message());
    }
    const bool interim = impl_->parser->is_done() && impl_->parser->get().result_int() / 100 == 1;
    if (!interim) return impl_->parsed();
    impl_->next();
    bytes = {};
  }
}

Result<Parsed> ResponseParser::finish() {
  error_code error;
  if (impl_->parser->is_header_done()) impl_->parser->put_eof(error);
  if (error || !impl_->parser->is_done()) {
    return fail(Errc::unavailable, "the connection was cut in the middle of the answer");
  }
  return Parsed::done;
}

void ResponseParser::unlimited_body() { impl_->parser->body_limit(boost::none); }

Response ResponseParser::head() const {
  const auto& message = impl_->parser->get();
  return {.status = static_cast<int>(message.result_int()),
          .headers = headers_of(message.base()),
          .body = {}};
}

std::string ResponseParser::take_body() { return std::exchange(impl_->parser->get().body(), {}); }

bool ResponseParser::keep_alive() const {
  return impl_->parser->is_done() && impl_->parser->get().keep_alive() && impl_->kept.empty();
}

}  // namespace reeve::net
