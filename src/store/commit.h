#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "event/event.h"

/// One atomic change, as a value: what a Store is asked to do, all or nothing.
namespace reeve::store {

/// A document's name: its kind ("agent", "task", "run", "agent_name", ...) and its id within the
/// kind. Unique names are documents too: `agent_name/ada`, required to be absent.
struct DocKey {
  std::string kind;
  std::string id;
  friend auto operator<=>(const DocKey&, const DocKey&) = default;
};

/// A document as it stands. Versions count its writes, from 1.
struct Doc {
  DocKey key;
  std::uint64_t version = 0;
  std::string body;        ///< JSON text
  std::uint64_t rank = 0;  ///< order of first writing within the town; what lists are paged by
};

// --- Preconditions: a closed list, all checked before the first write ---------------------------

/// conflict: the document has another version, or is absent.
struct DocAt {
  DocKey key;
  std::uint64_t version = 0;
};
/// conflict: the document exists.
struct DocAbsent {
  DocKey key;
};
/// fenced: the run's epoch is another one, or the run has none (it has ended, or never began). G8.
struct RunAt {
  RunId run;
  std::uint64_t epoch = 0;
};
/// conflict: the item is not in the queue, or is not held by `lease` (empty: is not held by
/// anybody).
struct QueueHolds {
  std::string queue;
  std::string item;
  std::string lease;
};
/// fenced: the lease is not held by that holder at that epoch, or has run out.
struct LeaseHeld {
  std::string name;
  std::string holder;
  std::uint64_t epoch = 0;
};
using Precondition = std::variant<DocAt, DocAbsent, RunAt, QueueHolds, LeaseHeld>;

// --- Writes --------------------------------------------------------------------------------------

/// Writes a document whole; its version becomes one more than it was (1 when it was absent).
/// `marks` replace those of the last write: words it is listed by, e.g. "open", "agent:ID"
/// (Store::list).
struct PutDoc {
  DocKey key;
  std::string body;
  std::vector<std::string> marks;
};
/// Removes a document and its marks. Absent: nothing happens.
struct RemoveDoc {
  DocKey key;
};

/// Queue items are served by (priority descending, order of first push ascending), never before
/// `not_before`. Pushing an item that is already in the queue changes nothing.
struct QueuePush {
  std::string queue;
  std::string item;
  int priority = 0;
  Time not_before{};
  int attempt = 0;
};
/// Marks the item as held, by whomever it was held before (require QueueHolds where that matters):
/// it is not served until it is returned. Absent: conflict, nothing is written.
struct QueueTake {
  std::string queue;
  std::string item;
  std::string lease;  ///< who holds it, e.g. a run's id; not empty
};
/// Removes the item. Absent: nothing happens.
struct QueueAck {
  std::string queue;
  std::string item;
};
/// Gives a held item back, at its old place in the order. Absent: conflict, nothing is written.
struct QueueReturn {
  std::string queue;
  std::string item;
  int attempt = 0;
  Time not_before{};
};

/// Gives a run its epoch, or takes it away (the run has ended: nobody can write in its name any
/// more).
struct SetRunEpoch {
  RunId run;
  std::optional<std::uint64_t> epoch;
};

using Write =
    std::variant<PutDoc, RemoveDoc, QueuePush, QueueTake, QueueAck, QueueReturn, SetRunEpoch>;

/// Makes a retry harmless (G9). Kept for limits::kIdempotencyTtl.
struct IdempotencyKey {
  std::string writer;  ///< who repeats: an agent, a client; keys of different writers never meet
  std::string key;
  std::string digest;  ///< of the request's body: the same key with another one is a conflict
};

struct Commit {
  std::optional<IdempotencyKey> key;
  std::vector<Precondition> require;  ///< not looked at when the key is known
  std::vector<Write> writes;          ///< applied in order
  std::vector<NewEvent> events;
  std::string answer;  ///< kept with the key: what a repeated request is told
};

/// What became of a Commit.
struct Committed {
  Position first;  ///< of its events; first > last when it has none
  Position last;   ///< the log's head after it
  bool repeated =
      false;  ///< the key was known: nothing was written now, and these are the first time's values
  std::string answer;  ///< the commit's, or the first one's
};

}  // namespace reeve::store
