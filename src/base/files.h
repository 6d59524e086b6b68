#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace reeve {

/// A small file, whole. not_found, denied, ...: as the system says. too_large: over a megabyte.
Result<std::string> read_small_file(const std::filesystem::path& path);
/// Writes beside it and puts that in its place, so that a reader sees all or nothing. A new file is
/// 0600, another keeps its mode. The error leaves the old file as it was.
Status replace_file(const std::filesystem::path& path, std::string_view text);

}  // namespace reeve
