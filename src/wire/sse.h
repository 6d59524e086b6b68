#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"

/// Server-sent events (WHATWG HTML, section 9.2): frames from values and values from bytes.
namespace reeve::wire {

struct SseMessage {
  std::string event;  ///< empty: the default type, which browsers call "message"
  std::string data;
  std::optional<std::string> id;  ///< of this very frame; empty text: forget the last one
  std::optional<std::chrono::milliseconds> retry;

  friend bool operator==(const SseMessage&, const SseMessage&) = default;
};

/// The frame with its closing blank line. A line of `data` may end in CR, LF or CRLF; the reader
/// sees LF. `event` must not hold CR or LF, `id` not NUL either (BrokenInvariant): a stranger's
/// text there could forge frames.
std::string encode_sse(const SseMessage& message);

/// ": text": keeps a connection warm, readers pass over it. Line ends in `text` become blanks.
std::string encode_sse_comment(std::string_view text);

/// Bytes in, whole messages out, however the bytes were split. A message at the end of the bytes
/// that no blank line closes is not given out: it may be half of one. Bytes are passed on as they
/// are; nothing here decides whether they are UTF-8.
class SseDecoder {
 public:
  /// `message_limit`: bytes that one message, or one line of any kind, may take.
  explicit SseDecoder(std::size_t message_limit = limits::kSseMessage) : limit_(message_limit) {}

  /// The messages that these bytes complete. too_large: over the limit; the decoder is then spent,
  /// and answers every later call with the same.
  Result<std::vector<SseMessage>> feed(std::string_view bytes);

  /// The id to resume after: the last one seen, of a frame with or without data.
  [[nodiscard]] const std::string& last_id() const { return last_id_; }

 private:
  void line(std::string_view text, std::vector<SseMessage>& out);
  void field(std::string_view name, std::string_view value);
  void dispatch(std::vector<SseMessage>& out);

  std::size_t limit_;
  std::string partial_;  // a line of which the end has not come yet
  SseMessage message_;  // the message being read; its data ends in a line feed that is cut off last
  std::string last_id_;
  bool has_data_ = false;
  bool after_cr_ = false;   // a line feed here belongs to the carriage return before it
  bool first_line_ = true;  // a byte order mark may stand before it
  bool spent_ = false;
};

}  // namespace reeve::wire
