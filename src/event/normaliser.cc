#include "event/normaliser.h"

#include <algorithm>

namespace reeve {
namespace {

Normal of(const RunFinished& finished) {
  switch (finished.ending) {
    case Ending::completed: return {"RunCompleted", Fidelity::domain};
    case Ending::cancelled: return {"RunCancelled", Fidelity::domain};
    case Ending::suspended: return {"RunSuspended", Fidelity::domain};
    case Ending::stopped:
    case Ending::blocked:
    case Ending::error: break;
  }
  return {"RunFailed", Fidelity::domain};
}

Normal of(const ToolCallDone& done) {
  if (done.outcome == ToolOutcome::suspended) return {"ToolCallSuspended", Fidelity::domain};
  if (done.outcome == ToolOutcome::failed) {
    if (done.metadata.contains("rejected")) return {"ToolCallRejected", Fidelity::domain};
    const auto* timed_out = done.metadata.if_contains("timed_out");
    if (timed_out != nullptr && timed_out->is_bool() && timed_out->get_bool())
      return {"ToolCallTimedOut", Fidelity::domain};
  }
  return {"ToolCallDone", Fidelity::committed};
}

bool cancels(const ToolCallResumed& resumed) {
  return resumed.decision && resumed.decision->action == DecisionAction::cancel;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// Whether somebody is asked for permission to run the call as it is.
bool asks_for_permission(const ToolCallDone& done) {
  return done.outcome == ToolOutcome::suspended && status_of(done) == ToolStatus::pending &&
         done.suspension && done.suspension->resume_mode == ResumeMode::replay_tool_call &&
         !is_blank(done.suspension->id);
}

Status check(const RunContext& context) {
  const auto refuse = [](const char* what) {
    return fail(Errc::invalid_argument, std::string("a run's events cannot be kept: ") + what);
  };
  if (context.run.is_nil()) return refuse("the run has no id");
  if (context.thread.is_nil()) return refuse("the thread has no id");
  if (is_blank(context.origin)) return refuse("their origin is blank");
  if (context.correlation && is_blank(*context.correlation))
    return refuse("their correlation is blank (leave it out)");
  if (context.causation && is_blank(*context.causation))
    return refuse("their causation is blank (leave it out)");
  return {};
}

bool is_about(const std::vector<Scope>& scopes, std::string_view family, const Uuid& id) {
  return std::ranges::any_of(scopes, [&](const Scope& scope) {
    return scope.family() == family && scope.id() == id.str();
  });
}

std::vector<Scope> scopes_of(const RunContext& context) {
  std::vector<Scope> scopes;
  scopes.reserve(context.scopes.size() + 2);
  scopes = context.scopes;
  if (!is_about(scopes, "run", context.run.uuid)) scopes.push_back(Scope::of(context.run));
  if (!is_about(scopes, "thread", context.thread.uuid)) scopes.push_back(Scope::of(context.thread));
  return scopes;
}

/// One event on its way into the log.
class Pass {
 public:
  Pass(const RunContext& context, const AgentEvent& event, const RunSummary& before)
      : context_(context), event_(event), before_(before), normal_(classify(event)) {}

  Result<Normalised> run() && {
    if (auto usable = check(context_); !usable) return fail(usable.error());
    auto status = std::visit([this](const auto& typed) { return take(typed); }, event_);
    if (!status) return fail(status.error());
    if (!facts_.empty()) change().facts += facts_.size();
    return Normalised{std::move(facts_), std::move(after_)};
  }

 private:
  RunSummary& change() {
    if (!after_) after_ = before_;
    return *after_;
  }

  /// Null: the mode drops it.
  NormalFact* add(std::string_view kind, Fidelity fidelity) {
    if (!keeps(context_.durability, fidelity)) return nullptr;
    auto& fact = facts_.emplace_back();
    fact.kind = kind;
    fact.fidelity = fidelity;
    fact.scopes = scopes_of(context_);
    fact.correlation = context_.correlation;
    fact.causation = context_.causation;
    return &fact;
  }
  /// The event as it is.
  NormalFact* add_whole() {
    auto* fact = add(normal_.kind, normal_.fidelity);
    if (fact != nullptr) fact->payload = std::move(to_json(event_).as_object());
    return fact;
  }

  template <class T>
  Status take(const T&) {
    add_whole();
    return {};
  }

  Status take(const RunStarted& started) {
    const auto other = [](const auto& told, const auto& own) { return told && *told != own; };
    if (other(started.run, context_.run) || other(started.thread, context_.thread)) {
      return fail(Errc::invalid_argument,
                  "the RunStarted of another run or thread came to run " + context_.run.str());
    }
    if (before_.ended) return {};
    if (before_.activations > 0) normal_.kind = "RunResumed";
    ++change().activations;
    add_whole();
    return {};
  }

  Status take(const RunFinished& finished) {
    if (before_.ended) return {};
    if (finished.ending != Ending::suspended) change().ended = true;
    auto* fact = add_whole();
    if (fact != nullptr && normal_.kind == "RunFailed") {
      const auto code = enum_name(finished.ending);
      if (!finished.code.empty() && finished.code != code) fact->payload["reason"] = finished.code;
      fact->payload["code"] = code;
    }
    return {};
  }

  Status take(const ToolCallDone& done) {
    add_whole();
    if (!asks_for_permission(done)) return {};
    if (auto* fact = add("ToolPermissionRequested", Fidelity::domain)) {
      fact->payload["id"] = done.id;
      fact->payload["name"] = done.name;
      fact->payload["suspension"] = to_json_value(*done.suspension);
    }
    return {};
  }

  Status take(const ToolCallResumed& resumed) {
    auto* fact = add_whole();
    if (fact != nullptr && cancels(resumed))
      fact->payload["reason"] = resumed.decision->reason.value_or("");
    return {};
  }

  Status take(const StateSnapshot& snapshot) {
    if (auto* fact = add_whole()) {
      if (redact_compaction(fact->payload["snapshot"])) fact->visibility = Visibility::internal;
    }
    const auto* state = compaction_state(snapshot.snapshot);
    if (state == nullptr) return {};
    auto compaction = before_.compaction;
    for (auto& seen : observe_compaction(*state, context_.thread, compaction)) {
      auto& fact = facts_.emplace_back();
      fact.kind = seen.kind;
      fact.visibility = Visibility::internal;
      fact.scopes = {Scope::of(context_.thread)};
      fact.payload = std::move(seen.payload);
    }
    if (compaction != before_.compaction) change().compaction = std::move(compaction);
    return {};
  }

  Status take(const StateDelta&) {
    if (auto* fact = add_whole()) {
      if (redact_compaction(fact->payload["delta"].as_array()))
        fact->visibility = Visibility::internal;
    }
    return {};
  }

  const RunContext& context_;
  const AgentEvent& event_;
  const RunSummary& before_;
  Normal normal_;
  std::vector<NormalFact> facts_;
  std::optional<RunSummary> after_;
};

class StandardNormaliser final : public Normaliser {
  Result<Normalised> normalise(const RunContext& context, const AgentEvent& event,
                               const RunSummary& before) const override {
    return Pass(context, event, before).run();
  }
};

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

Normal classify(const AgentEvent& event) {
  using enum Fidelity;
  struct {
    Normal operator()(const RunStarted&) { return {"RunStarted", domain}; }
    Normal operator()(const RunFinished& finished) { return of(finished); }
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
    Normal operator()(const ToolCallResumed& resumed) {
      if (cancels(resumed)) return {"ToolCallCancelled", domain};
      return {"ToolCallResumed", control};
    }
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
    // Not by its own name, which might be that of a fact.
    Normal operator()(const UnknownEvent&) { return {"UnknownEvent", committed}; }
  } table;
  return std::visit(table, event);
}

Normal classify_watched(const AgentEvent& event) {
  if (std::holds_alternative<RunStarted>(event)) return {"RunStartObserved", Fidelity::observed};
  if (std::holds_alternative<RunFinished>(event)) return {"RunFinishObserved", Fidelity::observed};
  return classify(event);
}

bool may_keep(Durability mode, const AgentEvent& event) {
  if (keeps(mode, classify(event).fidelity)) return true;
  const auto* snapshot = std::get_if<StateSnapshot>(&event);
  return snapshot != nullptr && compaction_state(snapshot->snapshot) != nullptr;
}

const Normaliser& standard_normaliser() {
  static const StandardNormaliser normaliser;
  return normaliser;
}

}  // namespace reeve
