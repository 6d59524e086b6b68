// Any bytes, to every dialect: nothing throws, whatever becomes an event is valid JSON and UTF-8,
// a state that was saved is restored to itself, and there is a verdict at the end.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "proc/dialect/dialect.h"
#include "proc/dialect/reset_time.h"
#include "proc/preset.h"
#include "proc/terminal_text.h"

namespace {

using namespace reeve;
using namespace reeve::proc;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The first byte of a line chooses its channel; the rest is the line.
void run(std::string_view name, std::string_view input) {
  auto dialect = make_dialect(name).value();
  std::vector<AgentEvent> events;
  while (!input.empty()) {
    const auto end = input.find('\n');
    auto line = input.substr(0, end);
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    const auto channel = line.starts_with('!') ? Channel::err : Channel::out;
    if (channel == Channel::err) line.remove_prefix(1);
    dialect->line(channel, line, events);
  }
  const auto state = write_json(dialect->save());
  auto other = make_dialect(name).value();
  require(other->restore(parse_json(state).value().as_object()).has_value());
  require(write_json(other->save()) == state);
  events.emplace_back(
      dialect->finish({.status = 0, .signal = {}, .lost = false, .stopped = {}}, events));
  for (const auto& event : events) {
    const auto text = write_json(to_json(event));
    require(is_utf8(text));
    AgentEvent back;
    require(from_json(parse_json(text).value(), back).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const auto name : dialect_names()) run(name, input);
  (void)split_words(input);
  (void)reset_time_in(input, from_ms(1'795'300'000'000));
  (void)without_escapes(input);
  return 0;
}
