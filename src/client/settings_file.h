#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"

/// Small files of settings: read whole, written whole.
namespace reeve::client {

using reeve::read_small_file;
using reeve::replace_file;

/// Held, nobody else who asks for it changes files of the folder; waits for them.
Result<Fd> lock_folder(const std::filesystem::path& folder);

/// invalid_argument: no TOML; the text names `path` and the line.
Result<toml::table> parse_toml(std::string_view text, const std::string& path);
/// Dates, which no setting is, become their text.
json::value json_of(const toml::node& node);

}  // namespace reeve::client
