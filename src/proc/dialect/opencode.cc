#include "proc/dialect/classify.h"
#include "proc/dialect/fields.h"
#include "proc/dialect/stream.h"

#include <charconv>

namespace reeve::proc {
namespace {

std::string str(std::string_view text) { return std::string(text); }

/// When the vendor lets requests through again: the line's time plus its retry-after header.
std::optional<Time> resets_at(const json::object& line, const json::object& data) {
  const auto now = count_of(line, "timestamp");
  const auto* headers = object_of(data, "responseHeaders");
  if (!now || headers == nullptr) return std::nullopt;
  const auto after = text_of(*headers, "retry-after");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), seconds);
  constexpr std::int64_t kYear = 366 * 24 * 3600;
  constexpr std::int64_t kLast = 253'402'300'799'999 - kYear * 1000;  // the year 9999
  if (after.empty() || error != std::errc() || seconds < 0 || seconds > kYear || *now < 0 ||
      *now > kLast)
    return std::nullopt;
  return from_ms(*now + seconds * 1000);
}

std::optional<Duration> spent(const json::object& state) {
  const auto* time = object_of(state, "time");
  if (time == nullptr) return std::nullopt;
  const auto start = count_of(*time, "start");
  const auto end = count_of(*time, "end");
  if (!start || !end || *start < 0 || *end < *start) return std::nullopt;
  return Duration(*end - *start);
}

/// OpenCode `run --format json`: whole parts, no deltas. Success is a `step_finish` whose reason is
/// "stop"; an `error` line ends the run unless a step follows. Tools are told when they are done.
class OpenCode : public StreamDialect {
 public:
  OpenCode() : StreamDialect("opencode") {}

 protected:
  bool object(std::string_view type, const json::object& line, Events& out) override {
    if (type == "error") {
      session(text_of(line, "sessionID"), "", out);
      error(line, out);
      return true;
    }
    const auto* part = object_of(line, "part");
    if (part == nullptr) return false;
    const auto id = text_of(*part, "messageID");
    const bool known = type == "step_start" || type == "text" || type == "reasoning" ||
                       type == "tool_use" || type == "step_finish";
    if (!known) return false;
    session(text_of(line, "sessionID"), "", out);
    not_ended();
    if (type == "step_start") {
      if (step_open_) out.emplace_back(StreamReset{"the model call was tried again"});
      step_open_ = true;
      denied_ = false;
      out.emplace_back(StepStarted{str(id)});
    } else if (type == "text") {
      message(id, text_of(*part, "text"), out);
    } else if (type == "reasoning") {
      hold_reasoning(id, text_of(*part, "text"), out);
    } else if (type == "tool_use") {
      tool(*part, out);
    } else {
      step_finish(*part, out);
    }
    return true;
  }

  [[nodiscard]] json::value save_own() const override {
    return json::object{{"step_open", step_open_}, {"denied", denied_}};
  }
  Status restore_own(const json::value& state) override {
    if (const auto* object = state.if_object()) {
      step_open_ = flag_of(*object, "step_open");
      denied_ = flag_of(*object, "denied");
    }
    return {};
  }

 private:
  void tool(const json::object& part, Events& out) {
    commit_pending(out);
    const auto id = text_of(part, "callID");
    const auto name = text_of(part, "tool");
    const auto* state = object_of(part, "state");
    const json::object none;
    const auto& told = state != nullptr ? *state : none;
    const auto* metadata = object_of(told, "metadata");
    const auto exit = metadata != nullptr ? count_of(*metadata, "exit") : std::nullopt;
    const bool broke = text_of(told, "status") == "error";
    call_ready(id, name, value_of(told, "input"), out);
    ToolCallDone done{
        .id = str(id),
        .name = str(name),
        .outcome = broke || exit.value_or(0) != 0 ? ToolOutcome::failed : ToolOutcome::succeeded,
        .result = value_of(told, broke ? "error" : "output"),
        .metadata = {},
        .duration_ms = spent(told)};
    if (exit) done.metadata["exit_code"] = *exit;
    if (broke && tells_of_denial(plain_text(done.result))) {
      done.metadata["rejected"] = true;
      denied_ = true;
      out.emplace_back(PermissionDenied{.id = done.id,
                                        .tool = done.name,
                                        .input = value_of(told, "input"),
                                        .reason = plain_text(done.result)});
    }
    call_done(std::move(done), out);
  }

  void step_finish(const json::object& part, Events& out) {
    commit_pending(out);
    step_open_ = false;
    seen_.steps = seen_.steps.value_or(0) + 1;
    const auto reason = text_of(part, "reason");
    if (const auto* tokens = object_of(part, "tokens"); tokens != nullptr) {
      const json::object none;
      const auto* found = object_of(*tokens, "cache");
      const auto& cache = found != nullptr ? *found : none;
      out.emplace_back(UsageRecorded{.usage = {.input_tokens = count_of(*tokens, "input"),
                                               .output_tokens = count_of(*tokens, "output"),
                                               .total_tokens = count_of(*tokens, "total"),
                                               .cache_read_tokens = count_of(cache, "read"),
                                               .cache_write_tokens = count_of(cache, "write"),
                                               .reasoning_tokens = count_of(*tokens, "reasoning")},
                                     .cost_usd = real_of(part, "cost")});
    }
    out.emplace_back(StepEnded{});
    if (reason == "stop") {
      ended_well();
    } else if (reason == "length") {
      ended_badly(Failure::error, "the answer was cut at the model's output limit");
    } else if (reason == "content-filter") {
      ended_badly(Failure::refused, "the provider's content filter stopped the answer");
    } else if (reason == "error") {
      ended_badly(Failure::error, "the model call ended with an error");
    } else if (denied_) {  // a rejected permission ends the run here, with status 0; or a step
                           // follows
      ended_badly(Failure::permission_denied,
                  "a permission was denied, and OpenCode ends its run there", Ending::blocked);
    }
  }

  void error(const json::object& line, Events& out) {
    const json::object none;
    const auto* found = object_of(line, "error");
    const auto& error = found != nullptr ? *found : none;
    const auto* inner = object_of(error, "data");
    const auto& data = inner != nullptr ? *inner : none;
    const auto name = text_of(error, "name");
    auto message = str(text_of(data, "message"));
    if (message.empty()) message = str(text_of(error, "message"));
    if (message.empty()) message = name.empty() ? "an unknown error" : str(name);
    const auto number = count_of(data, "statusCode");
    const auto status = number && *number >= 100 && *number < 600
                            ? std::optional(static_cast<int>(*number))
                            : std::nullopt;
    auto code = classify(message, status);
    if (name == "ContextOverflowError") code = Failure::context_too_long;
    if (name == "ProviderAuthError") code = Failure::authentication_failed;
    if (name == "MessageAbortedError") code = Failure::interrupted;
    void_pending("the model call failed", out);
    trouble(code, message, false, out);
    if (code == Failure::rate_limited)
      out.emplace_back(RateLimited{.status = "rejected",
                                   .window = {},
                                   .resets_at = resets_at(line, data),
                                   .message = message});
    ended_badly(code, message);
  }

  bool step_open_ = false;
  bool denied_ = false;  ///< a tool of this step was
};

}  // namespace

std::unique_ptr<Dialect> make_opencode() { return std::make_unique<OpenCode>(); }

}  // namespace reeve::proc
