#pragma once

#include <cstddef>
#include <string>

#include "base/json.h"

namespace reeve::tool {

/// What fits a limit of a tool's result.
struct Fitted {
  json::value content;
  std::size_t cut = 0;  ///< bytes that were left out
};

/// The content as it is if its text (a text itself, anything else as JSON) is valid and within
/// `limit` bytes. Otherwise a text of at most `limit` bytes: beginning and end, with a note between
/// them that says how much is missing. Never cut inside a character; malformed UTF-8 is replaced.
Fitted fit(json::value content, std::size_t limit);

/// The content as the model reads it.
std::string text_of(const json::value& content);

}  // namespace reeve::tool
