# What `cmake --install build --prefix P` puts below P. Nothing in there knows P: an installed copy can be moved
# (systemd units, which must name it, are written at install time).
include(CMakePackageConfigHelpers)

# From a directory below P to another one, for everything that finds its neighbours: ../lib, ../..
function(dolium_way_from from to result)
  file(RELATIVE_PATH way "/p/${from}" "/p/${to}")
  string(REGEX REPLACE "/$" "" way "${way}")
  set(${result} "${way}" PARENT_SCOPE)
endfunction()

# What is installed; an installation without building it first takes what is there.
add_custom_target(dolium_install DEPENDS dolium dolium_c doliumd doliumd-spill dolium_cli)

# The library and the programs.
dolium_way_from(${CMAKE_INSTALL_BINDIR} ${CMAKE_INSTALL_LIBDIR} bin_to_lib)
set_target_properties(doliumd dolium_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
install(TARGETS dolium EXPORT dolium-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS doliumd dolium_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS doliumd-spill RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} OPTIONAL)  # only for a store with a disk
install(DIRECTORY ${PROJECT_SOURCE_DIR}/shm/include/dolium ${PROJECT_SOURCE_DIR}/client/include/dolium
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")

# The C library, with an export of its own: a C program needs nothing else. It is left out where it was not built.
install(TARGETS dolium_c EXPORT dolium-c-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} OPTIONAL
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/client/c/include/dolium DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")

# find_package(dolium) -> dolium::dolium, and dolium::c: find_package(dolium COMPONENTS c)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dolium)
install(EXPORT dolium-targets NAMESPACE dolium:: DESTINATION ${package_dir})
install(EXPORT dolium-c-targets NAMESPACE dolium:: DESTINATION ${package_dir})
dolium_way_from(${package_dir} ${CMAKE_INSTALL_LIBDIR} package_to_lib)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dolium-config.cmake.in
  ${PROJECT_BINARY_DIR}/dolium-config.cmake INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# 0.x promises compatibility within a minor version only.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dolium-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dolium-config.cmake ${PROJECT_BINARY_DIR}/dolium-config-version.cmake
  DESTINATION ${package_dir})

# pkg-config dolium, pkg-config dolium-c
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
dolium_way_from(${pkgconfig_dir} "" pkgconfig_to_prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/dolium.pc.in ${PROJECT_BINARY_DIR}/dolium.pc @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/cmake/dolium-c.pc.in ${PROJECT_BINARY_DIR}/dolium-c.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/dolium.pc ${PROJECT_BINARY_DIR}/dolium-c.pc DESTINATION ${pkgconfig_dir})

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The configuration is the operator's once it is there: an upgrade leaves it alone and puts the new one beside it.
# Units are written for /usr and /etc, and are told the real places.
file(GLOB units CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/conf/*.service ${PROJECT_SOURCE_DIR}/conf/*.socket)
install(CODE "
  set(bin_dir \"${CMAKE_INSTALL_BINDIR}\")
  set(conf_dir \"${CMAKE_INSTALL_SYSCONFDIR}/dolium\")
  cmake_path(ABSOLUTE_PATH bin_dir BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\")
  cmake_path(ABSOLUTE_PATH conf_dir BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\")
  set(name doliumd.toml)
  if(EXISTS \"\$ENV{DESTDIR}\${conf_dir}/\${name}\")
    set(name doliumd.toml.new)
  endif()
  file(INSTALL \"${PROJECT_SOURCE_DIR}/conf/doliumd.toml\" DESTINATION \"\${conf_dir}\" RENAME \${name})
  foreach(unit IN ITEMS ${units})
    file(READ \"\${unit}\" text)
    string(REPLACE /usr/bin/ \"\${bin_dir}/\" text \"\${text}\")
    string(REPLACE /etc/dolium/ \"\${conf_dir}/\" text \"\${text}\")
    cmake_path(GET unit FILENAME name)
    file(WRITE \"${PROJECT_BINARY_DIR}/units/\${name}\" \"\${text}\")
    file(INSTALL \"${PROJECT_BINARY_DIR}/units/\${name}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\")
  endforeach()
")
