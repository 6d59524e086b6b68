#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "net/http.h"

/// HTTP/1.1 from bytes, without I/O. Beast's parser is behind it, and nowhere else.
namespace reeve::net {

struct ParserLimits {
  std::size_t head = limits::kHttpHead;     ///< first line and headers
  std::size_t body = limits::kRequestBody;  ///< decoded, however it is sent
};

/// How far a message has come.
enum class Parsed { nothing, in_head, in_body, done };

/// What is wrong with a message, and the status that says so.
struct ParseError {
  int status = 400;
  Error error;
};

/// Reads requests, one after the other, from one connection's bytes. After an error it is spent.
class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Takes the bytes; those after the end of the message are kept for the next. 400: malformed;
  /// 413: the body is over its limit; 431: the head is; 501: a transfer coding that is not spoken.
  std::expected<Parsed, ParseError> feed(std::string_view bytes);

  /// The peer waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool expects_continue() const;
  /// HTTP/1.1, not 1.0: chunks are understood.
  [[nodiscard]] bool speaks_chunks() const;
  /// The connection may serve another request.
  [[nodiscard]] bool keep_alive() const;

  /// The request that is done (its peer is left empty), and on to the next: call feed("") to look
  /// at bytes that are here already. 400: its target.
  std::expected<Request, ParseError> take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads one response.
class ResponseParser {
 public:
  /// `head_only`: the answer to a HEAD request, which has no body whatever its headers say.
  ResponseParser(ParserLimits limits, bool head_only);
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  /// Takes the bytes. Interim answers (1xx) are passed over. corrupt: no HTTP; too_large: over a
  /// limit.
  Result<Parsed> feed(std::string_view bytes);
  /// The peer has closed: done, if the message ends with the connection. unavailable: cut off.
  Result<Parsed> finish();
  /// From now on the body may be of any length, since take_body() empties it.
  void unlimited_body();

  /// Status and headers; from Parsed::in_body on.
  [[nodiscard]] Response head() const;
  /// The body's bytes since the last call.
  std::string take_body();
  /// The connection may serve another request: the server keeps it, and has said no more than it
  /// was asked.
  [[nodiscard]] bool keep_alive() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace reeve::net
