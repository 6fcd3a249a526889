#pragma once
// dolium.ObjectBuilder: an object being written; a writable buffer.
//
// There are two Python objects. The Extent owns the C++ builder, and every view of the memory holds the Extent. The
// builder is the user's handle. The user may seal or abort while views are alive, for example a numpy array in a local
// variable of the `with` block. Memory that may still be written to is never given to another object:
// - sealed: the extent keeps a reference to the object until the last view is gone;
// - aborted: the id is free at once, and the memory stays lent to this process until the last view is gone. The
//   view that `builder.data` returned is revoked instead.
// To write to a view after seal() changes the sealed object. The buffer protocol has no way to take a buffer back.

#include "python.h"

namespace dolium::python {

[[nodiscard]] PyObject* new_builder(ObjectBuilder&& builder) noexcept;

void bind_builder(py::module_& module);

}  // namespace dolium::python

template <>
struct pybind11::detail::type_caster<dolium::ObjectBuilder> {
  static constexpr auto name = const_name("ObjectBuilder");
  static handle cast(dolium::ObjectBuilder builder, return_value_policy, handle) {
    return dolium::python::new_builder(std::move(builder));
  }
};
