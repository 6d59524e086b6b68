#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reeve {

/// Of `names`, those that are a slip away from `wanted` (or that it begins), nearest first, at most
/// three: for "did you mean".
std::vector<std::string> near_names(std::string_view wanted, const std::vector<std::string>& names);

/// ASCII letters in lower case; other bytes as they are.
std::string to_lower(std::string_view text);

}  // namespace reeve
