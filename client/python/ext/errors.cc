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

py::object text(const std::string& bytes) {
  PyObject* const decoded =
      PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "backslashreplace");
  if (decoded == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(decoded);
}

PyObject* set_error(const Error& error) noexcept {
  try {
    PyErr_SetObject(class_of(error.code).ptr(), text(error.message).ptr());
  } catch (py::error_already_set& lack_of_memory) {
    lack_of_memory.restore();
  }
  return nullptr;
}

py::object exception_of(const Error& error) {
  return class_of(error.code)(text(error.message));
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
