#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>

/// The program's own log (not the town's event log): what an operator reads when something is odd.
/// Never put secrets, prompts or message texts in it.
namespace reeve::logging {

enum class Level { debug, info, warn, error };

void write(Level level, std::string_view text);

/// Sends it to a file (appended, 0600, kept below 2 x 8 MB by rotation). Before this it goes to
/// standard error.
void to_file(const std::filesystem::path& path);
void set_level(Level level);

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace reeve::logging
