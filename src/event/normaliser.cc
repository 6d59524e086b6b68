#include "event/normaliser.h"

namespace reeve {
namespace {

Normal of(const ToolCallDone& done) {
  if (done.outcome == ToolOutcome::suspended) return {"ToolCallSuspended", Fidelity::domain};
  if (done.outcome == ToolOutcome::failed) {
    if (done.metadata.contains("rejected")) return {"ToolCallRejected", Fidelity::domain};
    const auto* timed_out = done.metadata.if_contains("timed_out");
    if (timed_out != nullptr && *timed_out == json::value(true))
      return {"ToolCallTimedOut", Fidelity::domain};
  }
  return {"ToolCallDone", Fidelity::committed};
}

}  // namespace

bool keeps(Durability mode, Fidelity fidelity) {
  switch (fidelity) {
    case Fidelity::domain:
    case Fidelity::control: return true;
    case Fidelity::committed: return mode != Durability::disabled;
    case Fidelity::observed: return mode == Durability::full_fidelity;
  }
  return true;
}

Normal normalise(const AgentEvent& event) {
  using enum Fidelity;
  struct {
    Normal operator()(const RunStarted&) { return {"RunStartObserved", observed}; }
    Normal operator()(const RunFinished&) { return {"RunFinishObserved", observed}; }
    Normal operator()(const SessionStarted&) { return {"SessionObserved", observed}; }
    Normal operator()(const StepStarted&) { return {"StepStarted", observed}; }
    Normal operator()(const StepEnded&) { return {"StepEnded", observed}; }
    Normal operator()(const ContextBuilt&) { return {"ContextBuilt", observed}; }
    Normal operator()(const ModelStarted&) { return {"ModelStarted", observed}; }
    Normal operator()(const InferenceComplete&) { return {"InferenceComplete", committed}; }
    Normal operator()(const TextDelta&) { return {"TextDeltaObserved", observed}; }
    Normal operator()(const ReasoningDelta&) { return {"ReasoningDeltaObserved", observed}; }
    Normal operator()(const ReasoningEncrypted&) {
      return {"ReasoningEncryptedValueObserved", observed};
    }
    Normal operator()(const ToolCallStarted&) { return {"ToolCallStarted", observed}; }
    Normal operator()(const ToolCallDelta&) { return {"ToolCallDeltaObserved", observed}; }
    Normal operator()(const ToolCallReady&) { return {"ToolCallReady", committed}; }
    Normal operator()(const ToolExecutionStarted&) { return {"ToolExecutionStarted", observed}; }
    Normal operator()(const ToolOutputDelta&) { return {"ToolCallStreamDeltaObserved", observed}; }
    Normal operator()(const ToolCallDone& done) { return of(done); }
    Normal operator()(const ToolCallResumed&) { return {"ToolCallResumed", control}; }
    Normal operator()(const ToolCallCancelled&) { return {"ToolCallCancelled", domain}; }
    Normal operator()(const PermissionDenied&) { return {"PermissionDenied", domain}; }
    Normal operator()(const StreamReset&) { return {"StreamReset", committed}; }
    Normal operator()(const AssistantMessage&) { return {"AssistantMessage", committed}; }
    Normal operator()(const ToolMessage&) { return {"ToolMessage", committed}; }
    Normal operator()(const UsageRecorded&) { return {"UsageRecorded", committed}; }
    Normal operator()(const CacheMetrics&) { return {"CacheMetrics", observed}; }
    Normal operator()(const MessagesSnapshot&) { return {"MessagesSnapshotObserved", observed}; }
    Normal operator()(const ActivitySnapshot&) { return {"ActivitySnapshotObserved", observed}; }
    Normal operator()(const ActivityDelta&) { return {"ActivityDeltaObserved", observed}; }
    Normal operator()(const StateSnapshot&) { return {"StateSnapshotObserved", observed}; }
    Normal operator()(const StateDelta&) { return {"StateDeltaObserved", observed}; }
    Normal operator()(const RateLimited&) { return {"RateLimited", domain}; }
    Normal operator()(const DoomLoopDetected&) { return {"DoomLoopDetected", domain}; }
    Normal operator()(const CompactionCircuitOpened&) {
      return {"CompactionCircuitOpened", domain};
    }
    Normal operator()(const ErrorRaised&) { return {"ErrorRecorded", committed}; }
    Normal operator()(const Notice&) { return {"Notice", committed}; }
    Normal operator()(const RawLine&) { return {"RawLine", committed}; }
  } table;
  return std::visit(table, event);
}

}  // namespace reeve
