#pragma once
// Shared by the files of the extension: pybind11, and helpers for the hot types, which use the CPython API directly.
//
// Why there are two ways: ObjectId, Object, builders and Store.get_raw() are on the path of every get. As CPython types
// they cost about 0.1 us, as pybind11 classes about 0.5 us (an instance registry, casters, an overload loop). Calls
// that talk to the daemon are bound by pybind11, as module functions whose first argument is the store. The Python
// classes in dolium/store.py call them, and have the documentation.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <dolium/dolium.h>

#include <exception>
#include <utility>

#include "gil.h"

namespace dolium::python {

namespace py = pybind11;

/// Sets the Python exception for the current C++ exception. Called inside a catch block.
void set_error_from_exception() noexcept;

/// Runs the body of a function that CPython calls. Lets no C++ exception out; returns `failed` instead.
template <class Body, class Value = PyObject*>
Value guarded(Body&& body, Value failed = nullptr) noexcept {
  try {
    return std::forward<Body>(body)();
  } catch (...) {
    set_error_from_exception();
    return failed;
  }
}

/// Makes a heap type and publishes it in the module.
inline PyTypeObject* add_type(py::module_& module, const char* name, PyType_Spec& spec) {
  auto* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (type == nullptr) throw py::error_already_set();
  module.add_object(name, reinterpret_cast<PyObject*>(type));
  return type;
}

/// The function of a slot or method, in the form of CPython's tables.
template <class Function>
void* slot(Function* function) noexcept {
  return reinterpret_cast<void*>(function);
}
template <class Function>
PyCFunction method(Function* function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

/// Py_NewRef(), which CPython 3.9 lacks.
inline PyObject* new_ref(PyObject* object) noexcept {
  Py_INCREF(object);
  return object;
}

/// tp_new of types that only a store can make.
inline PyObject* refuse_new(PyTypeObject* type, PyObject*, PyObject*) {
  return PyErr_Format(PyExc_TypeError, "%.100s is made by a store, not by its constructor", type->tp_name);
}

/// The last step of tp_dealloc of a heap type: the instance owns a reference to its type.
inline void free_instance(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

}  // namespace dolium::python
