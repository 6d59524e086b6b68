#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

/// The texts of a script: `${NAME}` and `${NAME:-otherwise}` stand for values; `\n`, `\t`, `\\` and
/// `\$` for a newline, a tab, a backslash and a dollar.
namespace reeve::app::script {

/// The value of a name; nothing if it has none.
using Values = std::function<std::optional<std::string>(std::string_view name)>;

/// invalid_argument: a placeholder that is not closed or has no name.
Status check_template(std::string_view text);

/// The text with everything filled in; what is filled in is not looked at again. not_found: a name
/// without a value.
Result<std::string> fill(std::string_view text, const Values& values);

/// A command's words (proc::split_words), whose placeholders are still in place: so a value never
/// becomes several words or an option's end. invalid_argument: as split_words.
Result<std::vector<std::string>> split_template(std::string_view command);
/// A word of split_template(): its placeholders filled in, backslashes are themselves. not_found.
Result<std::string> fill_word(std::string_view word, const Values& values);

}  // namespace reeve::app::script
