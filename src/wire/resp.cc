#include "wire/resp.h"

#include <hiredis/read.h>

#include <charconv>
#include <exception>
#include <new>

namespace reeve::wire {
namespace {

using Kind = RedisReply::Kind;

void append_head(std::string& out, char mark, std::size_t number) {
  char line[24];
  line[0] = mark;
  auto* end = std::to_chars(line + 1, line + sizeof line - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line, end);
}

/// The reply that is being read. Values are added as they come, so it takes memory in proportion to
/// what has come, whatever length an array claims.
struct Building {
  RedisReply root;
  std::size_t values = 0;
  bool too_many = false;
};

/// Where the reader's next value goes. Null, for hiredis: it cannot be taken. No exception may
/// leave: there are frames of C around this.
RedisReply* place(const redisReadTask* task, Kind kind) noexcept {
  auto& building = *static_cast<Building*>(task->privdata);
  if (++building.values > limits::kRedisValues) {
    building.too_many = true;
    return nullptr;
  }
  try {
    auto* value = &building.root;
    if (task->parent != nullptr) {
      // An array is finished before its parent grows, so nothing points to what this may move.
      value = &static_cast<RedisReply*>(task->parent->obj)->elements.emplace_back();
    }
    value->kind = kind;
    return value;
  } catch (const std::exception&) {
    return nullptr;
  }
}

void* make_text(const redisReadTask* task, char* bytes, std::size_t size) noexcept {
  auto kind = Kind::text;
  if (task->type == REDIS_REPLY_STATUS) kind = Kind::status;
  if (task->type == REDIS_REPLY_ERROR) kind = Kind::error;
  auto* const value = place(task, kind);
  if (value == nullptr) return nullptr;
  try {
    value->text.assign(bytes, size);
  } catch (const std::exception&) {
    return nullptr;
  }
  return value;
}

void* make_array(const redisReadTask* task, int /*claimed: taken as it comes*/) noexcept {
  return place(task, Kind::array);
}

void* make_integer(const redisReadTask* task, long long integer) noexcept {
  auto* const value = place(task, Kind::integer);
  if (value != nullptr) value->integer = integer;
  return value;
}

void* make_nil(const redisReadTask* task) noexcept { return place(task, Kind::nil); }

void keep(void* /*the root, which Building owns*/) noexcept {}

redisReplyObjectFunctions kFunctions{.createString = make_text,
                                     .createArray = make_array,
                                     .createInteger = make_integer,
                                     .createNil = make_nil,
                                     .freeObject = keep};

struct FreeReader {
  void operator()(redisReader* reader) const { ::redisReaderFree(reader); }
};

}  // namespace

std::string_view RedisReply::word() const {
  if (!is_error()) return {};
  return std::string_view(text).substr(0, text.find(' '));
}

void append_command(std::string& out, std::span<const std::string> words) {
  append_count(out, words.size());
  for (const auto& word : words) append_word(out, word);
}
void append_count(std::string& out, std::size_t words) { append_head(out, '*', words); }
void append_word(std::string& out, std::string_view word) {
  append_head(out, '$', word.size());
  out.append(word);
  out.append("\r\n", 2);
}

struct RespReader::State {
  std::size_t limit = 0;
  Building building;
  std::size_t fed = 0;     // bytes, since the start
  std::size_t before = 0;  // of them, those before the reply that is being read
  std::unique_ptr<redisReader, FreeReader> reader;

  std::unexpected<Error> too_large() const {
    return fail(Errc::too_large, "an answer of Redis is larger than " + std::to_string(limit) +
                                     " bytes or " + std::to_string(limits::kRedisValues) +
                                     " values");
  }
};

RespReader::RespReader(std::size_t limit) : state_(std::make_unique<State>()) {
  state_->limit = limit;
  state_->reader.reset(::redisReaderCreateWithFunctions(&kFunctions));
  if (!state_->reader) throw std::bad_alloc();
  state_->reader->privdata = &state_->building;
}

RespReader::~RespReader() = default;

void RespReader::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  // Out of memory is the one thing that can go wrong; next() tells of it.
  ::redisReaderFeed(state_->reader.get(), bytes.data(), bytes.size());
  state_->fed += bytes.size();
}

Result<std::optional<RedisReply>> RespReader::next() {
  auto& reader = *state_->reader;
  void* read = nullptr;
  if (::redisReaderGetReply(&reader, &read) != REDIS_OK) {
    if (state_->building.too_many) return state_->too_large();
    return fail(reader.err == REDIS_ERR_OOM ? Errc::unavailable : Errc::corrupt,
                std::string("what came is no answer of Redis: ") + reader.errstr);
  }
  const auto size = state_->fed - (read == nullptr ? 0 : reader.len - reader.pos) - state_->before;
  if (size > state_->limit) return state_->too_large();
  if (read == nullptr) return std::nullopt;
  state_->before += size;
  state_->building.values = 0;
  return std::exchange(state_->building.root, {});
}

}  // namespace reeve::wire
