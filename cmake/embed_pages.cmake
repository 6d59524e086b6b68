# cmake -DFOLDER=docs/errors -DOUT=error_pages.cc -P embed_pages.cmake
# Writes the folder's Markdown pages, by name, as the table that src/cli/error_pages.h declares.

file(GLOB pages ${FOLDER}/*.md)
list(SORT pages)
set(rows "")
foreach(page ${pages})
  get_filename_component(name ${page} NAME_WE)
  file(READ ${page} text)
  if(text MATCHES "\\)page\"")
    message(FATAL_ERROR "${page} holds the text that ends a page: )page\"")
  endif()
  string(APPEND rows "    ErrorPage{\"${name}\", R\"page(${text})page\"},\n")
endforeach()
file(WRITE ${OUT} "// Made by cmake/embed_pages.cmake from docs/errors/.
#include \"cli/error_pages.h\"

#include <array>

namespace reeve::cli {

std::span<const ErrorPage> error_pages() {
  static constexpr std::array kPages{
${rows}  };
  return kPages;
}

}  // namespace reeve::cli
")
