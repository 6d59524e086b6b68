#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

/// Settings changed in their text, so that comments and order stay as a person wrote them.
namespace reeve::client {

/// The text with the setting at `value` (without quotes, as a person says it). The new text is
/// checked as a daemon would read it; nothing but this setting has changed in it.
///
/// not_found: no such setting; near names are suggested. invalid_argument: not a value of its kind,
/// or `text` is no settings. unsupported: it stands where only a person can change it.
Result<std::string> with_setting(std::string_view text, const std::string& path,
                                 std::string_view key, std::string_view value);
/// The text without the setting, which needs not be known. not_found: it is not there.
Result<std::string> without_setting(std::string_view text, const std::string& path,
                                    std::string_view key);

}  // namespace reeve::client
