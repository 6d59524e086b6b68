# cmake -DFOLDER=src/store/redis/lua -DOUT=lua_files.cc [-DHEADER=store/redis/scripts.h -DNAMESPACE=reeve::store::redis]
#       -P embed_lua.cmake
# Writes the folder's scripts, by name, as what the header declares: std::string_view lua_file(std::string_view name).

if(NOT HEADER)
  set(HEADER store/redis/scripts.h)
  set(NAMESPACE reeve::store::redis)
endif()

file(GLOB files ${FOLDER}/*.lua)
list(SORT files)
set(cases "")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  if(text MATCHES "\\)lua\"")
    message(FATAL_ERROR "${file} holds the text that ends a script: )lua\"")
  endif()
  string(APPEND cases "  if (name == \"${name}\") return R\"lua(${text})lua\";\n")
endforeach()
file(WRITE ${OUT} "// Made by cmake/embed_lua.cmake from the .lua files.
#include \"${HEADER}\"

namespace ${NAMESPACE} {

std::string_view lua_file(std::string_view name) {
${cases}  return {};
}

}  // namespace ${NAMESPACE}
")
