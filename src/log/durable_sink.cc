#include "log/durable_sink.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/limits.h"
#include "base/logging.h"
#include "base/utf8.h"

namespace reeve::log {
namespace {

/// What stays in a payload of a text that was put away.
constexpr std::size_t kBlobHead = 1 << 10;
/// What an event that is too large for any store shows of itself.
constexpr std::size_t kShown = 64 << 10;

/// What deltas of one kind carry, where they can be joined.
struct Joinable {
  const std::string* id = nullptr;  // of the tool call; null: the run's own text
  const std::string* text = nullptr;
  const char* member = "delta";
};

Joinable joinable(const AgentEvent& event) {
  if (const auto* e = std::get_if<TextDelta>(&event)) return {nullptr, &e->delta, "delta"};
  if (const auto* e = std::get_if<ReasoningDelta>(&event)) return {nullptr, &e->delta, "delta"};
  if (const auto* e = std::get_if<ToolCallDelta>(&event))
    return {&e->id, &e->args_delta, "args_delta"};
  if (const auto* e = std::get_if<ToolOutputDelta>(&event)) return {&e->id, &e->delta, "delta"};
  return {};
}

/// A live delta's JSON. The texts of a model come by the hundred thousand: no tree is built for
/// them.
std::string delta_json(const AgentEvent& event) {
  const auto plain = [](std::string_view type, const std::string& text) {
    std::string out;
    out.reserve(text.size() + 40);
    out += R"({"type":")";
    out += type;
    out += R"(","delta":)";
    out += json::serialize(json::string_view(text));
    out += '}';
    return out;
  };
  if (const auto* e = std::get_if<TextDelta>(&event); e != nullptr)
    return plain("TextDelta", e->delta);
  if (const auto* e = std::get_if<ReasoningDelta>(&event); e != nullptr)
    return plain("ReasoningDelta", e->delta);
  return write_json(to_json(event));
}

std::string pointer_token(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

/// Puts texts of at least `limit` bytes away, wherever they stand, and lists them by JSON pointer
/// (RFC 6901).
class BlobTaker {
 public:
  BlobTaker(std::size_t limit, Time now, std::vector<store::PutDoc>& blobs)
      : limit_(limit), now_(now), blobs_(blobs) {}

  void take(json::value& value, const std::string& at) {
    if (auto* text = value.if_string()) {
      if (text->size() < limit_) return;
      const std::string whole(*text);
      list(at, whole, false);
      value = head_of(whole, std::min(kBlobHead, limit_ / 2));
    } else if (auto* object = value.if_object()) {
      for (auto& member : *object) take(member.value(), at + "/" + pointer_token(member.key()));
    } else if (auto* array = value.if_array()) {
      for (std::size_t i = 0; i < array->size(); ++i)
        take((*array)[i], at + "/" + std::to_string(i));
    }
  }
  /// A member that is large although none of its texts is.
  void take_whole(json::value& value, const std::string& at) {
    const auto text = write_json(value);
    if (text.size() < limit_) return;
    list(at, text, true);
    value = nullptr;
  }
  [[nodiscard]] json::array listed() && { return std::move(listed_); }

 private:
  void list(const std::string& at, const std::string& text, bool is_json) {
    const auto hash = sha256_hex(text);
    json::object blob{{"text", text}, {"used_at", to_rfc3339(now_)}};
    blobs_.push_back({{kBlobKind, hash}, write_json(blob), {blob_mark(now_)}});
    json::object entry{{"at", at}, {"sha256", hash}, {"bytes", text.size()}};
    if (is_json) entry["json"] = true;
    listed_.push_back(std::move(entry));
  }

  std::size_t limit_;
  Time now_;
  std::vector<store::PutDoc>& blobs_;
  json::array listed_;
};

/// A delta, too, is about its run and its thread, whatever else the context names.
SinkOptions complete(SinkOptions options) {
  auto& scopes = options.context.scopes;
  for (const auto& own : {Scope::of(options.context.run), Scope::of(options.context.thread)}) {
    if (std::ranges::find(scopes, own) == scopes.end()) scopes.push_back(own);
  }
  return options;
}

}  // namespace

std::string blob_mark(Time used) { return "day:" + to_rfc3339(used).substr(0, 10); }

DurableSink::DurableSink(Env& env, Log& log, SinkOptions options, SinkState state)
    : env_(env),
      log_(log),
      options_(complete(std::move(options))),
      state_(std::move(state)),
      scopes_(share(options_.context.scopes)) {
  if (options_.normaliser == nullptr) options_.normaliser = &standard_normaliser();
  options_.context.durability = options_.durability;
}

Status DurableSink::emit(const AgentEvent& event, std::optional<std::uint64_t> number) {
  const auto normal = options_.watched ? classify_watched(event) : classify(event);
  const bool observed = normal.fidelity == Fidelity::observed;
  if (observed) {
    const auto own = number.value_or(state_.next_delta);
    state_.next_delta = std::max(state_.next_delta, own + 1);
    if (!state_.deltas_from) state_.deltas_from = own;
    publish(event, own);
    if (options_.watched &&
        (std::holds_alternative<RunStarted>(event) || std::holds_alternative<RunFinished>(event))) {
      if (keeps(options_.durability, normal.fidelity)) observe(event, normal.kind);
      return {};
    }
    const bool standard = options_.normaliser == &standard_normaliser();
    if (standard && !may_keep(options_.durability, event)) return {};
    if (standard && joinable(event).text != nullptr) {
      coalesce(event, normal.kind, own);
      return {};
    }
  } else if (number) {
    state_.next_delta = std::max(state_.next_delta, *number);
  }

  auto made = options_.normaliser->normalise(options_.context, event, state_.summary);
  if (!made) {
    note_failure(type_name(event), made.error());
    return fail(made.error());
  }
  if (made->after) state_.summary = std::move(*made->after);
  const bool supersedes = std::holds_alternative<AssistantMessage>(event);
  for (auto& fact : made->facts) {
    if (supersedes && state_.deltas_from && *state_.deltas_from < state_.next_delta) {
      fact.payload["supersedes"] = {
          {"epoch", options_.epoch}, {"from", *state_.deltas_from}, {"to", state_.next_delta - 1}};
    }
    if (keeps(options_.durability, fact.fidelity)) stage(std::move(fact));
  }
  if (supersedes) state_.deltas_from.reset();
  return {};
}

void DurableSink::note_failure(std::string_view type, const Error& why) {
  ++log_.counters().capture_failures;
  logging::error("run {}: a {} could not be captured: {}", options_.context.run.str(), type,
                 why.message());
  NormalFact fact;
  fact.kind = "CaptureFailed";
  fact.fidelity = Fidelity::domain;
  fact.visibility = Visibility::public_;
  fact.scopes = options_.context.scopes;
  fact.payload = {{"type", "CaptureFailed"},
                  {"event", type},
                  {"code", describe(why.code()).name},
                  {"error", why.message()}};
  stage(std::move(fact));
}

bool DurableSink::full() const {
  return staged_.events.size() >= options_.staged_events || staged_bytes_ >= options_.staged_bytes;
}

const Staged& DurableSink::staged() {
  close_open();
  told_events_ = staged_.events.size();
  told_blobs_ = staged_.blobs.size();
  return staged_;
}

void DurableSink::committed() {
  const auto forget = [this](auto& list, std::size_t& told, auto size) {
    const auto end = list.begin() + static_cast<std::ptrdiff_t>(std::exchange(told, 0));
    for (auto at = list.begin(); at != end; ++at) staged_bytes_ -= size(*at);
    list.erase(list.begin(), end);
    if (list.empty()) list.shrink_to_fit();  // a run may be silent for hours
  };
  forget(staged_.events, told_events_, [](const NewEvent& e) { return e.payload.size(); });
  forget(staged_.blobs, told_blobs_, [](const store::PutDoc& blob) { return blob.body.size(); });
}

void DurableSink::discard() {
  open_.reset();
  staged();
  committed();
}

void DurableSink::publish(const AgentEvent& event, std::uint64_t number) {
  if (!options_.live && !log_.has_live()) {
    ++log_.counters().deltas;
    return;
  }
  Delta delta;
  delta.run = options_.context.run;
  delta.epoch = options_.epoch;
  delta.number = number;
  delta.scopes = scopes_;
  delta.time = env_.now();
  delta.kind = type_name(event);
  if (options_.redactor) {
    auto payload = to_json(event).as_object();
    options_.redactor(delta.kind, payload);
    delta.payload = write_json(payload);
  } else {
    delta.payload = delta_json(event);
  }
  if (options_.live) {
    options_.live(std::move(delta));
  } else {
    log_.publish(std::move(delta));
  }
}

/// Keeps an event that the normaliser is not asked about.
void DurableSink::observe(const AgentEvent& event, std::string_view kind) {
  NormalFact fact;
  fact.kind = kind;
  fact.fidelity = Fidelity::observed;
  fact.scopes = options_.context.scopes;
  fact.correlation = options_.context.correlation;
  fact.causation = options_.context.causation;
  fact.payload = to_json(event).as_object();
  stage(std::move(fact));
}

void DurableSink::coalesce(const AgentEvent& event, std::string_view kind, std::uint64_t number) {
  const auto part = joinable(event);
  const bool fits = open_ && open_->kind == kind &&
                    open_->text.size() + part.text->size() <= options_.coalesced_bytes &&
                    (part.id == nullptr || open_->payload.at("id") == json::value(*part.id));
  if (!fits) {
    close_open();
    open_.emplace();
    open_->kind = kind;
    open_->payload = to_json(event).as_object();
    open_->member = part.member;
    open_->from = number;
    open_->time = env_.now();
  }
  open_->text += *part.text;
  open_->to = number;
}

void DurableSink::close_open() {
  if (!open_) return;
  auto open = std::move(*open_);
  open_.reset();
  NormalFact fact;
  fact.kind = std::move(open.kind);
  fact.fidelity = Fidelity::observed;
  fact.visibility = Visibility::public_;
  fact.scopes = options_.context.scopes;
  fact.correlation = options_.context.correlation;
  fact.causation = options_.context.causation;
  open.payload[open.member] = open.text;
  open.payload["deltas"] = {{"epoch", options_.epoch}, {"from", open.from}, {"to", open.to}};
  fact.payload = std::move(open.payload);
  stage(std::move(fact));
}

void DurableSink::stage(NormalFact fact) {
  close_open();
  if (options_.redactor) options_.redactor(fact.kind, fact.payload);
  NewEvent event;
  event.id = EventId(env_.uuid7());
  event.time = env_.now();
  event.kind = std::move(fact.kind);
  event.fidelity = fact.fidelity;
  event.visibility = fact.visibility;
  event.scopes = std::move(fact.scopes);
  event.origin = options_.context.origin;
  event.correlation = std::move(fact.correlation);
  event.causation = std::move(fact.causation);
  event.payload = write_json(fact.payload);
  if (event.payload.size() >= options_.blob_bytes) put_away_blobs(fact.payload, event);
  staged_bytes_ += event.payload.size();
  staged_.events.push_back(std::move(event));
}

void DurableSink::put_away_blobs(json::object& payload, NewEvent& event) {
  std::vector<store::PutDoc> blobs;
  BlobTaker taker(options_.blob_bytes, event.time, blobs);
  for (auto& member : payload) taker.take(member.value(), "/" + pointer_token(member.key()));
  for (auto& member : payload) taker.take_whole(member.value(), "/" + pointer_token(member.key()));
  if (auto listed = std::move(taker).listed(); !listed.empty())
    payload["blobs"] = std::move(listed);
  const bool storable = std::ranges::all_of(
      blobs, [](const auto& blob) { return blob.body.size() <= limits::kDocument; });
  if (!storable) {
    // Nothing takes it whole: it shows how it begins.
    json::object cut;
    if (const auto* type = payload.if_contains("type")) cut["type"] = *type;
    cut["too_large_bytes"] = event.payload.size();
    cut["begins"] = std::string(head_of(event.payload, kShown));
    event.payload = write_json(cut);
    return;
  }
  event.payload = write_json(payload);
  for (auto& blob : blobs) {
    staged_bytes_ += blob.body.size();
    staged_.blobs.push_back(std::move(blob));
  }
}

}  // namespace reeve::log
