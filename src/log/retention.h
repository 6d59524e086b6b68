#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "log/log.h"
#include "model/retention.h"

/// Retention: what goes of a log by a policy, and the steps in which it goes. docs/retention.md.
namespace reeve::log {

// --- Decisions: pure -----------------------------------------------------------------------------

/// The log as retention looks at it.
struct LogState {
  Position mark;  ///< the last event that is gone
  Position head;
  std::uint64_t bytes = 0;
  Time now{};

  [[nodiscard]] std::uint64_t events() const { return head.value - mark.value; }
};

/// How far events may go at most: not what somebody holds, nor the newest that the policy keeps.
Position ceiling(const RetentionPolicy& policy, const LogState& log,
                 const std::optional<Held>& held);

/// The part of the log's beginning that goes.
struct Cut {
  Position upto;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::string_view reason;  ///< the limit's name in the settings
};
/// Walks the oldest events in their order and stops at the first that stays.
Cut decide(const RetentionPolicy& policy, const LogState& log, Position ceiling,
           std::span<const EventPtr> oldest);

/// Whether a limit is exceeded by so much that it is worth a sweep: a twentieth, but of an age a
/// day at most. `oldest`: the time of the oldest event.
bool is_due(const RetentionPolicy& policy, const LogState& log, Position ceiling, Time oldest);

// --- Steps ---------------------------------------------------------------------------------------

/// Where the log stands.
LogState state_of(Env& env, Log& log);

/// What would go, told without reading all of it: bytes by the average, ages as if the clock had
/// never been put back.
Async<Result<Cut>> estimate(Env& env, Log& log, RetentionPolicy policy, Position ceiling);

/// What a sweep has done.
struct Swept {
  std::uint64_t events = 0;  ///< removed
  std::uint64_t bytes = 0;
  std::uint64_t pruned_events = 0;
  std::uint64_t pruned_bytes = 0;
};

/// Applies a policy to a log once, step by step. Each step is one transaction, so that a sweep may
/// end anywhere and another go on; of two at a time one is told conflict. What it did is told in
/// the log: LogTruncated in the same transaction as the last step.
///
/// Domain thread only; what it refers to outlives it.
class Sweep {
 public:
  /// Scopes of the policy's rules name agents by their ids. `held`: whom it waits for, beside those
  /// that Log::holds() knows of.
  Sweep(Env& env, Log& log, RetentionPolicy policy, std::optional<Held> held);

  /// Does a few milliseconds' work. False: nothing is left to do. conflict: somebody else moved the
  /// mark. invalid_argument: a fact that is to go cannot be read, so that no snapshot can be made.
  Async<Result<bool>> step();
  [[nodiscard]] const Swept& swept() const { return swept_; }

 private:
  [[nodiscard]] std::optional<Held> held() const;
  Async<Result<bool>> truncate();
  Async<Result<std::vector<store::SnapshotDoc>>> fold(std::vector<EventPtr> events, Position upto);
  Async<Result<bool>> remove_blobs();
  Async<Result<bool>> prune();
  Async<Status> finish_rule(Position upto);

  Env& env_;
  Log& log_;
  RetentionPolicy policy_;
  std::optional<Held> held_;
  Swept swept_;
  enum class Phase { truncate, blobs, prune, done } phase_ = Phase::truncate;
  std::optional<Time> from_;  // of the first event that went
  std::optional<Time> day_;   // whose blobs are looked at
  std::size_t rule_ = 0;
  std::optional<Position> pruned_upto_;  // of this rule; nothing: not asked for yet
  Position progress_;                    // as it was noted
  std::uint64_t rule_events_ = 0;
  std::uint64_t rule_bytes_ = 0;
};

/// How far a rule of pruning has got: bookkeeping, in documents of this kind.
inline constexpr const char* kRetentionKind = "_retention";
/// The document's id of a rule.
std::string prune_id(const PruneRule& rule);

}  // namespace reeve::log
