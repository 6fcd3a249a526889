#include "errors.h"

#include <new>

namespace dolium::python {
namespace {

/// {name of the code: exception class}; lives as long as the interpreter.
PyObject* classes = nullptr;

py::handle class_of(Errc code) {
  const std::string name(to_string(code));
  PyObject* found = PyDict_GetItemString(classes, name.c_str());
  return found != nullptr ? found : PyExc_RuntimeError;
}

}  // namespace

PyObject* set_error(const Error& error) noexcept {
  PyErr_SetString(class_of(error.code).ptr(), error.message.c_str());
  return nullptr;
}

py::object exception_of(const Error& error) {
  return class_of(error.code)(error.message);
}

void set_error_from_exception() noexcept {
  try {
    throw;
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const StoreError& error) {
    set_error(error.error());
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_SystemError, "an unknown C++ exception");
  }
}

void bind_errors(py::module_&) {
  classes = py::dict(py::module_::import("dolium.errors").attr("BY_CODE")).release().ptr();
  py::register_exception_translator([](std::exception_ptr pending) {
    try {
      if (pending) std::rethrow_exception(pending);
    } catch (const StoreError& error) {
      set_error(error.error());
    }
  });
}

}  // namespace dolium::python
