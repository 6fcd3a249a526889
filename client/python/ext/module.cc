// dolium._dolium: the part of the Python package that is written in C++.

#include "bindings.h"
#include "builder_type.h"
#include "errors.h"
#include "extent_type.h"
#include "object_id_type.h"
#include "object_type.h"
#include "private_copy_type.h"
#include "store_type.h"

// If a sub-interpreter imports a pybind11 module, pybind11 waits for ever for a GIL state of the main interpreter,
// before our code runs. So pybind11's init function gets another name, and PyInit__dolium() checks the interpreter
// first. From Python 3.13 on that function runs in the main interpreter, whichever imports the module: so the package
// calls check_interpreter(), too.
namespace {

bool check_is_main() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return true;
  PyErr_SetString(
      PyExc_ImportError,
      "dolium works in the main interpreter only, and this is a sub-interpreter: under mod_wsgi say "
      "\"WSGIApplicationGroup %{GLOBAL}\"; elsewhere import dolium in the main interpreter, or in a process "
      "of its own");
  return false;
}

PyObject* check_interpreter(PyObject* /*module*/, PyObject* /*none*/) {
  if (!check_is_main()) return nullptr;
  Py_RETURN_NONE;
}

// Without pybind11, whose functions would wait.
PyMethodDef methods[] = {
    {"check_interpreter", check_interpreter, METH_NOARGS, "Raises ImportError in a sub-interpreter."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

#define PyInit__dolium PyInit__dolium_of_pybind11

PYBIND11_MODULE(_dolium, module) {
  namespace python = dolium::python;
  python::bind_errors(module);
  python::bind_object_id(module);
  python::bind_object(module);
  python::bind_private_copy(module);
  python::bind_extent(module);
  python::bind_builder(module);
  python::bind_store(module);
  python::bind_opening(module);
  python::bind_store_calls(module);
  python::bind_reports(module);
  python::bind_subscription(module);
  python::bind_async_calls(module);
  python::bind_dlpack(module);
  if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw pybind11::error_already_set();
}

#undef PyInit__dolium

extern "C" PYBIND11_EXPORT PyObject* PyInit__dolium() {
  return check_is_main() ? PyInit__dolium_of_pybind11() : nullptr;
}
