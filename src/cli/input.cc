#include "cli/input.h"

#include <iostream>

#include "base/limits.h"
#include "base/utf8.h"

namespace reeve::cli {

Result<std::string> read_text(const std::string& text) {
  if (text != "-") return text;
  std::string whole(limits::kText + 1, '\0');
  std::cin.read(whole.data(), static_cast<std::streamsize>(whole.size()));
  whole.resize(static_cast<std::size_t>(std::cin.gcount()));
  if (whole.size() > limits::kText)
    return fail(Errc::too_large, "standard input is longer than a text may be (" +
                                     std::to_string(limits::kText >> 20) + " MiB)");
  if (!is_utf8(whole)) {
    return fail(Errc::invalid_argument,
                "standard input is not UTF-8 text: convert it (iconv -t UTF-8), or put it into a "
                "file and name the file");
  }
  return whole;
}

}  // namespace reeve::cli
