#include "base/near_names.h"

#include <algorithm>
#include <utility>

namespace reeve {
namespace {

/// Levenshtein's distance, for short texts.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

std::vector<std::string> near_names(std::string_view wanted,
                                    const std::vector<std::string>& names) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  const auto key = to_lower(wanted);
  for (const auto& name : names) {
    const auto other = to_lower(name);
    const auto slips = distance(key, other);
    if (slips <= std::max<std::size_t>(1, key.size() / 3) ||
        (key.size() >= 2 && other.starts_with(key))) {
      ranked.emplace_back(slips, name);
    }
  }
  std::ranges::sort(ranked);
  std::vector<std::string> out;
  for (auto& [slips, name] : ranked) {
    if (out.size() < 3) out.push_back(std::move(name));
  }
  return out;
}

}  // namespace reeve
