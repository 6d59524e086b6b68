#include <array>

#include "proc/dialect/classify.h"
#include "proc/dialect/fields.h"
#include "proc/dialect/stream.h"

namespace reeve::proc {
namespace {

std::string str(std::string_view text) { return std::string(text); }

Notice notice(std::string_view level, std::string_view topic, std::string text,
              json::value detail) {
  return {.level = str(level),
          .topic = str(topic),
          .text = std::move(text),
          .detail = std::move(detail)};
}

/// "src/a.cc (update), src/b.cc (add)".
std::string changes_text(const json::object& item) {
  std::string all;
  if (const auto* changes = list_of(item, "changes"); changes != nullptr)
    for (const auto& entry : *changes)
      if (const auto* change = entry.if_object(); change != nullptr)
        all += (all.empty() ? "" : ", ") + str(text_of(*change, "path")) + " (" +
               str(text_of(*change, "kind")) + ")";
  return all;
}

/// A plan as a list with boxes.
std::string plan_text(const json::object& item) {
  std::string all;
  if (const auto* items = list_of(item, "items"); items != nullptr)
    for (const auto& entry : *items)
      if (const auto* todo = entry.if_object(); todo != nullptr)
        all += (all.empty() ? "" : "\n") + str(flag_of(*todo, "completed") ? "[x] " : "[ ] ") +
               str(text_of(*todo, "text"));
  return all;
}

/// Codex `exec --json`. Success is `turn.completed`; SIGINT and SIGTERM leave no last line, and an
/// unknown session is told on stderr only.
class Codex : public StreamDialect {
 public:
  Codex() : StreamDialect("codex") {}

 protected:
  bool object(std::string_view type, const json::object& line, Events& out) override {
    if (type == "thread.started") {
      session(text_of(line, "thread_id"), "", out);
    } else if (type == "turn.started") {
      not_ended();
    } else if (type == "turn.completed") {
      commit_pending(out);
      if (const auto* counted = object_of(line, "usage"); counted != nullptr) usage(*counted, out);
      ended_well();
    } else if (type == "turn.failed") {
      commit_pending(out);
      const auto* error = object_of(line, "error");
      const auto message = error != nullptr ? text_of(*error, "message") : std::string_view();
      ended_badly(classify(message), message.empty() ? "the turn failed" : message);
    } else if (type == "error") {
      error(text_of(line, "message"), out);
    } else if (type.starts_with("item.")) {
      const auto* inner = object_of(line, "item");
      return inner != nullptr && item(type.substr(5), *inner, out);
    } else {
      return false;
    }
    return true;
  }

 private:
  void error(std::string_view message, Events& out) {
    const bool retrying = message.starts_with("Reconnecting");
    const auto code = classify(message);
    if (retrying) void_pending("the request is tried again", out);
    trouble(code, message, retrying, out);
    if (code == Failure::rate_limited)
      out.emplace_back(RateLimited{.status = retrying ? "retrying" : "rejected",
                                   .window = {},
                                   .resets_at = {},
                                   .message = str(message)});
  }

  void usage(const json::object& counted, Events& out) {
    const Usage total{.input_tokens = count_of(counted, "input_tokens"),
                      .output_tokens = count_of(counted, "output_tokens"),
                      .total_tokens = {},
                      .cache_read_tokens = count_of(counted, "cached_input_tokens"),
                      .cache_write_tokens = count_of(counted, "cache_write_input_tokens"),
                      .reasoning_tokens = count_of(counted, "reasoning_output_tokens")};
    out.emplace_back(UsageRecorded{.usage = since(seen_.before, total), .cost_usd = {}});
    seen_.before = total;  // it is the thread's total: a second turn counts from here
  }

  /// `phase` is started, updated or completed.
  bool item(std::string_view phase, const json::object& item, Events& out) {
    const auto type = text_of(item, "type");
    const bool done = phase == "completed";
    if (type == "agent_message") {
      if (done) message(text_of(item, "id"), text_of(item, "text"), out);
    } else if (type == "reasoning") {
      // Its id is its own: it goes with whatever message follows.
      if (done) hold_reasoning("", text_of(item, "text"), out);
    } else if (type == "command_execution") {
      command(phase, item, out);
    } else if (type == "mcp_tool_call") {
      tool(phase, item, out);
    } else if (type == "collab_tool_call") {
      collab(phase, item, out);
    } else if (type == "web_search") {
      call(phase, item, "web_search", value_of(item, "query"), out);
      if (done) call_done(result(item, value_of(item, "action"), false), out);
    } else if (type == "file_change") {
      if (done) file_change(item, out);
    } else if (type == "todo_list") {
      if (phase != "started" || list_of(item, "items") != nullptr)
        out.emplace_back(notice("info", "plan", plan_text(item), value_of(item, "items")));
    } else if (type == "error") {
      if (done)
        out.emplace_back(notice("warning", "codex", str(text_of(item, "message")), nullptr));
    } else {
      return false;
    }
    return true;
  }

  /// Begins the call if its beginning has not been seen.
  void call(std::string_view phase, const json::object& item, std::string_view name,
            json::value arguments, Events& out) {
    const auto id = text_of(item, "id");
    const bool open = seen_.calls.contains(str(id));
    if (phase == "started" || (phase == "completed" && !open)) {
      commit_pending(out);
      call_ready(id, name, std::move(arguments), out);
    }
  }

  static ToolCallDone result(const json::object& item, json::value content, bool failed) {
    return {.id = str(text_of(item, "id")),
            .name = {},
            .outcome = failed ? ToolOutcome::failed : ToolOutcome::succeeded,
            .result = std::move(content),
            .metadata = {},
            .duration_ms = {}};
  }

  void command(std::string_view phase, const json::object& item, Events& out) {
    call(phase, item, "shell", json::object{{"command", text_of(item, "command")}}, out);
    if (phase != "completed") return;
    const auto status = text_of(item, "status");
    const auto exit = count_of(item, "exit_code");
    auto done = result(item, value_of(item, "aggregated_output"),
                       status == "failed" || status == "declined" || exit.value_or(0) != 0);
    if (exit) done.metadata["exit_code"] = *exit;
    if (status == "declined") {
      done.metadata["rejected"] = true;
      out.emplace_back(PermissionDenied{.id = done.id,
                                        .tool = "shell",
                                        .input = value_of(item, "command"),
                                        .reason = "Codex declined to run it"});
    }
    call_done(std::move(done), out);
  }

  void tool(std::string_view phase, const json::object& item, Events& out) {
    call(phase, item, "mcp__" + str(text_of(item, "server")) + "__" + str(text_of(item, "tool")),
         value_of(item, "arguments"), out);
    if (phase != "completed") return;
    const auto* error = object_of(item, "error");
    const auto* answer = object_of(item, "result");
    auto content = error != nullptr    ? json::value(text_of(*error, "message"))
                   : answer != nullptr ? value_of(*answer, "content")
                                       : value_of(item, "result");
    auto done =
        result(item, std::move(content), error != nullptr || text_of(item, "status") == "failed");
    if (answer != nullptr)
      if (const auto* structured = member(*answer, "structured_content"))
        done.metadata["structured_content"] = *structured;
    call_done(std::move(done), out);
  }

  void collab(std::string_view phase, const json::object& item, Events& out) {
    call(phase, item, str(text_of(item, "tool")),
         json::object{{"prompt", value_of(item, "prompt")},
                      {"receiver_thread_ids", value_of(item, "receiver_thread_ids")}},
         out);
    if (phase == "completed")
      call_done(result(item, value_of(item, "agents_states"), text_of(item, "status") == "failed"),
                out);
  }

  void file_change(const json::object& item, Events& out) {
    const bool failed = text_of(item, "status") == "failed";
    out.emplace_back(notice(failed ? "warning" : "info", "file_change",
                            (failed ? "not applied: " : "") + changes_text(item),
                            value_of(item, "changes")));
  }
};

}  // namespace

std::unique_ptr<Dialect> make_codex() { return std::make_unique<Codex>(); }

}  // namespace reeve::proc
