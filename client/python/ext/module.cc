// dolium._dolium: the part of the Python package that is written in C++.

#include "bindings.h"
#include "builder_type.h"
#include "errors.h"
#include "extent_type.h"
#include "object_id_type.h"
#include "object_type.h"
#include "store_type.h"

// If a sub-interpreter imports a pybind11 module, pybind11 waits for ever for a GIL state of the main interpreter,
// before our code runs. So pybind11's init function gets another name, and PyInit__dolium() checks the interpreter
// first.
#define PyInit__dolium PyInit__dolium_of_pybind11

PYBIND11_MODULE(_dolium, module) {
  namespace python = dolium::python;
  python::bind_errors(module);
  python::bind_object_id(module);
  python::bind_object(module);
  python::bind_extent(module);
  python::bind_builder(module);
  python::bind_store(module);
  python::bind_opening(module);
  python::bind_store_calls(module);
  python::bind_reports(module);
  python::bind_subscription(module);
  python::bind_async_calls(module);
  python::bind_dlpack(module);
}

#undef PyInit__dolium

extern "C" PYBIND11_EXPORT PyObject* PyInit__dolium() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return PyInit__dolium_of_pybind11();
  PyErr_SetString(
      PyExc_ImportError,
      "dolium works in the main interpreter only, and this is a sub-interpreter: under mod_wsgi say "
      "\"WSGIApplicationGroup %{GLOBAL}\"; elsewhere import dolium in the main interpreter, or in a process "
      "of its own");
  return nullptr;
}
