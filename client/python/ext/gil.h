#pragma once
// The GIL, given up or taken for a scope.
//
// Not pybind11's scopes: when the interpreter ends, CPython (before 3.14) ends every other thread that asks for the GIL
// with pthread_exit(), which unwinds the stack. pybind11's destructors are noexcept, so that the process aborts; and
// what C++ frames would destroy on the way needs the GIL. Such a thread sleeps here until the process ends, which is
// what CPython does itself from 3.14 on.

#include <Python.h>

namespace dolium::python {

/// Others run Python meanwhile. Begins and ends with the GIL.
class WithoutGil {
 public:
  WithoutGil() noexcept : state_(PyEval_SaveThread()) {}
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  ~WithoutGil();

 private:
  PyThreadState* state_;
};

/// Any thread runs Python within; also one that has the GIL already, or that Python has never seen.
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
