#include "tool/output.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace reeve::tool {
namespace {

/// The beginning says what it is, the end how it came out: of what is shown, a quarter is the end.
constexpr std::size_t kTailShare = 4;

std::string note_of(std::size_t cut) {
  return "\n[... " + std::to_string(cut) + " bytes left out ...]\n";
}

Fitted cut_text(std::string_view text, std::size_t limit) {
  // The note's length depends on the number in it; the longest that it can be is assumed.
  const auto room = note_of(text.size()).size();
  if (limit <= room) {
    const auto head = head_of(text, limit);
    return {json::value(head), text.size() - head.size()};
  }
  const auto shown = limit - room;
  const auto tail = tail_of(text, shown / kTailShare);
  const auto head = head_of(text, shown - tail.size());
  const auto cut = text.size() - head.size() - tail.size();
  std::string out(head);
  out += note_of(cut);
  out += tail;
  return {json::value(out), cut};
}

}  // namespace

std::string text_of(const json::value& content) {
  if (content.is_null()) return "";
  if (content.is_string()) return std::string(content.get_string());
  return write_json(content);
}

Fitted fit(json::value content, std::size_t limit) {
  if (const auto* text = content.if_string()) {
    if (is_utf8(*text)) {
      if (text->size() <= limit) return {std::move(content), 0};
      return cut_text(*text, limit);
    }
    const auto mended = to_utf8(*text);
    if (mended.size() <= limit) return {json::value(mended), 0};
    return cut_text(mended, limit);
  }
  const auto text = write_json(content);
  const bool valid = is_utf8(text);
  if (valid && text.size() <= limit) return {std::move(content), 0};
  const auto mended = valid ? text : to_utf8(text);
  if (mended.size() <= limit) return {json::value(mended), 0};
  return cut_text(mended, limit);
}

}  // namespace reeve::tool
