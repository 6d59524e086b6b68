#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"

/// The protocol of Redis (RESP2), without I/O: commands to bytes, bytes to replies. hiredis' reader
/// is behind it, and nowhere else.
namespace reeve::wire {

struct RedisReply {
  enum class Kind { nil, integer, status, text, array, error };

  Kind kind = Kind::nil;
  std::int64_t integer = 0;
  std::string text;                  ///< of a status, a text (any bytes) or an error
  std::vector<RedisReply> elements;  ///< of an array

  [[nodiscard]] bool is(Kind wanted) const { return kind == wanted; }
  [[nodiscard]] bool is_error() const { return kind == Kind::error; }
  /// An error's first word, which says what it is: "NOSCRIPT". Empty: this is no error.
  [[nodiscard]] std::string_view word() const;

  friend bool operator==(const RedisReply&, const RedisReply&) = default;
};

/// Adds one command; its words may hold any bytes.
void append_command(std::string& out, std::span<const std::string> words);
/// The same in parts: how many words follow, and each of them.
void append_count(std::string& out, std::size_t words);
void append_word(std::string& out, std::string_view word);

/// Reads replies, one after the other, from one connection's bytes. After an error it is spent.
class RespReader {
 public:
  /// `limit`: bytes of one reply as they come. Its values are limited, too (limits::kRedisValues),
  /// and arrays stand in one another at most eight deep.
  explicit RespReader(std::size_t limit = limits::kRedisReply);
  ~RespReader();
  RespReader(const RespReader&) = delete;
  RespReader& operator=(const RespReader&) = delete;

  /// Takes bytes. Ask for next() until there is none, then feed again.
  void feed(std::string_view bytes);
  /// The next reply; none: more bytes are needed. corrupt: this is no RESP2; too_large: a reply is
  /// over a limit.
  Result<std::optional<RedisReply>> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace reeve::wire
