#include "gil.h"

#include <cxxabi.h>
#include <unistd.h>

namespace dolium::python {
namespace {

/// Calls a function that acquires the GIL. Does not return if the interpreter has ended.
template <class Ask>
auto ask_for_gil(Ask&& ask) noexcept {
  try {
    return ask();
  } catch (abi::__forced_unwind&) {
    for (;;) ::pause();
  }
}

}  // namespace

WithoutGil::~WithoutGil() {
  ask_for_gil([this] { PyEval_RestoreThread(state_); });
}

WithGil::WithGil() noexcept : before_(ask_for_gil([] { return PyGILState_Ensure(); })) {}

}  // namespace dolium::python
