#include "proc/dialect/stream.h"

#include <fmt/core.h>

#include <utility>

#include "base/limits.h"
#include "base/utf8.h"
#include "proc/dialect/classify.h"
#include "proc/dialect/fields.h"
#include "proc/terminal_text.h"

namespace reeve::proc {
namespace {

constexpr std::int64_t kStateVersion = 1;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The code unit of a JSON escape \uXXXX at `at`, or -1.
int unit_at(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const int digit = hex(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

/// JavaScript cuts texts between the two halves of a character and writes what is left as a lone
/// surrogate escape, which is not JSON text. It must not cost us the line.
std::string without_lone_surrogates(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] != '\\') {
      out += line[at++];
      continue;
    }
    const int unit = unit_at(line, at);
    const int next = unit < 0 ? -1 : unit_at(line, at + 6);
    const bool leads = unit >= 0xD800 && unit <= 0xDBFF;
    const bool trails = unit >= 0xDC00 && unit <= 0xDFFF;
    std::size_t length = unit < 0 ? 2 : 6;
    if (leads && next >= 0xDC00 && next <= 0xDFFF) {
      length = 12;
    } else if (leads || trails) {
      out += "\\ufffd";
      at += 6;
      continue;
    }
    out += line.substr(at, length);
    at += length;
  }
  return out;
}

/// A line as JSON, if it is: with bytes that are no UTF-8, and halves of characters, replaced.
std::optional<json::object> parse_line(std::string_view line) {
  if (line.empty() || line.front() != '{') return std::nullopt;
  auto value = is_utf8(line) ? parse_json(line) : parse_json(to_utf8(line));
  if (!value && (line.contains("\\ud") || line.contains("\\uD")))
    value = parse_json(without_lone_surrogates(to_utf8(line)));
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

/// An event that the log would refuse for its size keeps its place with less text.
void fit(AgentEvent& event) {
  constexpr std::size_t kLess = 1 << 20;
  if (write_json(to_json(event)).size() <= limits::kEventPayload) return;
  if (auto* done = std::get_if<ToolCallDone>(&event)) {
    done->result = head_of(plain_text(done->result), kLess);
    done->metadata = {{"cut", true}};
  } else if (auto* ready = std::get_if<ToolCallReady>(&event)) {
    ready->arguments = {{"cut", head_of(write_json(ready->arguments), kLess)}};
  } else if (auto* said = std::get_if<AssistantMessage>(&event)) {
    said->text = head_of(said->text, kLess);
    said->reasoning = head_of(said->reasoning, kLess);
  } else {
    event = raw_line(write_json(to_json(event)));
  }
}

}  // namespace

void Dialect::resumes(const Usage& /*before*/) {}

Notice stderr_notice(std::string_view line) {
  const auto text = to_utf8(without_escapes(line));
  return {.level = "warning",
          .topic = "stderr",
          .text = std::string(head_of(text, limits::kRawLine)),
          .detail = nullptr};
}

std::string plain_text(const json::value& content) {
  if (const auto* text = content.if_string()) return std::string(*text);
  const auto* blocks = content.if_array();
  if (blocks == nullptr) return content.is_null() ? std::string() : write_json(content);
  std::string all;
  for (const auto& block : *blocks) {
    const auto* object = block.if_object();
    if (object == nullptr) continue;
    const auto text = text_of(*object, "text");
    if (text.empty()) continue;
    if (!all.empty()) all += '\n';
    all += text;
  }
  return all;
}

RawLine raw_line(std::string_view line) {
  // Cut before it is made valid, with room for the replacement's growth.
  const auto text = to_utf8(line.substr(0, limits::kRawLine + 4));
  const auto head = head_of(text, limits::kRawLine);
  return {.line = std::string(head),
          .cut = line.size() > limits::kRawLine || head.size() < text.size()};
}

std::string told(const ProcessEnd& exit) {
  if (exit.lost) return "an unknown end";
  if (exit.signal) return fmt::format("signal {}", *exit.signal);
  if (exit.status) return fmt::format("exit status {}", *exit.status);
  return "an unknown end";
}

std::optional<RunFinished> stopped_by_us(const ProcessEnd& exit, std::string_view last_trouble) {
  if (exit.stopped.empty()) return std::nullopt;
  RunFinished end;
  if (exit.stopped == "cancelled") {
    end.ending = Ending::cancelled;
    return end;
  }
  end.ending = Ending::error;
  const auto known = enum_from_name<Failure>(exit.stopped);
  end.code = enum_name(known.value_or(Failure::error));
  end.message = "the round was stopped: " + exit.stopped;
  if (!last_trouble.empty()) {
    end.message += "; before that: ";
    end.message += last_trouble;
  }
  return end;
}

Usage since(const Usage& before, const Usage& total) {
  const auto less = [](std::optional<std::int64_t> was, std::optional<std::int64_t> is) {
    if (!is || !was || *was > *is) return is;
    return std::optional(*is - *was);
  };
  return {.input_tokens = less(before.input_tokens, total.input_tokens),
          .output_tokens = less(before.output_tokens, total.output_tokens),
          .total_tokens = less(before.total_tokens, total.total_tokens),
          .cache_read_tokens = less(before.cache_read_tokens, total.cache_read_tokens),
          .cache_write_tokens = less(before.cache_write_tokens, total.cache_write_tokens),
          .reasoning_tokens = less(before.reasoning_tokens, total.reasoning_tokens)};
}

void StreamDialect::line(Channel channel, std::string_view line, Events& out) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_not_of(" \t") == std::string_view::npos) return;
  const auto first = out.size();
  if (channel == Channel::err) {
    err_line(line, out);
  } else {
    out_line(line, out);
  }
  // JSON text grows when it is written again: at most six times (control characters).
  constexpr std::size_t kSurelyFits = limits::kEventPayload / 8;
  if (line.size() > kSurelyFits)
    for (auto i = first; i < out.size(); ++i) fit(out[i]);
}

void StreamDialect::err_line(std::string_view line, Events& out) {
  auto notice = stderr_notice(line);
  seen_.complaint += notice.text;
  seen_.complaint += '\n';
  seen_.complaint = std::string(tail_of(seen_.complaint, limits::kComplaint));
  if (!complaint(notice.text, out)) out.emplace_back(std::move(notice));
}

void StreamDialect::out_line(std::string_view line, Events& out) {
  const auto parsed = parse_line(line);
  const auto type = parsed ? text_of(*parsed, "type") : std::string_view();
  if (type.empty() || !object(type, *parsed, out)) {
    out.emplace_back(raw_line(line));
    return;
  }
  seen_.began = true;
}

void StreamDialect::session(std::string_view id, std::string_view permission_mode, Events& out) {
  if (id.empty() || id == seen_.session) return;
  seen_.session = id;
  out.emplace_back(SessionStarted{.session = seen_.session,
                                  .model = seen_.model,
                                  .permission_mode = std::string(permission_mode)});
}

void StreamDialect::text_delta(std::string_view delta, Events& out) {
  if (delta.empty()) return;
  out.emplace_back(TextDelta{std::string(delta)});
  seen_.text += delta;
  if (seen_.text.size() > limits::kAnswer) commit_pending(out);
}

void StreamDialect::reasoning_delta(std::string_view delta, Events& out) {
  if (delta.empty()) return;
  out.emplace_back(ReasoningDelta{std::string(delta)});
  seen_.reasoning += delta;
  if (seen_.reasoning.size() > limits::kAnswer) commit_pending(out);
}

void StreamDialect::hold_reasoning(std::string_view message_id, std::string_view reasoning,
                                   Events& out) {
  seen_.reasoning.clear();
  if (reasoning.empty()) return;
  if (seen_.message_id != message_id ||
      seen_.held_reasoning.size() + reasoning.size() > limits::kAnswer)
    commit_pending(out);
  seen_.message_id = message_id;
  if (!seen_.held_reasoning.empty()) seen_.held_reasoning += '\n';
  seen_.held_reasoning += reasoning;
  if (seen_.held_reasoning.size() > limits::kAnswer) commit_pending(out);
}

void StreamDialect::message(std::string_view id, std::string_view text, Events& out) {
  seen_.text.clear();
  if (!seen_.message_id.empty() && seen_.message_id != id) commit_pending(out);
  seen_.message_id.clear();
  auto reasoning = std::exchange(seen_.held_reasoning, {}) + std::exchange(seen_.reasoning, {});
  if (text.empty() && reasoning.empty()) return;
  if (!text.empty()) seen_.answer = tail_of(text, limits::kAnswer);
  out.emplace_back(AssistantMessage{.message_id = std::string(id),
                                    .text = std::string(text),
                                    .reasoning = std::move(reasoning),
                                    .parent_tool_call = {}});
}

void StreamDialect::commit_pending(Events& out) {
  const auto id = std::exchange(seen_.message_id, {});
  auto text = std::exchange(seen_.text, {});
  auto reasoning = std::exchange(seen_.held_reasoning, {}) + std::exchange(seen_.reasoning, {});
  if (text.empty() && reasoning.empty()) return;
  if (!text.empty()) seen_.answer = tail_of(text, limits::kAnswer);
  out.emplace_back(AssistantMessage{.message_id = id,
                                    .text = std::move(text),
                                    .reasoning = std::move(reasoning),
                                    .parent_tool_call = {}});
}

void StreamDialect::void_pending(std::string_view reason, Events& out) {
  const bool any = !seen_.text.empty() || !seen_.reasoning.empty();
  seen_.text.clear();
  seen_.reasoning.clear();
  if (any) out.emplace_back(StreamReset{std::string(reason)});
}

void StreamDialect::call_ready(std::string_view id, std::string_view name, json::value arguments,
                               Events& out) {
  constexpr std::size_t kId = 512;  // remembered only if sane: the state is saved with each commit
  if (!id.empty() && id.size() <= kId && name.size() <= kId &&
      seen_.calls.size() < limits::kOpenCalls)
    seen_.calls[std::string(id)] = name;
  out.emplace_back(ToolCallReady{
      .id = std::string(id), .name = std::string(name), .arguments = std::move(arguments)});
}

void StreamDialect::call_done(ToolCallDone done, Events& out) {
  if (const auto open = seen_.calls.find(done.id); open != seen_.calls.end()) {
    if (done.name.empty()) done.name = open->second;
    seen_.calls.erase(open);
  }
  out.emplace_back(std::move(done));
}

void StreamDialect::trouble(Failure code, std::string_view message, bool retrying, Events& out) {
  const std::string name(enum_name(code));
  seen_.trouble = Trouble{.code = name,
                          .message = std::string(head_of(message, limits::kComplaint)),
                          .retrying = retrying};
  out.emplace_back(
      ErrorRaised{.code = name, .message = std::string(message), .retrying = retrying});
}

void StreamDialect::ended_well(std::string_view answer) {
  seen_.verdict = Verdict{};
  if (!answer.empty()) seen_.answer = tail_of(answer, limits::kAnswer);
}

void StreamDialect::ended_badly(Failure code, std::string_view message, Ending ending) {
  seen_.verdict = Verdict{.ending = ending,
                          .code = std::string(enum_name(code)),
                          .message = std::string(head_of(message, limits::kRawLine))};
}

RunFinished StreamDialect::finish(const ProcessEnd& exit, Events& out) {
  commit_pending(out);
  for (auto& [id, name] : std::exchange(seen_.calls, {}))
    out.emplace_back(
        ToolCallCancelled{.id = id, .name = name, .reason = "the round ended before its result"});
  auto end = judge(exit);
  end.text = seen_.answer;
  end.steps = seen_.steps;
  return end;
}

RunFinished StreamDialect::judge(const ProcessEnd& exit) const {
  const std::string last = seen_.trouble ? seen_.trouble->message : seen_.complaint;
  if (auto stopped = stopped_by_us(exit, seen_.trouble ? seen_.trouble->message : ""))
    return *stopped;

  const auto failed = [](Failure code, std::string message) {
    return RunFinished{.ending = Ending::error,
                       .code = std::string(enum_name(code)),
                       .message = std::move(message),
                       .text = {},
                       .steps = {}};
  };
  const bool bad_exit = !exit.lost && (exit.signal || exit.status.value_or(0) != 0);
  if (seen_.verdict) {
    const auto& verdict = *seen_.verdict;
    if (verdict.ending != Ending::completed || !bad_exit)
      return {.ending = verdict.ending,
              .code = verdict.code,
              .message = verdict.message,
              .text = {},
              .steps = {}};
    return failed(exit.signal ? Failure::signal : Failure::exit_status,
                  fmt::format("{} reported success but ended with {}", name_, told(exit)));
  }

  if (!exit.lost && exit.status.value_or(0) != 0) {  // it ended by itself, and perhaps said why
    if (const auto known = meaning(*exit.status))
      return {
          .ending = known->code == enum_name(Failure::max_turns) ? Ending::stopped : Ending::error,
          .code = known->code,
          .message = last.empty() ? known->message : known->message + ": " + last,
          .text = {},
          .steps = {}};
    if (seen_.trouble && !seen_.trouble->retrying)
      return {.ending = Ending::error,
              .code = seen_.trouble->code,
              .message = seen_.trouble->message,
              .text = {},
              .steps = {}};
    if (!seen_.began) {
      const auto code = classify(seen_.complaint);
      return failed(code == Failure::error ? Failure::exit_status : code,
                    seen_.complaint.empty() ? told(exit) : seen_.complaint);
    }
  }
  auto message = fmt::format("{}'s stream ended without its result ({})", name_, told(exit));
  if (seen_.trouble) message += "; the last error was: " + seen_.trouble->message;
  return failed(Failure::lost_result, std::move(message));
}

json::object StreamDialect::save() const {
  json::object state{{"version", kStateVersion}, {"dialect", name_}};
  state["seen"] = to_json_value(seen_);
  if (auto own = save_own(); !own.is_null()) state["own"] = std::move(own);
  return state;
}

Status StreamDialect::restore(const json::object& state) {
  if (text_of(state, "dialect") != name_ || count_of(state, "version") != kStateVersion)
    return fail(Errc::unsupported,
                "not a state of this version's " + std::string(name_) + " dialect");
  Seen seen;
  if (auto read = read_json(value_of(state, "seen"), seen); !read)
    return fail(read.error().during("dialect state"));
  seen_ = std::move(seen);
  if (const auto* own = member(state, "own")) return restore_own(*own);
  return {};
}

}  // namespace reeve::proc
