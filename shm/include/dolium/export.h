#pragma once
// Marks the symbols that the shared library exports. All others are hidden. Every public header includes this one.

#if defined(__cplusplus) && __cplusplus < 202002L
#error "Dolium's headers need C++20: compile with -std=c++20 (CMake: target_compile_features(... cxx_std_20))"
#include "stop: see the error above"  // a file that does not exist ends the compilation: no error follows
#endif

#define DOLIUM_API __attribute__((visibility("default")))
