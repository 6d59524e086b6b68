# The house: one target per folder of src/, linked downwards only, with its tests beside it.

# reeve_module(SOURCES a.cc ... TESTS a_test.cc ... LINKS lib ... [WHOLE Name=filter ...] [THREADED])
#   The target is reeve_<folder>. It links every existing folder on a lower floor (src/FLOORS).
#   Tests become <folder>_test; THREADED puts them into the TSan run, too. Tests of a WHOLE filter share what is slow
#   to set up: they are one test of CTest's, <folder>_test.Name.
function(reeve_module)
  cmake_parse_arguments(arg "THREADED" "" "SOURCES;TESTS;LINKS;TEST_LINKS;WHOLE" ${ARGN})
  get_filename_component(name ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  set(target reeve_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  target_link_libraries(${target} PUBLIC reeve_flags ${REEVE_BELOW} ${arg_LINKS})
  reeve_precompile(${target})
  add_dependencies(${target} check_house)
  if(arg_TESTS)
    add_executable(${name}_test ${arg_TESTS})
    target_link_libraries(${name}_test PRIVATE ${target} GTest::gtest GTest::gmock reeve_test_main ${arg_TEST_LINKS})
    reeve_precompile(${name}_test)
    set(label unit)
    if(arg_THREADED)
      set(label threaded)
      add_dependencies(threaded_tests ${name}_test)
    endif()
    set(apart "")
    foreach(whole ${arg_WHOLE})
      string(REGEX MATCH "^([^=]+)=(.+)$" _ ${whole})
      string(APPEND apart ":${CMAKE_MATCH_2}")
      add_test(NAME ${name}_test.${CMAKE_MATCH_1} COMMAND ${name}_test --gtest_brief=1 --gtest_filter=${CMAKE_MATCH_2})
      set_tests_properties(${name}_test.${CMAKE_MATCH_1} PROPERTIES LABELS ${label} TIMEOUT 300)
    endforeach()
    if(apart)
      string(PREPEND apart "-")
    endif()
    reeve_discover(${name}_test ${label} ${apart})
  endif()
endfunction()

# Registers every test of a gtest executable with CTest, under one label (of a list only the first would arrive);
# a third argument is a filter.
include(GoogleTest)
function(reeve_discover target label)
  add_dependencies(unit_tests ${target})
  set(filter "")
  if(ARGC GREATER 2)
    set(filter TEST_FILTER "${ARGV2}")
  endif()
  gtest_discover_tests(${target} ${filter} TEST_PREFIX "${target}." DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS ${label} TIMEOUT 120)
endfunction()

# Precompiled headers, each a few lines in cmake/: what almost every file of the rooms above includes. Reading and
# instantiating that is a good part of what compiling costs. The first that needs one makes it, and whoever stands
# above takes it: libraries the one of base, aio or run (REEVE_PCH), tests the one with gtest and, from run up, with
# what those tests share (REEVE_TEST_PCH).
function(reeve_precompile target)
  if(target STREQUAL "base_test")
    target_precompile_headers(${target} REUSE_FROM reeve_base)
  elseif(target MATCHES "^(reeve_base|reeve_aio|reeve_run|aio_test|run_test)$")
    string(REPLACE "reeve_" "" name ${target})
    target_precompile_headers(${target} PRIVATE "\"../cmake/pch_${name}.h\"")
  elseif(target MATCHES "_test$" AND REEVE_TEST_PCH)
    target_precompile_headers(${target} REUSE_FROM ${REEVE_TEST_PCH})
  elseif(REEVE_PCH)
    target_precompile_headers(${target} REUSE_FROM ${REEVE_PCH})
  endif()
endfunction()

# Walks src/FLOORS from the ground up.
function(reeve_house)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*.h ${CMAKE_SOURCE_DIR}/src/*.cc)
  add_custom_command(
    OUTPUT ${CMAKE_BINARY_DIR}/house.stamp
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/check_house.py ${CMAKE_SOURCE_DIR}
    COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/house.stamp
    DEPENDS ${sources} ${CMAKE_SOURCE_DIR}/src/FLOORS ${CMAKE_SOURCE_DIR}/tools/check_house.py
    COMMENT "Checking that includes run downwards" VERBATIM)
  add_custom_target(check_house ALL DEPENDS ${CMAKE_BINARY_DIR}/house.stamp)

  add_custom_target(threaded_tests)  # what ./dev builds for the TSan run
  add_custom_target(unit_tests)      # and for the one with ASan: no benches, no tools

  add_library(reeve_test_main STATIC ${CMAKE_SOURCE_DIR}/cmake/test_main.cc)
  target_link_libraries(reeve_test_main PUBLIC reeve_flags GTest::gtest)

  file(STRINGS ${CMAKE_SOURCE_DIR}/src/FLOORS floors REGEX "^[a-z]")
  list(REVERSE floors)
  set(REEVE_BELOW "")
  foreach(floor ${floors})
    separate_arguments(rooms UNIX_COMMAND "${floor}")
    set(here "")
    foreach(room ${rooms})
      if(EXISTS ${CMAKE_SOURCE_DIR}/src/${room}/CMakeLists.txt)
        set(REEVE_PCH "")
        set(REEVE_TEST_PCH "")
        # Rooms beside aio know nothing of Asio, in their headers too.
        if(room MATCHES "^(wire|event)$")
          set(REEVE_PCH reeve_base)
        # The command line knows nothing of runs but what the client says.
        elseif(TARGET reeve_run AND NOT room STREQUAL "cli")
          set(REEVE_PCH reeve_run)
          set(REEVE_TEST_PCH run_test)
        elseif(TARGET reeve_aio)
          set(REEVE_PCH reeve_aio)
          set(REEVE_TEST_PCH aio_test)
        elseif(TARGET reeve_base)
          set(REEVE_PCH reeve_base)
        endif()
        add_subdirectory(${CMAKE_SOURCE_DIR}/src/${room})
        list(APPEND here reeve_${room})
      endif()
    endforeach()
    list(APPEND REEVE_BELOW ${here})
  endforeach()
endfunction()
