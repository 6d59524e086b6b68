# The compiler, its flags, and the tools that keep builds lean.

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "Reeve is built with clang 19 or newer (apt install clang-19; or use ./dev build). "
    "This is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}. GCC 12 is refused for a reason: it miscompiles "
    "ordinary co_await statements (temporaries in them are destroyed twice: GCC PR 107288, PR 100611).")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# One code model for libraries and programs, or they could not share a precompiled header.
add_compile_options(-fPIC)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(REEVE_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")

add_library(reeve_flags INTERFACE)
target_compile_options(reeve_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror
                       -Wno-missing-designated-field-initializers
                       -fno-omit-frame-pointer)
target_include_directories(reeve_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(reeve_flags INTERFACE REEVE_VERSION="${PROJECT_VERSION}")
if(REEVE_SANITIZE)
  # Not optimised: compiling is what takes the time, and -O1 makes it three times as long.
  add_compile_options(-fsanitize=${REEVE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${REEVE_SANITIZE})
endif()

option(REEVE_FUZZ "Build the fuzz targets, and everything with coverage for them" OFF)
if(REEVE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(REEVE_MOLD NAMES mold)
if(REEVE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(REEVE_CCACHE NAMES ccache)
if(REEVE_CCACHE)
  # Precompiled headers are cached too; that wants these three.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${REEVE_CCACHE})
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Xclang> $<$<COMPILE_LANGUAGE:CXX>:-fno-pch-timestamp>)
endif()
