#pragma once

#include <string>
#include <vector>

#include "log/testing.h"

/// What the files of the log's contract share. Not part of the library.
namespace reeve::log {

/// What the Log promises, checked over every store there is. Tests are named after the guarantee
/// that they show.
class LogContract : public LogTest {};

/// "FIRST", ..., "LAST": how read() tells the events at these positions.
inline std::vector<std::string> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::string> texts;
  for (auto n = first; n <= last; ++n) texts.push_back(std::to_string(n));
  return texts;
}

}  // namespace reeve::log
