# cmake --install build/release --prefix DIR: the program, the library with its headers, and what CMake and pkg-config
# need to find it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS reeve RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS reeve_library EXPORT reeve LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/reeve DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/reeve)
install(EXPORT reeve NAMESPACE reeve:: FILE reeve-config.cmake DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/reeve-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/reeve-config-version.cmake DESTINATION ${package})

# Its prefix follows from where it lies, so that a tree may be moved.
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/reeve.pc @ONLY CONTENT [[
prefix=${pcfiledir}/@up@
libdir=${prefix}/@CMAKE_INSTALL_LIBDIR@
includedir=${prefix}/@CMAKE_INSTALL_INCLUDEDIR@

Name: reeve
Description: A town of coding agents on a durable event log
Version: @PROJECT_VERSION@
Libs: -L${libdir} -lreeve
Cflags: -I${includedir}
]])
install(FILES ${CMAKE_BINARY_DIR}/reeve.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The manual page and what shells complete with are said by the program itself.
set(pages ${CMAKE_BINARY_DIR}/pages)
file(MAKE_DIRECTORY ${pages})
add_custom_command(
  OUTPUT ${pages}/reeve.1 ${pages}/reeve.bash ${pages}/_reeve ${pages}/reeve.fish
  COMMAND reeve man > ${pages}/reeve.1
  COMMAND reeve completion bash > ${pages}/reeve.bash
  COMMAND reeve completion zsh > ${pages}/_reeve
  COMMAND reeve completion fish > ${pages}/reeve.fish
  DEPENDS reeve
  COMMENT "Writing the manual page and completions" VERBATIM)
add_custom_target(reeve_pages ALL DEPENDS ${pages}/reeve.1)
install(FILES ${pages}/reeve.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages}/reeve.bash RENAME reeve DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${pages}/_reeve DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${pages}/reeve.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
