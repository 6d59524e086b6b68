#include "event/compaction.h"

#include <algorithm>

#include "base/digest.h"

namespace reeve {
namespace {

constexpr std::string_view kExtension = "__context_compaction";
constexpr std::string_view kSummary = "summary";
constexpr std::string_view kSummaryHash = "summary_hash";
/// 128 bits of a SHA-256: two entries never share it by chance.
constexpr std::size_t kFingerprint = 32;

std::optional<std::string> text_of(const json::object& entry, std::string_view name) {
  const auto* found = entry.if_contains(name);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  constexpr std::string_view kBlank = " \t\r\n";
  const std::string_view text = found->get_string();
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return std::nullopt;
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

std::optional<std::int64_t> number_of(const json::object& entry, std::string_view name) {
  const auto* found = entry.if_contains(name);
  if (found == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto number = found->to_number<std::int64_t>(error);
  return error ? std::nullopt : std::optional(number);
}

std::string hash_of_summary(const json::object& entry) {
  const auto* found = entry.if_contains(kSummary);
  if (found != nullptr && found->is_string()) return sha256_hex(found->get_string());
  // A state that was redacted before it came here.
  return text_of(entry, kSummaryHash).value_or(sha256_hex(""));
}

template <class T>
void put(json::object& payload, std::string_view name, const std::optional<T>& value) {
  if (value) payload[name] = *value;
}

/// Which compaction an entry of the state tells of.
struct Subject {
  std::optional<std::string> task;
  std::optional<std::string> boundary;
};
Subject subject_of(const json::object& entry) {
  return {text_of(entry, "task_id"), text_of(entry, "boundary_message_id")};
}

bool tells_of(const Subject& entry, const CompactionInFlight& flight) {
  if (entry.task != flight.task) return false;
  return !flight.boundary || entry.boundary == flight.boundary;
}

json::object fact_about(const ThreadId& thread) {
  json::object payload;
  payload["thread_id"] = thread.str();
  return payload;
}

json::object completed(const json::object& entry, const Subject& subject, std::int64_t index,
                       std::int64_t total, const ThreadId& thread) {
  auto payload = fact_about(thread);
  payload["boundary_index"] = index;
  payload["compaction_ordinal"] = index + 1;
  payload["total_compactions"] = total;
  payload["pre_tokens"] = number_of(entry, "pre_tokens").value_or(0);
  payload["post_tokens"] = number_of(entry, "post_tokens").value_or(0);
  payload["timestamp_ms"] = number_of(entry, "timestamp_ms").value_or(0);
  payload[kSummaryHash] = hash_of_summary(entry);
  put(payload, "task_id", subject.task);
  put(payload, "boundary_message_id", subject.boundary);
  return payload;
}

json::object failed(const json::object& entry, const Subject& subject, std::int64_t index,
                    const ThreadId& thread) {
  auto payload = fact_about(thread);
  payload["failure_index"] = index;
  put(payload, "task_id", subject.task);
  payload["boundary_message_id"] = subject.boundary.value_or("");
  payload["error"] = text_of(entry, "error").value_or("unknown error");
  payload["timestamp_ms"] = number_of(entry, "timestamp_ms").value_or(0);
  return payload;
}

json::object skipped(const json::object& entry, const Subject& subject, std::int64_t index,
                     const ThreadId& thread) {
  auto payload = fact_about(thread);
  payload["skip_index"] = index;
  payload["reason"] = text_of(entry, "reason").value_or("unknown");
  put(payload, "skip_id", text_of(entry, "skip_id"));
  put(payload, "task_id", subject.task);
  put(payload, "boundary_message_id", subject.boundary);
  for (const auto* name : {"pre_tokens", "post_tokens", "savings_ratio_ppm",
                           "min_savings_ratio_ppm", "timestamp_ms"}) {
    put(payload, name, number_of(entry, name));
  }
  return payload;
}

/// What tells an entry from the others of its list: all that its fact says, but the total, which
/// grows without it.
std::string fingerprint(json::object payload) {
  if (const auto* id = payload.if_contains("skip_id")) {
    payload = {{"skip_id", *id}};
  } else {
    payload.erase("total_compactions");
  }
  return sha256_hex(canonical_json(payload)).substr(0, kFingerprint);
}

/// One pass over one list of the state: what is new in it, and what is in it.
class Pass {
 public:
  Pass(const json::object& state, const CompactionSummary& before) : state_(state) {
    if (before.in_flight) flight_ = &*before.in_flight;
  }

  /// `make(entry, subject, index)` gives an entry's payload.
  template <class Make>
  void list(const char* name, std::string_view kind, std::vector<std::string>& seen, Make make) {
    const auto* found = state_.if_contains(name);
    const auto* entries = found != nullptr ? found->if_array() : nullptr;
    if (entries == nullptr) return;
    std::vector<std::string> present;
    present.reserve(entries->size());
    std::int64_t index = -1;
    for (const auto& item : *entries) {
      ++index;
      const auto* entry = item.if_object();
      if (entry == nullptr) continue;
      const auto subject = subject_of(*entry);
      if (flight_ != nullptr && tells_of(subject, *flight_)) landed_ = true;
      json::object payload = make(*entry, subject, index);
      auto print = fingerprint(payload);
      if (std::ranges::find(present, print) != present.end()) continue;
      const bool is_new = std::ranges::find(seen, print) == seen.end();
      present.push_back(std::move(print));
      if (is_new) facts.push_back({kind, std::move(payload)});
    }
    seen = std::move(present);
  }

  /// What was in flight has an entry.
  [[nodiscard]] bool landed() const { return landed_; }

  std::vector<CompactionFact> facts;

 private:
  const json::object& state_;
  const CompactionInFlight* flight_ = nullptr;
  bool landed_ = false;
};

std::int64_t size_of(const json::object& state, const char* name) {
  const auto* found = state.if_contains(name);
  const auto* list = found != nullptr ? found->if_array() : nullptr;
  return list != nullptr ? static_cast<std::int64_t>(list->size()) : 0;
}

/// `inside`: below the compaction extension. True if there was one.
bool redact(json::value& value, bool inside) {
  bool found = inside;
  if (auto* array = value.if_array()) {
    for (auto& item : *array) found = redact(item, inside) || found;
  }
  auto* object = value.if_object();
  if (object == nullptr) return found;
  if (inside) {
    if (const auto* summary = object->if_contains(kSummary)) {
      json::value hash(sha256_hex(summary->is_string() ? std::string(summary->get_string())
                                                       : canonical_json(*summary)));
      object->stable_erase(object->find(kSummary));
      (*object)[kSummaryHash] = std::move(hash);
    }
  }
  for (auto& member : *object) {
    found = redact(member.value(), inside || member.key() == kExtension) || found;
  }
  return found;
}

}  // namespace

const json::object* compaction_state(const json::value& snapshot) {
  const auto* root = snapshot.if_object();
  const auto* extensions = root != nullptr ? root->if_contains("extensions") : nullptr;
  const auto* named = extensions != nullptr ? extensions->if_object() : nullptr;
  const auto* state = named != nullptr ? named->if_contains(kExtension) : nullptr;
  return state != nullptr ? state->if_object() : nullptr;
}

std::vector<CompactionFact> observe_compaction(const json::object& state, const ThreadId& thread,
                                               CompactionSummary& summary) {
  const auto told = number_of(state, "total_compactions");
  if (told && summary.total && *told < *summary.total) summary = {};
  if (told) summary.total = told;
  const auto total = told.value_or(size_of(state, "boundaries"));

  Pass pass(state, summary);
  pass.list("boundaries", "ContextCompactionCompleted", summary.completed,
            [&](const json::object& entry, const Subject& subject, std::int64_t index) {
              return completed(entry, subject, index, total, thread);
            });
  pass.list("failures", "ContextCompactionFailed", summary.failed,
            [&](const json::object& entry, const Subject& subject, std::int64_t index) {
              return failed(entry, subject, index, thread);
            });
  pass.list("skipped", "ContextCompactionSkipped", summary.skipped,
            [&](const json::object& entry, const Subject& subject, std::int64_t index) {
              return skipped(entry, subject, index, thread);
            });

  std::optional<CompactionInFlight> now;
  const json::object* flight = nullptr;
  if (const auto* found = state.if_contains("in_flight")) flight = found->if_object();
  if (flight != nullptr) {
    const auto subject = subject_of(*flight);
    if (subject.task) now = CompactionInFlight{*subject.task, subject.boundary};
  }
  if (now == summary.in_flight) return std::move(pass.facts);

  if (summary.in_flight && !pass.landed()) {
    auto payload = fact_about(thread);
    payload["task_id"] = summary.in_flight->task;
    payload["cancelled_at_ms"] = number_of(state, "timestamp_ms").value_or(0);
    put(payload, "boundary_message_id", summary.in_flight->boundary);
    pass.facts.push_back({"ContextCompactionCancelled", std::move(payload)});
  }
  if (now) {
    auto payload = fact_about(thread);
    payload["task_id"] = now->task;
    payload["boundary_message_id"] = now->boundary.value_or("");
    payload["started_at_ms"] = number_of(*flight, "started_at_ms").value_or(0);
    pass.facts.push_back({"ContextCompactionStarted", std::move(payload)});
  }
  summary.in_flight = std::move(now);
  return std::move(pass.facts);
}

bool redact_compaction(json::value& snapshot) { return redact(snapshot, false); }

bool redact_compaction(json::array& patch) {
  bool found = false;
  for (auto& item : patch) {
    auto* operation = item.if_object();
    const auto* path = operation != nullptr ? operation->if_contains("path") : nullptr;
    auto* value = operation != nullptr ? operation->if_contains("value") : nullptr;
    if (path == nullptr || !path->is_string()) continue;
    const std::string_view at = path->get_string();
    const bool inside = at.find(kExtension) != std::string_view::npos;
    found = found || inside;
    if (value == nullptr) continue;
    // The summary itself is what is put there.
    if (inside && at.ends_with("/summary")) {
      const auto hash = sha256_hex(value->is_string() ? std::string(value->get_string())
                                                      : canonical_json(*value));
      operation->stable_erase(operation->find("value"));
      (*operation)[kSummaryHash] = hash;
      continue;
    }
    found = redact(*value, inside) || found;
  }
  return found;
}

}  // namespace reeve
