#pragma once
// What the shared library exports. Everything else in libdolium is hidden.

#define DOLIUM_API __attribute__((visibility("default")))
