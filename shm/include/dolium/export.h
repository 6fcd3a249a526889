#pragma once
// Marks the symbols that the shared library exports. All others are hidden.

#define DOLIUM_API __attribute__((visibility("default")))
