// Any JSON as an event, of ours and of other projects: what is read is written again with nothing
// lost, and the normaliser takes whatever there is, keeps no summary, and gives no run two ends.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "event/awaken_json.h"
#include "event/behest_json.h"
#include "event/normaliser.h"

namespace {

using namespace reeve;

RunContext context() {
  RunContext made;
  made.run = RunId::parse("0190a5b0-1c2d-7e3f-8a4b-000000000001").value();
  made.thread = ThreadId::parse("0190a5b0-1c2d-7e3f-8a4b-000000000002").value();
  made.origin = "fuzz";
  return made;
}

/// The last digit of a fraction may differ after a parse.
bool same_number(const json::value& a, const json::value& b) {
  const auto x = a.to_number<double>();
  const auto y = b.to_number<double>();
  return x == y || std::abs(x - y) <= 1e-14 * (std::abs(x) + std::abs(y));
}

/// An id or a time may be written in several ways.
bool same_text(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (const auto id = Uuid::parse(a)) return Uuid::parse(b) == *id;
  const auto time = parse_rfc3339(a);
  return time && parse_rfc3339(b) == *time;
}

/// Whether all of `part` is in `whole`; null members count as absent.
bool holds(const json::value& whole, const json::value& part) {
  if (part.is_object()) {
    if (!whole.is_object()) return false;
    for (const auto& member : part.get_object()) {
      if (member.value().is_null()) continue;
      const auto* found = whole.get_object().if_contains(member.key());
      if (found == nullptr || !holds(*found, member.value())) return false;
    }
    return true;
  }
  if (part.is_array()) {
    if (!whole.is_array() || whole.get_array().size() != part.get_array().size()) return false;
    for (std::size_t i = 0; i < part.get_array().size(); ++i) {
      if (!holds(whole.get_array()[i], part.get_array()[i])) return false;
    }
    return true;
  }
  if (part.is_number() && whole.is_number()) return same_number(whole, part);
  if (part.is_string() && whole.is_string())
    return same_text(whole.get_string(), part.get_string());
  return whole == part;
}

/// Its own JSON, as text, reads as the same event.
void comes_back(const AgentEvent& event) {
  const auto text = write_json(to_json(event));
  const auto value = parse_json(text);
  if (!value) return;  // what stands in `more` may lie one too deep
  AgentEvent again;
  REEVE_CHECK(from_json(*value, again).has_value());
  REEVE_CHECK(again.index() == event.index());
  const auto written = to_json(again);
  REEVE_CHECK(holds(written, *value) && holds(*value, written));
}

void normalise(const AgentEvent& event) {
  const auto where = context();
  for (const auto& before : {RunSummary(), RunSummary{.activations = 1, .ended = true}}) {
    const auto made = standard_normaliser().normalise(where, event, before);
    if (!made) continue;
    const auto& after = made->after.value_or(before);
    REEVE_CHECK(after.facts == before.facts + made->facts.size());
    for (const auto& fact : made->facts) {
      const bool ends =
          fact.kind == "RunCompleted" || fact.kind == "RunFailed" || fact.kind == "RunCancelled";
      REEVE_CHECK(!ends || (!before.ended && after.ended));
    }
    // The same state again is no news; what was told is remembered through its JSON.
    const auto kept = parse_json_as<RunSummary>(write_json_of(after));
    REEVE_CHECK(kept && *kept == after);
    const auto again = standard_normaliser().normalise(where, event, *kept);
    if (std::holds_alternative<StateSnapshot>(event))
      REEVE_CHECK(again && again->facts.size() == 1);
  }
  static_cast<void>(may_keep(Durability::compacted, event));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT
  const auto value = parse_json(text);
  if (!value) return 0;

  AgentEvent event;
  if (from_json(*value, event)) {
    REEVE_CHECK(holds(to_json(event), *value));
    comes_back(event);
    normalise(event);
    static_cast<void>(awaken::project(event, {.run = {}, .thread = {}, .identity = {}}));
    static_cast<void>(behest::project(event, {}));
    static_cast<void>(behest::project_chat(event));
  }
  if (const auto read = awaken::read(*value)) {
    REEVE_CHECK(holds(*awaken::project(*read, {.run = {}, .thread = {}, .identity = {}}), *value));
    comes_back(*read);
  }
  if (const auto read = behest::read(*value)) {
    REEVE_CHECK(holds(*behest::project(*read, {}), *value));
    comes_back(*read);
  }
  if (const auto read = behest::read_chat(*value)) {
    REEVE_CHECK(holds(*behest::project_chat(*read), *value));
    comes_back(*read);
  }
  return 0;
}
