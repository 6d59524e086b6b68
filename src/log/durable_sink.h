#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "event/normaliser.h"
#include "log/log.h"
#include "store/commit.h"

namespace reeve::log {

/// What a sink has to remember of its run, beside what it holds uncommitted: bookkeeping that goes
/// into the same commit as the events themselves, so that an executor that takes a run up goes on
/// where the log stands.
struct SinkState {
  RunSummary summary;
  std::uint64_t next_delta = 0;  ///< the number of the next delta, where the sink counts them
  /// The first delta that no committed event supersedes yet.
  std::optional<std::uint64_t> deltas_from;
};
BOOST_DESCRIBE_STRUCT(SinkState, (), (summary, next_delta, deltas_from))

/// Takes out of an event what must not be kept, before it is kept or shown: a key that a tool
/// printed, a customer's name. Called with the event's kind and its payload.
using Redactor = std::function<void(std::string_view kind, json::object& payload)>;

struct SinkOptions {
  RunContext context;
  std::uint64_t epoch = 1;
  Durability durability = Durability::compacted;
  /// The run's life cycle is decided elsewhere: its driver's RunStarted and RunFinished are
  /// observations (classify_watched), and the facts are committed by whoever holds its lease.
  bool watched = false;
  const Normaliser* normaliser = nullptr;  ///< null: standard_normaliser(); outlives the sink
  Redactor redactor;                       ///< empty: nothing is taken out
  /// Where deltas go; empty: to the log's live followers.
  std::function<void(Delta)> live;
  /// From a sink that holds this much, full() asks for a commit.
  std::size_t staged_events = 512;
  std::size_t staged_bytes = 1 << 20;
  /// Deltas that are kept (full_fidelity) become one event up to this size.
  std::size_t coalesced_bytes = 16 << 10;
  /// A text or value in a payload from this size on is kept once, by its content's hash.
  std::size_t blob_bytes = 32 << 10;
};

/// What a sink adds to one commit.
struct Staged {
  std::vector<NewEvent> events;
  std::vector<store::PutDoc> blobs;  ///< what events refer to by hash
};

/// Deltas of one kind and one tool call that become one event.
struct JoinedDeltas {
  std::string kind;
  json::object payload;
  std::string member;  ///< of the payload: where the text belongs
  std::string text;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  Time time{};
};

/// Where a run's AgentEvents go: deltas out to whoever follows live, at once, numbered and
/// provisional; facts into a commit that its owner makes, and out to followers behind that (G3).
///
/// Nothing is lost in silence: what cannot be captured is counted (Log::counters) and recorded as
/// CaptureFailed in its place. No mode drops facts of a life cycle (G7). A sink holds what it was
/// given until committed() says that it lasts.
///
/// Domain thread only; the Env, the Log and the Normaliser outlive it.
class DurableSink {
 public:
  DurableSink(Env& env, Log& log, SinkOptions options, SinkState state = {});

  /// Takes an event. `number`: of a delta, where its driver numbers them; numbers only grow.
  /// Fails, with the event recorded as CaptureFailed, where the normaliser refused it.
  Status emit(const AgentEvent& event, std::optional<std::uint64_t> number = std::nullopt);
  /// Records that something of the run could not be captured.
  void note_failure(std::string_view type, const Error& why);

  /// Time to commit: an owner that goes on without costs memory.
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool empty() const { return staged_.events.empty() && !open_; }

  /// Everything held, deltas joined. The same until committed() or discard(), where nothing is
  /// emitted meanwhile: a commit whose outcome is not known can be repeated.
  const Staged& staged();
  /// What staged() answered last is in the log; what has come since is still held.
  void committed();
  /// Gives up what is staged, for what no store takes.
  void discard();

  /// What belongs into the commit that carries staged().
  [[nodiscard]] const SinkState& state() const { return state_; }
  /// The following deltas and events are of a later activation's.
  void set_epoch(std::uint64_t epoch) { options_.epoch = epoch; }

 private:
  void publish(const AgentEvent& event, std::uint64_t number);
  void observe(const AgentEvent& event, std::string_view kind);
  void coalesce(const AgentEvent& event, std::string_view kind, std::uint64_t number);
  void close_open();
  void stage(NormalFact fact);
  void put_away_blobs(json::object& payload, NewEvent& event);

  Env& env_;
  Log& log_;
  SinkOptions options_;
  SinkState state_;
  SharedScopes scopes_;
  Staged staged_;
  std::size_t staged_bytes_ = 0;
  /// How much of it staged() answered last.
  std::size_t told_events_ = 0;
  std::size_t told_blobs_ = 0;
  std::optional<JoinedDeltas> open_;
};

/// A text of a payload that was put away: its document is kBlobKind/SHA256, {"text": ...,
/// "used_at": ...}. The payload keeps the text's head in its place and lists it in `blobs`: {"at":
/// JSON pointer (RFC 6901), "sha256": ..., "bytes": ...}, and "json": true where `text` is JSON.
inline constexpr const char* kBlobKind = "_blob";
/// By which retention finds those that nobody has used since: the day of their last use.
std::string blob_mark(Time used);

}  // namespace reeve::log
