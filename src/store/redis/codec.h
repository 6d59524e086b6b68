#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/store.h"

/// How values stand in Redis. docs/formats/redis.md
namespace reeve::store::redis {

/// An event without place and payload, as one line of JSON: what is left of one that was pruned.
std::string encode_header(const NewEvent& event);
/// The header, a line end, and the payload: an entry of the log.
std::string encode_event(const NewEvent& event);
/// corrupt: not such a text.
Result<std::shared_ptr<Event>> decode_event(std::string_view position, std::string_view event);
/// The id in what encode_event() or encode_header() wrote. corrupt: not such a text.
Result<EventId> event_id_in(std::string_view event);

/// The town's state, as far as it is looked at from here. corrupt: not such a text.
struct State {
  LogId log;
  Position head;
  Position oldest;
};
Result<State> decode_state(std::string_view state);

/// A document as its hash holds it: the body, its marks, and twenty bytes. corrupt: not such a
/// text.
Result<Doc> decode_doc(DocKey key, std::string packed);

/// An item's member of its queue's set: it sorts by priority (the highest first), then by order.
std::string encode_place(const QueuePlace& place);
/// corrupt: not such a text.
Result<QueueItem> decode_item(std::string item, std::string_view packed);

/// Where documents of a kind with a mark are listed, by rank.
std::string list_name(std::string_view kind, std::string_view mark);

/// A document's name within the snapshot.
std::string snapshot_name(const DocKey& key);
/// corrupt: not such texts.
Result<SnapshotDoc> decode_snapshot(std::string_view name, std::string_view packed);

/// A script answered something that it cannot.
Error not_understood();

/// A number, whole. corrupt: none.
template <class T>
Result<T> whole_number(std::string_view text);

}  // namespace reeve::store::redis
