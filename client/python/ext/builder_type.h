#pragma once
// dolium.ObjectBuilder: an object being written; a writable buffer.
//
// Two Python objects. The Extent owns the C++ builder, and is what every view of the memory holds on to; the builder
// is the user's handle on it. So when the user seals or aborts while views are alive (a numpy array in a local variable
// of the `with` block, say), memory that may still be written to is never given to another object:
// - sealed: the extent keeps a reference to the object until the last view is gone;
// - aborted: the id is free at once, and the memory stays lent to this process until the last view is gone. Views that
//   the builder handed out itself (`builder.data`) are revoked instead.
// A view written to after seal() changes what others read. The protocol has no way to take a buffer back.

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
