#include "store/redis/codec.h"

#include <fmt/format.h>
#include <boost/describe.hpp>

#include <array>
#include <charconv>
#include <iterator>

#include "base/json.h"
#include "store/marks.h"

namespace reeve::store::redis {
namespace {

/// Text: std::string to read, std::string_view to write.
template <class Text>
struct Header {
  EventId id;
  Text kind;
  std::int64_t time = 0;  ///< milliseconds since 1970
  std::vector<Text> scopes;
  Text origin;
  Fidelity fidelity = Fidelity::domain;
  Visibility visibility = Visibility::public_;
  std::uint32_t schema = 1;
  std::optional<Text> correlation;
  std::optional<Text> causation;
  BOOST_DESCRIBE_CLASS(Header, (),
                       (id, kind, time, scopes, origin, fidelity, visibility, schema, correlation,
                        causation),
                       (), ())
};

/// Version, rank and length of the marks, at the end of a document.
constexpr std::size_t kDocEnd = 20;

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Errc::corrupt, "what Redis has for " + std::string(what) +
                                 " was not written by this program: docs/redis.md says what to do");
}

/// The part up to `end`, which is taken away with it. Nothing: there is no such end.
std::optional<std::string_view> take(std::string_view& text, char end) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const auto part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

std::uint64_t big_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint64_t number = 0;
  for (const char c : bytes.substr(at, count)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

/// Takes a number and the blank behind it.
template <class T>
Result<T> take_number(std::string_view& text) {
  return whole_number<T>(take(text, ' ').value_or(""));
}

/// A length, a colon, a text of that length, and another: "4:kindid".
std::string join_two(std::string_view first, std::string_view second) {
  return fmt::format("{}:{}{}", first.size(), first, second);
}
std::optional<std::pair<std::string, std::string>> split_two(std::string_view text) {
  const auto length = whole_number<std::size_t>(take(text, ':').value_or(""));
  if (!length || *length > text.size()) return std::nullopt;
  return std::pair(std::string(text.substr(0, *length)), std::string(text.substr(*length)));
}

void append_header(std::string& out, const NewEvent& event) {
  Header<std::string_view> header{.id = event.id,
                                  .kind = event.kind,
                                  .time = to_ms(event.time),
                                  .scopes = {},
                                  .origin = event.origin,
                                  .fidelity = event.fidelity,
                                  .visibility = event.visibility,
                                  .schema = event.schema,
                                  .correlation = event.correlation,
                                  .causation = event.causation};
  header.scopes.reserve(event.scopes.size());
  for (const auto& scope : event.scopes) header.scopes.emplace_back(scope.str());
  append_json(out, header);
}

/// The state's numbers in their order. What every commit changes comes first.
template <class S>
auto numbers_of(S& state) {
  return std::array{&state.head.value, &state.bytes,        &state.entries,       &state.last_rank,
                    &state.last_order, &state.oldest.value, &state.last_snapshot, &state.pruned};
}

}  // namespace

template <class T>
Result<T> whole_number(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return corrupt("a number");
  return number;
}
template Result<std::uint64_t> whole_number<std::uint64_t>(std::string_view);
template Result<std::int64_t> whole_number<std::int64_t>(std::string_view);
template Result<int> whole_number<int>(std::string_view);

Error not_understood() { return {Errc::corrupt, "what Redis answered is not understood"}; }

void append_big_endian(std::string& out, std::uint64_t number, int bytes) {
  std::array<char, 8> digits{};
  const auto count = static_cast<std::size_t>(bytes);
  for (std::size_t i = 0; i < count; ++i)
    digits.at(i) = static_cast<char>(number >> (8 * (count - 1 - i)) & 0xff);
  out.append(digits.data(), count);
}

std::string encode_header(const NewEvent& event) {
  std::string text;
  append_header(text, event);
  return text;
}

std::string encode_event(const NewEvent& event) {
  std::string text;
  append_header(text, event);
  text += '\n';
  text += event.payload;
  return text;
}

Result<std::shared_ptr<Event>> decode_event(Position position, std::string_view text) {
  const auto end = text.find('\n');
  auto read = parse_json_as<Header<std::string>>(text.substr(0, end));
  if (!read) return corrupt("event " + std::to_string(position.value));
  NewEvent event;
  event.id = read->id;
  event.kind = std::move(read->kind);
  event.time = from_ms(read->time);
  for (auto& scope : read->scopes) event.scopes.push_back(Scope::trusted(std::move(scope)));
  event.origin = std::move(read->origin);
  event.fidelity = read->fidelity;
  event.visibility = read->visibility;
  event.schema = read->schema;
  event.correlation = std::move(read->correlation);
  event.causation = std::move(read->causation);
  event.payload = end == std::string_view::npos ? kPrunedPayload : text.substr(end + 1);
  return std::make_shared<Event>(position, std::move(event));
}

Result<EventId> event_id_in(std::string_view event) {
  auto read = parse_json_as<Header<std::string>>(event.substr(0, event.find('\n')));
  if (!read || read->id.is_nil()) return corrupt("an event");
  return read->id;
}

void append_event(std::string& entry, const NewEvent& event) {
  static thread_local std::string text;
  text.clear();
  append_header(text, event);
  const bool whole = event.payload != kPrunedPayload;
  const auto size = text.size() + (whole ? 1 + event.payload.size() : 0);
  std::array<char, 24> digits{};
  auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), size).ptr;
  entry.append(digits.data(), end);
  entry += '\n';
  entry += text;
  if (!whole) return;
  entry += '\n';
  entry += event.payload;
}

std::string entry_id(Position last, std::size_t count) {
  return fmt::format("{}-{}", last.value, count);
}

Status decode_entry(std::string_view id, std::string_view entry, Position from, Position to,
                    std::vector<EventPtr>& events) {
  const auto bad = [&] { return corrupt("entry " + std::string(id) + " of the log"); };
  const auto last = whole_number<std::uint64_t>(take(id, '-').value_or(""));
  const auto count = whole_number<std::uint64_t>(id);
  if (!last || !count || *count == 0 || *count > *last) return bad();
  for (Position at{*last - *count + 1}; at.value <= *last; at = next(at)) {
    const auto length = whole_number<std::size_t>(take(entry, '\n').value_or(""));
    if (!length || *length > entry.size()) return bad();
    if (at >= from && at <= to) {
      auto event = decode_event(at, entry.substr(0, *length));
      if (!event) return fail(event.error());
      events.push_back(std::move(*event));
    }
    entry.remove_prefix(*length);
  }
  if (!entry.empty()) return bad();
  return {};
}

std::string encode_state(const State& state) {
  auto text = state.log.str() + " 0";
  for (const auto* number : numbers_of(state)) append_big_endian(text, *number, 8);
  return text;
}

Result<State> decode_state(std::string_view text) {
  const auto log = LogId::parse(text.substr(0, text.find(' ')));
  State state;
  const auto numbers = numbers_of(state);
  if (!log || text.size() < 8 * numbers.size()) return corrupt("its state");
  state.log = *log;
  auto at = text.size() - 8 * numbers.size();
  for (auto* number : numbers) {
    *number = big_endian(text, at, 8);
    at += 8;
  }
  return state;
}

std::string encode_doc(std::string_view body, std::string_view marks, std::uint64_t version,
                       std::uint64_t rank) {
  std::string packed;
  packed.reserve(body.size() + marks.size() + kDocEnd);
  packed += body;
  packed += marks;
  append_big_endian(packed, version, 8);
  append_big_endian(packed, rank, 8);
  append_big_endian(packed, marks.size(), 4);
  return packed;
}

Result<portable::DocRow> decode_doc(DocKey key, std::string packed) {
  const auto bad = [&] { return corrupt(key.kind + " " + key.id); };
  if (packed.size() < kDocEnd) return bad();
  const auto end = std::string_view(packed).substr(packed.size() - kDocEnd);
  const auto version = big_endian(end, 0, 8);
  const auto rank = big_endian(end, 8, 8);
  const auto length = big_endian(end, 16, 4);
  if (version == 0 || rank == 0 || length + kDocEnd > packed.size()) return bad();
  const auto body = packed.size() - kDocEnd - length;
  std::vector<std::string> marks;
  for (const auto mark : split_marks(std::string_view(packed).substr(body, length)))
    marks.emplace_back(mark);
  packed.resize(body);
  return portable::DocRow{.doc = {std::move(key), version, std::move(packed), rank},
                          .marks = std::move(marks)};
}

std::string encode_place(const QueuePlace& place) {
  return fmt::format("{:08x}{:016x}",
                     static_cast<std::uint64_t>(std::int64_t{INT32_MAX} - place.priority),
                     place.order);
}

std::string encode_item(const QueueItem& item) {
  return fmt::format("{} {} {} {} {}", item.priority, item.order, item.attempt,
                     to_ms(item.not_before), item.lease);
}

Result<QueueItem> decode_item(std::string item, std::string_view packed) {
  const auto priority = take_number<int>(packed);
  const auto order = take_number<std::uint64_t>(packed);
  const auto attempt = take_number<int>(packed);
  const auto not_before = take_number<std::int64_t>(packed);
  if (!priority || !order || !attempt || !not_before) return corrupt("a queue's item " + item);
  return QueueItem{.item = std::move(item),
                   .priority = *priority,
                   .attempt = *attempt,
                   .not_before = from_ms(*not_before),
                   .lease = std::string(packed),
                   .order = *order};
}

std::string list_name(std::string_view kind, std::string_view mark) {
  return fmt::format("list:{}:{}:{}", kind.size(), kind, mark);
}

std::string key_name(const IdempotencyKey& key) { return join_two(key.writer, key.key); }

std::string encode_key(const portable::KeyRow& row) {
  return fmt::format("{} {} {} {}", to_ms(row.time), row.first.value, row.last.value,
                     join_two(row.key.digest, row.answer));
}

Result<portable::KeyRow> decode_key(std::string_view name, std::string_view packed) {
  auto key = split_two(name);
  const auto ms = take_number<std::int64_t>(packed);
  const auto first = take_number<std::uint64_t>(packed);
  const auto last = take_number<std::uint64_t>(packed);
  auto known = split_two(packed);
  if (!key || !ms || !first || !last || !known) return corrupt("request key " + std::string(name));
  return portable::KeyRow{.key = {.writer = std::move(key->first),
                                  .key = std::move(key->second),
                                  .digest = std::move(known->first)},
                          .first = {*first},
                          .last = {*last},
                          .answer = std::move(known->second),
                          .time = from_ms(*ms)};
}

std::string snapshot_name(const DocKey& key) { return join_two(key.kind, key.id); }

std::string encode_snapshot(const SnapshotDoc& doc) {
  return std::to_string(doc.rank) + "\n" + doc.body;
}

Result<SnapshotDoc> decode_snapshot(std::string_view name, std::string_view packed) {
  auto key = split_two(name);
  if (!key) return corrupt("a document's name");
  const auto rank = whole_number<std::uint64_t>(take(packed, '\n').value_or(""));
  if (!rank) return corrupt("the snapshot of " + key->first + " " + key->second);
  return SnapshotDoc{{std::move(key->first), std::move(key->second)}, std::string(packed), *rank};
}

}  // namespace reeve::store::redis
