#pragma once
// dolium.ObjectId: the 20 bytes, inside the Python object.

#include "python.h"

namespace dolium::python {

struct PyObjectId {
  PyObject_HEAD ObjectId id;
};

extern PyTypeObject* object_id_type;

[[nodiscard]] PyObject* new_object_id(const ObjectId& id, PyTypeObject* type = object_id_type) noexcept;

/// Returns the id inside, or null with a TypeError set.
[[nodiscard]] inline const ObjectId* id_argument(PyObject* value) noexcept {
  if (Py_TYPE(value) == object_id_type || PyObject_TypeCheck(value, object_id_type))
    return &reinterpret_cast<PyObjectId*>(value)->id;
  PyErr_Format(PyExc_TypeError,
               "this argument must be an ObjectId, not %.100s (ObjectId.from_name(), ObjectId(bytes or hex))",
               Py_TYPE(value)->tp_name);
  return nullptr;
}

void bind_object_id(py::module_& module);

}  // namespace dolium::python

template <>
struct pybind11::detail::type_caster<dolium::ObjectId> {
  PYBIND11_TYPE_CASTER(dolium::ObjectId, const_name("ObjectId"));
  bool load(handle source, bool) {
    const dolium::ObjectId* id = dolium::python::id_argument(source.ptr());
    if (id == nullptr) throw error_already_set();
    value = *id;
    return true;
  }
  static handle cast(const dolium::ObjectId& id, return_value_policy, handle) {
    return dolium::python::new_object_id(id);
  }
};
