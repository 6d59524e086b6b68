#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/portable.h"
#include "store/store.h"

/// How values stand in Redis: docs/formats/redis.md. What is read and is no such text is corrupt.
namespace reeve::store::redis {

// --- The log -------------------------------------------------------------------------------------

/// An event without place and payload, as one line of JSON: what is left of one that was pruned.
std::string encode_header(const NewEvent& event);
/// The header, a line end, and the payload.
std::string encode_event(const NewEvent& event);
Result<std::shared_ptr<Event>> decode_event(Position position, std::string_view event);
/// The id in what encode_event() or encode_header() wrote.
Result<EventId> event_id_in(std::string_view event);

/// Events that follow one another are one entry of the log, until it is so large: one that stands
/// alone is read with its neighbours.
inline constexpr std::size_t kEntryBytes = 8 << 10;
/// Adds an event to an entry; one whose payload is gone, without it.
void append_event(std::string& entry, const NewEvent& event);
/// "LAST-COUNT"
std::string entry_id(Position last, std::size_t count);
/// Adds the events of an entry that are between `from` and `to`.
Status decode_entry(std::string_view id, std::string_view entry, Position from, Position to,
                    std::vector<EventPtr>& events);

/// The town's state.
struct State {
  LogId log;
  Position head;
  Position oldest{1};
  std::uint64_t bytes = 0;
  std::uint64_t last_rank = 0;
  std::uint64_t last_order = 0;
  std::uint64_t last_snapshot = 0;
  std::uint64_t entries = 0;  ///< in the stream
  std::uint64_t pruned = 0;   ///< entries elsewhere
};
/// Of nobody's session.
std::string encode_state(const State& state);
Result<State> decode_state(std::string_view state);

// --- Documents and the rest ----------------------------------------------------------------------

/// A document as its hash holds it: the body, its marks (joined), and twenty bytes.
std::string encode_doc(std::string_view body, std::string_view marks, std::uint64_t version,
                       std::uint64_t rank);
Result<portable::DocRow> decode_doc(DocKey key, std::string packed);
/// Where documents of a kind with a mark are listed, by rank.
std::string list_name(std::string_view kind, std::string_view mark);

/// An item's member of its queue's set: it sorts by priority (the highest first), then by order.
std::string encode_place(const QueuePlace& place);
std::string encode_item(const QueueItem& item);
Result<QueueItem> decode_item(std::string item, std::string_view packed);

/// A request's name among all keys, and what is known of it.
std::string key_name(const IdempotencyKey& key);
std::string encode_key(const portable::KeyRow& row);
Result<portable::KeyRow> decode_key(std::string_view name, std::string_view packed);

/// A document's name within the snapshot, and what stands there.
std::string snapshot_name(const DocKey& key);
std::string encode_snapshot(const SnapshotDoc& doc);
Result<SnapshotDoc> decode_snapshot(std::string_view name, std::string_view packed);

/// A script answered something that it cannot.
Error not_understood();

/// A number, whole. corrupt: none.
template <class T>
Result<T> whole_number(std::string_view text);

/// Adds a number's last bytes, the highest first.
void append_big_endian(std::string& out, std::uint64_t number, int bytes);

}  // namespace reeve::store::redis
