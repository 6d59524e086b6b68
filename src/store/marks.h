#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reeve::store {

/// The marks of a document as one text, as backends keep them. None is blank or has a line end:
/// store/check.h refuses it.
std::string join_marks(const std::vector<std::string>& marks);
/// The marks that join_marks() joined: views into `text`.
std::vector<std::string_view> split_marks(std::string_view text);

}  // namespace reeve::store
