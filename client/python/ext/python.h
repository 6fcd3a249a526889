#pragma once
// What the files of the extension share: pybind11, which all but the hot types are written with, and the few helpers
// that those few types need, which are written against CPython itself.
//
// Why two ways. ObjectId, Object, builders and Store.get_raw() are on the path of every get; as CPython types they
// cost about 0.1 us, as pybind11 classes about 0.5 us (an instance registry, casters, an overload loop). Everything
// that talks to the daemon anyway is bound by pybind11, as module functions that take the store first; the Python
// classes in dolium/store.py call them and carry the documentation.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <dolium/dolium.h>

#include <exception>
#include <utility>

#include "gil.h"

namespace dolium::python {

namespace py = pybind11;

/// Sets the Python exception that stands for the C++ one in flight. Called inside a catch block.
void set_error_from_exception() noexcept;

/// Runs the body of a function that CPython calls, and lets no C++ exception out: failure is `failed`.
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

/// A slot's or a method's function as CPython's tables want it.
template <class Function>
void* slot(Function* function) noexcept {
  return reinterpret_cast<void*>(function);
}
template <class Function>
PyCFunction method(Function* function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

/// Py_NewRef(), which CPython 3.9 has not.
inline PyObject* new_ref(PyObject* object) noexcept {
  Py_INCREF(object);
  return object;
}

/// tp_new of the types that only stores make.
inline PyObject* refuse_new(PyTypeObject* type, PyObject*, PyObject*) {
  return PyErr_Format(PyExc_TypeError, "%.100s is made by a store, not by its constructor", type->tp_name);
}

/// What tp_dealloc ends with, for a heap type: the instance owns a reference to its type.
inline void free_instance(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

}  // namespace dolium::python
