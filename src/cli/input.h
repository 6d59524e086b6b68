#pragma once

#include <string>

#include "base/error.h"

namespace reeve::cli {

/// A text of the command line: "-" is standard input. too_large: over limits::kText.
Result<std::string> read_text(const std::string& text);

}  // namespace reeve::cli
