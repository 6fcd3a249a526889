#pragma once
// How a program stops between two steps of production code: linker options (*.wrap) redirect calls of some functions to
// functions of the test, and real_... names the production function. Only calls between two object files can be
// redirected, and the compiler does not check the signatures: a changed signature must be changed here, too. A missing
// symbol is a link error.

#include <string_view>

#include "tests/e2e/points.h"

namespace dolium::e2e {

inline constexpr std::string_view kNone;

/// The point behind a call, whatever the call returns.
class After {
 public:
  explicit After(std::string_view point) noexcept : point_(point) {}
  After(const After&) = delete;
  After& operator=(const After&) = delete;
  ~After() { pass(point_); }

 private:
  std::string_view point_;
};

}  // namespace dolium::e2e

// NOLINTBEGIN(cppcoreguidelines-macro-usage,bugprone-macro-parentheses)
/// What stands behind this is the body of the function that callers are led to.
#define DOLIUM_E2E_LED(symbol, Return, parameters)        \
  Return real_##symbol parameters asm("__real_" #symbol); \
  Return wrap_##symbol parameters asm("__wrap_" #symbol); \
  Return wrap_##symbol parameters

/// A member's first parameter is the object: so it is called in the C++ ABI of every compiler that we build with.
#define DOLIUM_E2E_STEP(symbol, before, after, Return, parameters, arguments) \
  DOLIUM_E2E_LED(symbol, Return, parameters) {                                \
    pass(before);                                                             \
    const After behind(after);                                                \
    return real_##symbol arguments;                                           \
  }
// NOLINTEND(cppcoreguidelines-macro-usage,bugprone-macro-parentheses)
