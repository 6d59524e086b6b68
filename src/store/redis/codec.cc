#include "store/redis/codec.h"

#include <fmt/format.h>
#include <boost/describe.hpp>

#include <charconv>

#include "base/json.h"

namespace reeve::store::redis {
namespace {

struct Header {
  EventId id;
  std::string kind;
  std::int64_t time = 0;  ///< milliseconds since 1970
  std::vector<std::string> scopes;
  std::string origin;
  Fidelity fidelity = Fidelity::domain;
  Visibility visibility = Visibility::public_;
  std::uint32_t schema = 1;
  std::optional<std::string> correlation;
  std::optional<std::string> causation;
};
BOOST_DESCRIBE_STRUCT(Header, (),
                      (id, kind, time, scopes, origin, fidelity, visibility, schema, correlation,
                       causation))

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

/// "4:kindid" to its two.
Result<DocKey> split_name(std::string_view name) {
  const auto digits = take(name, ':');
  const auto length = whole_number<std::size_t>(digits.value_or(""));
  if (!length || *length > name.size()) return corrupt("a document's name");
  return DocKey{std::string(name.substr(0, *length)), std::string(name.substr(*length))};
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

std::string encode_header(const NewEvent& event) {
  Header header{event.id,          event.kind,     to_ms(event.time), {},
                event.origin,      event.fidelity, event.visibility,  event.schema,
                event.correlation, event.causation};
  for (const auto& scope : event.scopes) header.scopes.push_back(scope.str());
  return write_json_of(header);
}

std::string encode_event(const NewEvent& event) {
  auto text = encode_header(event);
  text.reserve(text.size() + 1 + event.payload.size());
  text += '\n';
  text += event.payload;
  return text;
}

Result<std::shared_ptr<Event>> decode_event(std::string_view position, std::string_view text) {
  const auto at = whole_number<std::uint64_t>(position.substr(0, position.find('-')));
  const auto end = text.find('\n');
  auto read = parse_json_as<Header>(text.substr(0, end));
  if (!at || !read) return corrupt("event " + std::string(position));
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
  return std::make_shared<Event>(Position{*at}, std::move(event));
}

Result<EventId> event_id_in(std::string_view event) {
  auto read = parse_json_as<Header>(event.substr(0, event.find('\n')));
  if (!read || read->id.is_nil()) return corrupt("an event");
  return read->id;
}

Result<State> decode_state(std::string_view state) {
  constexpr std::size_t kNumbers = 48;
  const auto log = LogId::parse(state.substr(0, state.find(' ')));
  if (!log || state.size() < kNumbers) return corrupt("its state");
  const auto numbers = state.substr(state.size() - kNumbers);
  return State{
      .log = *log, .head = {big_endian(numbers, 0, 8)}, .oldest = {big_endian(numbers, 8, 8)}};
}

Result<Doc> decode_doc(DocKey key, std::string packed) {
  constexpr std::size_t kEnd = 20;  // version, rank, length of the marks
  const auto bad = [&] { return corrupt(key.kind + " " + key.id); };
  if (packed.size() < kEnd) return bad();
  const auto end = std::string_view(packed).substr(packed.size() - kEnd);
  const auto version = big_endian(end, 0, 8);
  const auto rank = big_endian(end, 8, 8);
  const auto marks = big_endian(end, 16, 4);
  if (version == 0 || rank == 0 || marks + kEnd > packed.size()) return bad();
  packed.resize(packed.size() - kEnd - marks);
  return Doc{std::move(key), version, std::move(packed), rank};
}

std::string encode_place(const QueuePlace& place) {
  return fmt::format("{:08x}{:016x}",
                     static_cast<std::uint64_t>(std::int64_t{INT32_MAX} - place.priority),
                     place.order);
}

Result<QueueItem> decode_item(std::string item, std::string_view packed) {
  const auto priority = whole_number<int>(take(packed, ' ').value_or(""));
  const auto order = whole_number<std::uint64_t>(take(packed, ' ').value_or(""));
  const auto attempt = whole_number<int>(take(packed, ' ').value_or(""));
  const auto not_before = whole_number<std::int64_t>(take(packed, ' ').value_or(""));
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

std::string snapshot_name(const DocKey& key) {
  return std::to_string(key.kind.size()) + ":" + key.kind + key.id;
}

Result<SnapshotDoc> decode_snapshot(std::string_view name, std::string_view packed) {
  auto key = split_name(name);
  if (!key) return fail(key.error());
  const auto rank = whole_number<std::uint64_t>(take(packed, '\n').value_or(""));
  if (!rank) return corrupt("the snapshot of " + key->kind + " " + key->id);
  return SnapshotDoc{std::move(*key), std::string(packed), *rank};
}

}  // namespace reeve::store::redis
