#include "app/script/voice.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <utility>

#include "base/utf8.h"

namespace reeve::app::script {
namespace {

struct Row {
  std::string_view dialect;
  VoiceMaker make;
};
constexpr std::array kVoices{Row{"claude", make_claude_voice},     Row{"codex", make_codex_voice},
                             Row{"gemini", make_gemini_voice},     Row{"qwen", make_qwen_voice},
                             Row{"opencode", make_opencode_voice}, Row{"pi", make_pi_voice},
                             Row{"text", make_text_voice}};

Uuid random_uuid() {
  std::random_device device;
  Uuid uuid;
  std::ranges::generate(uuid.bytes, [&] { return static_cast<std::uint8_t>(device()); });
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0F) | 0x40);  // version 4
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3F) | 0x80);  // RFC 9562's variant
  return uuid;
}

}  // namespace

void Voice::session(std::string id) {
  identity_.session = std::move(id);
  if (opened_) open();
}

void Voice::ready() {
  if (!std::exchange(opened_, true)) open();
  if (streamed_.empty()) return;
  const auto text = std::exchange(streamed_, {});
  answer_ = text;
  on_streamed(text);
}

void Voice::say(std::string_view text) {
  ready();
  answer_ = to_utf8(text);
  on_say(answer_);
}

void Voice::delta(std::string_view text) {
  if (text.empty()) return;
  if (streamed_.empty()) ready();
  const auto valid = to_utf8(text);
  on_delta(valid, streamed_.empty());
  streamed_ += valid;
}

void Voice::think(std::string_view text) {
  ready();
  on_think(to_utf8(text));
}

void Voice::tool_started(const ToolUse& use) {
  ready();
  tool_id_ = next_id("call_");
  on_tool_started(use);
}

void Voice::tool_done(const ToolUse& use, const ToolResult& result) {
  on_tool_done(use, {.output = to_utf8(result.output), .status = result.status});
  ++turns_;
}

void Voice::spend(const Spent& more) {
  if (!spent_) spent_.emplace();
  spent_->input += more.input;
  spent_->output += more.output;
  if (more.cost_usd) spent_->cost_usd = spent_->cost_usd.value_or(0) + *more.cost_usd;
}

void Voice::rate_limit(std::int64_t seconds) {
  ready();
  on_rate_limit(seconds);
}

int Voice::end_well() {
  ready();
  on_end_well();
  return 0;
}

int Voice::end_badly(std::string_view why) {
  ready();
  return on_end_badly(to_utf8(why));
}

void Voice::break_off() { ready(); }

void Voice::line(const json::object& object) { out(write_json(object) + '\n'); }
void Voice::out(std::string_view text) { streams_.out << text << std::flush; }
void Voice::err_line(std::string_view text) { streams_.err << text << '\n' << std::flush; }
std::string Voice::next_id(std::string_view prefix) {
  return std::string(prefix) + std::to_string(++ids_);
}

std::unique_ptr<Voice> make_voice(std::string_view dialect, Voice::Streams streams,
                                  Voice::Identity identity) {
  const auto* row = std::ranges::find(kVoices, dialect, &Row::dialect);
  return row == kVoices.end() ? nullptr : row->make(streams, std::move(identity));
}

std::string random_session(std::string_view dialect) {
  auto id = random_uuid().str();
  if (dialect != "opencode") return id;
  std::erase(id, '-');
  return "ses_" + id;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace reeve::app::script
