#pragma once

#include <span>
#include <string_view>

namespace reeve::cli {

/// A page of docs/errors/, as Markdown.
struct ErrorPage {
  std::string_view name;  ///< of its code
  std::string_view text;
};

/// All of them, by name. Made at build time by cmake/embed_pages.cmake.
std::span<const ErrorPage> error_pages();

}  // namespace reeve::cli
