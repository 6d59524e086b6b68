#include "wire/sse.h"

#include <algorithm>
#include <charconv>

namespace reeve::wire {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kLineEnds = "\r\n";

bool one_line(std::string_view text) { return text.find_first_of(kLineEnds) == text.npos; }

void put_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).push_back('\n');
}

}  // namespace

std::string encode_sse(const SseMessage& message) {
  REEVE_CHECK(one_line(message.event));
  std::string out;
  out.reserve(message.data.size() + 64);
  if (message.id) {
    REEVE_CHECK(one_line(*message.id) && message.id->find('\0') == std::string::npos);
    put_field(out, "id", *message.id);
  }
  if (!message.event.empty()) put_field(out, "event", message.event);
  if (message.retry) put_field(out, "retry", std::to_string(message.retry->count()));
  std::string_view rest = message.data;
  for (;;) {
    const auto end = rest.find_first_of(kLineEnds);
    put_field(out, "data", rest.substr(0, end));
    if (end == rest.npos) break;
    rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out.push_back('\n');
  return out;
}

std::string encode_sse_comment(std::string_view text) {
  std::string out = ": ";
  out.append(text).append("\n\n");
  std::replace_if(out.begin(), out.end() - 2, [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return out;
}

Result<std::vector<SseMessage>> SseDecoder::feed(std::string_view bytes) {
  std::vector<SseMessage> out;
  while (!bytes.empty() && !spent_) {
    if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_cr_ = false;
    const auto end = bytes.find_first_of(kLineEnds);
    const auto part = bytes.substr(0, end);
    if (message_.data.size() + partial_.size() + part.size() > limit_) {
      spent_ = true;
      break;
    }
    if (end == bytes.npos) {
      partial_.append(part);
      break;
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (partial_.empty()) {
      line(part, out);
    } else {
      partial_.append(part);
      line(partial_, out);
      partial_.clear();
    }
  }
  if (spent_) {
    return fail(Errc::too_large,
                "a server-sent message is larger than " + std::to_string(limit_) + " bytes");
  }
  return out;
}

void SseDecoder::line(std::string_view text, std::vector<SseMessage>& out) {
  if (first_line_ && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  first_line_ = false;
  if (text.empty()) return dispatch(out);
  const auto colon = text.find(':');
  if (colon == 0) return;  // a comment
  auto value = colon == text.npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  field(text.substr(0, colon), value);
}

void SseDecoder::field(std::string_view name, std::string_view value) {
  if (name == "data") {
    message_.data.append(value).push_back('\n');
    has_data_ = true;
  } else if (name == "event") {
    message_.event = value;
  } else if (name == "id") {
    if (value.find('\0') != value.npos) return;
    message_.id = value;
    last_id_ = value;
  } else if (name == "retry") {
    std::int64_t ms = 0;
    const auto* end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, ms);
    if (read.ec == std::errc() && read.ptr == end && ms >= 0) {
      message_.retry = std::chrono::milliseconds(ms);
    }
  }
}

void SseDecoder::dispatch(std::vector<SseMessage>& out) {
  if (has_data_) {
    message_.data.pop_back();
    out.push_back(std::move(message_));
  }
  message_ = SseMessage();
  has_data_ = false;
}

}  // namespace reeve::wire
