# Precompiled headers, beside unity builds. scripts/includes shows which file forgets an include.
#
# Much of the time of a translation unit goes into headers that are not ours. A precompiled header serves the targets
# that are compiled with the same flags, so there are three: `cold`, `hot` and, in tests/, `test`. The messages are in
# none but the last: to write, and to load, a header of 200 MB takes as long as it saves.

# ccache refuses precompiled headers until it is told that nothing here depends on __TIME__, nor on macros that only the
# header sees.
if(DOLIUM_PRECOMPILED AND CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache$")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
                                  ${CMAKE_CXX_COMPILER_LAUNCHER})
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>
                      "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

# dolium_precompile(<name> <headers>...): compiles them, for targets that call dolium_use_precompiled().
function(dolium_precompile name)
  if(NOT DOLIUM_PRECOMPILED)
    return()
  endif()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}_headers.cc)
  if(NOT EXISTS ${source})
    file(TOUCH ${source})
  endif()
  add_library(dolium_${name}_headers OBJECT ${source})
  set_target_properties(dolium_${name}_headers PROPERTIES UNITY_BUILD OFF)
  target_link_libraries(dolium_${name}_headers PRIVATE dolium_build fmt::fmt)
  target_precompile_headers(dolium_${name}_headers PRIVATE ${ARGN})
endfunction()

# dolium_use_precompiled(<target> <name>): the target must be compiled with the same optimisation, and with -fPIC.
function(dolium_use_precompiled target name)
  if(DOLIUM_PRECOMPILED)
    target_precompile_headers(${target} REUSE_FROM dolium_${name}_headers)
  endif()
endfunction()
