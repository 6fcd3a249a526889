#pragma once
// Releases or acquires the GIL for a scope.
//
// pybind11's scopes are not used. When the interpreter exits, CPython (before 3.14) ends every other thread that
// acquires the GIL with pthread_exit(), which unwinds the stack. pybind11's destructors are noexcept, so the process
// aborts. Also, objects in the unwound C++ frames need the GIL for their destruction. Here such a thread sleeps until
// the process ends, as CPython itself does from 3.14 on.

#include <Python.h>

namespace dolium::python {

/// Releases the GIL within its scope. Begins and ends with the GIL.
class WithoutGil {
 public:
  WithoutGil() noexcept : state_(PyEval_SaveThread()) {}
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  ~WithoutGil();

 private:
  PyThreadState* state_;
};

/// Holds the GIL within its scope. For any thread: also one that has the GIL, or one that Python does not know.
class WithGil {
 public:
  WithGil() noexcept;
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;
  ~WithGil() { PyGILState_Release(before_); }

 private:
  PyGILState_STATE before_;
};

}  // namespace dolium::python
