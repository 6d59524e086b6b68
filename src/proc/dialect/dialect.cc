#include "proc/dialect/dialect.h"

#include <array>

#include "proc/dialect/stream.h"

namespace reeve::proc {
namespace {

struct Row {
  std::string_view name;
  std::unique_ptr<Dialect> (*make)();
};
constexpr std::array kRows{Row{"claude", make_claude},     Row{"codex", make_codex},
                           Row{"gemini", make_gemini},     Row{"qwen", make_qwen},
                           Row{"opencode", make_opencode}, Row{"pi", make_pi},
                           Row{"text", make_text}};
constexpr auto kNames = [] {
  std::array<std::string_view, kRows.size()> names;
  for (std::size_t i = 0; i < kRows.size(); ++i) names[i] = kRows[i].name;
  return names;
}();

}  // namespace

Result<std::unique_ptr<Dialect>> make_dialect(std::string_view name) {
  for (const auto& row : kRows)
    if (row.name == name) return row.make();
  return fail(Errc::not_found, "there is no dialect \"" + std::string(name) + "\"");
}

std::span<const std::string_view> dialect_names() { return kNames; }

}  // namespace reeve::proc
