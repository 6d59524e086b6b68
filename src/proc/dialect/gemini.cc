#include "proc/dialect/classify.h"
#include "proc/dialect/fields.h"
#include "proc/dialect/stream.h"

namespace reeve::proc {
namespace {

std::string str(std::string_view text) { return std::string(text); }

/// Gemini CLI's stream-json. Success is `result` with status success; a terminated process may end
/// with status 0 and without one. Its exit status is a table's entry, or an HTTP status modulo 256.
class Gemini : public StreamDialect {
 public:
  Gemini() : StreamDialect("gemini") {}

 protected:
  bool object(std::string_view type, const json::object& line, Events& out) override {
    if (type == "init") {
      seen_.model = text_of(line, "model");
      session(text_of(line, "session_id"), "", out);
    } else if (type == "message") {
      return message_line(line, out);
    } else if (type == "tool_use") {
      not_ended();
      commit_pending(out);
      call_ready(text_of(line, "tool_id"), text_of(line, "tool_name"), value_of(line, "parameters"),
                 out);
    } else if (type == "tool_result") {
      tool_result(line, out);
    } else if (type == "error") {
      error(line, out);
    } else if (type == "result") {
      result(line, out);
    } else {
      return false;
    }
    return true;
  }

  /// "Attempt 2 failed with status 429. Retrying with backoff... "
  bool complaint(std::string_view line, Events& out) override {
    if (!line.starts_with("Attempt ") || !line.contains("Retrying")) return false;
    void_pending("the request is tried again", out);
    const auto code = classify(line);
    trouble(code, line, true, out);
    if (code == Failure::rate_limited)
      out.emplace_back(
          RateLimited{.status = "retrying", .window = {}, .resets_at = {}, .message = str(line)});
    return true;
  }

  [[nodiscard]] std::optional<Trouble> meaning(int status) const override {
    const auto means = [](Failure code, std::string_view message) {
      return Trouble{.code = str(enum_name(code)), .message = str(message), .retrying = false};
    };
    switch (status) {
      case 41: return means(Failure::authentication_failed, "gemini could not authenticate");
      case 42:
        if (classify(seen_.complaint) == Failure::session_not_found)
          return means(Failure::session_not_found, "gemini does not know the session");
        return means(Failure::exit_status, "gemini refused its input");
      case 44: return means(Failure::exit_status, "gemini's sandbox failed");
      case 52: return means(Failure::exit_status, "gemini's configuration is wrong");
      case 53: return means(Failure::max_turns, "gemini reached its turn limit");
      case 54: return means(Failure::exit_status, "a tool failed fatally");
      case 55:
        return means(Failure::exit_status,
                     "gemini does not trust this folder: trust it once in gemini itself, or set "
                     "GEMINI_CLI_TRUST_WORKSPACE=true");
      case 130: return means(Failure::interrupted, "gemini was interrupted");
      case 401 % 256:
      case 403 % 256: return means(Failure::authentication_failed, "the API refused the key");
      case 429 % 256: return means(Failure::rate_limited, "the API limits the rate");
      case 500 % 256:
      case 503 % 256: return means(Failure::server_error, "the API failed");
      default: return std::nullopt;
    }
  }

 private:
  bool message_line(const json::object& line, Events& out) {
    const auto role = text_of(line, "role");
    if (role == "user") return true;
    if (role != "assistant") return false;
    not_ended();
    if (flag_of(line, "delta")) {
      text_delta(text_of(line, "content"), out);
    } else {
      commit_pending(out);
      message("", text_of(line, "content"), out);
    }
    return true;
  }

  void tool_result(const json::object& line, Events& out) {
    const auto* error = object_of(line, "error");
    const bool failed = text_of(line, "status") == "error" || error != nullptr;
    ToolCallDone done{.id = str(text_of(line, "tool_id")),
                      .name = {},
                      .outcome = failed ? ToolOutcome::failed : ToolOutcome::succeeded,
                      .result = value_of(line, "output"),
                      .metadata = {},
                      .duration_ms = {}};
    if (failed) {
      auto reason = error != nullptr ? str(text_of(*error, "message")) : std::string();
      if (reason.empty()) reason = plain_text(done.result);
      if (done.result.is_null()) done.result = reason;
      const auto kind = error != nullptr ? text_of(*error, "type") : std::string_view();
      if (kind == "policy_violation" || tells_of_denial(reason)) {
        done.metadata["rejected"] = true;
        const auto open = seen_.calls.find(done.id);
        out.emplace_back(PermissionDenied{.id = done.id,
                                          .tool = open == seen_.calls.end() ? "" : open->second,
                                          .input = nullptr,
                                          .reason = std::move(reason)});
      }
    }
    call_done(std::move(done), out);
  }

  void error(const json::object& line, Events& out) {
    const auto message = text_of(line, "message");
    if (message.starts_with("Loop detected")) out.emplace_back(DoomLoopDetected{str(message)});
    if (text_of(line, "severity") == "warning") {
      out.emplace_back(
          Notice{.level = "warning", .topic = "gemini", .text = str(message), .detail = nullptr});
    } else {
      trouble(classify(message), message, false, out);
    }
  }

  void result(const json::object& line, Events& out) {
    commit_pending(out);
    if (const auto* stats = object_of(line, "stats"); stats != nullptr)
      out.emplace_back(UsageRecorded{.usage = {.input_tokens = count_of(*stats, "input_tokens"),
                                               .output_tokens = count_of(*stats, "output_tokens"),
                                               .total_tokens = count_of(*stats, "total_tokens"),
                                               .cache_read_tokens = count_of(*stats, "cached"),
                                               .cache_write_tokens = {},
                                               .reasoning_tokens = {}},
                                     .cost_usd = {}});
    const auto* error = object_of(line, "error");
    if (text_of(line, "status") == "success" && error == nullptr) {
      ended_well();
      return;
    }
    const auto message = error != nullptr ? text_of(*error, "message") : std::string_view();
    const auto type = error != nullptr ? text_of(*error, "type") : std::string_view();
    auto code = classify(message);
    if (code == Failure::error) code = classify(type);
    ended_badly(code, message.empty() ? "gemini ended with an error" : message,
                code == Failure::max_turns ? Ending::stopped : Ending::error);
  }
};

}  // namespace

std::unique_ptr<Dialect> make_gemini() { return std::make_unique<Gemini>(); }

}  // namespace reeve::proc
