#include "store/marks.h"

namespace reeve::store {

std::string join_marks(const std::vector<std::string>& marks) {
  std::string text;
  for (const auto& mark : marks) {
    if (!text.empty()) text += '\n';
    text += mark;
  }
  return text;
}

std::vector<std::string_view> split_marks(std::string_view text) {
  std::vector<std::string_view> marks;
  while (!text.empty()) {
    const auto end = text.find('\n');
    marks.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return marks;
}

}  // namespace reeve::store
