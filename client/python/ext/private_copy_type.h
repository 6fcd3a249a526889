#pragma once
// dolium.PrivateCopy: a writable copy of an object for this process (<dolium/private_copy.h>), with Python's buffer
// protocol. It has the properties of a dolium.Object, so that all formats can be read from it.

#include "object_type.h"

namespace dolium::python {

/// Throws the error of Object::private_copy().
[[nodiscard]] PyObject* new_private_copy(const Object& object);

void bind_private_copy(py::module_& module);

}  // namespace dolium::python
