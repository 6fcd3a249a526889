#pragma once
// dolium.Object: a sealed object in place, with Python's buffer protocol. Region: a part of an Object.
//
// The dolium::Object is inside the Python object. So its reference in the pin table is released when the last Python
// reference is gone. Every view (memoryview, numpy array, pyarrow buffer) holds the Python object, and so the memory.
// There is no explicit release on purpose: numpy.ndarray(buffer=...) keeps a reference to the exporter, but no
// Py_buffer, so a release could not be checked. Use `del`.

#include <optional>
#include <vector>

#include "python.h"

namespace dolium::python {

struct PyDoliumObject {
  PyObject_HEAD Object object;
  PyObject* weak_references;
};

extern PyTypeObject* object_type;

[[nodiscard]] PyObject* new_object(Object&& object) noexcept;
/// A list of what a get of several objects returned; None for those that are missing.
[[nodiscard]] py::list new_objects(std::vector<std::optional<Object>> objects);

// Functions of the type that PrivateCopy has, too: its instances begin with a PyDoliumObject, and have a buffer.

extern PyGetSetDef object_properties[];
Py_ssize_t object_length(PyObject* self);
/// Returns an int for an index and a memoryview for a slice, like a memoryview.
PyObject* object_item(PyObject* self, PyObject* key);
PyObject* object_iterator(PyObject* self);
PyObject* object_repr(PyObject* self);
PyObject* object_reduce(PyObject* self, PyObject*);
/// Empty objects have an address, too: numpy and others may not expect a null pointer.
void* address_of(std::span<const std::byte> bytes) noexcept;

void bind_object(py::module_& module);

}  // namespace dolium::python

template <>
struct pybind11::detail::type_caster<dolium::Object> {
  PYBIND11_TYPE_CASTER(dolium::Object, const_name("Object"));
  bool load(handle source, bool) {
    if (!isinstance(source, reinterpret_cast<PyObject*>(dolium::python::object_type))) return false;
    value = reinterpret_cast<dolium::python::PyDoliumObject*>(source.ptr())->object;
    return true;
  }
  static handle cast(dolium::Object object, return_value_policy, handle) {
    return dolium::python::new_object(std::move(object));
  }
};
