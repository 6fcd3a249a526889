#pragma once
// Extent: the memory of an object being written, as the exporter of a writable buffer. Internal; builder_type.h
// explains its purpose. If it is freed with its C++ builder still inside, it aborts the object.

#include <optional>

#include "python.h"

namespace dolium::python {

struct PyExtent {
  PyObject_HEAD std::optional<ObjectBuilder> builder;  // nullopt after the seal
  Object sealed;                                       // keeps the memory after a seal with live views
  std::byte* bytes;
  std::size_t size;
};

/// Returns null, with an exception set, if there is no memory.
[[nodiscard]] PyExtent* new_extent(ObjectBuilder&& builder) noexcept;
[[nodiscard]] int fill_extent_buffer(PyExtent& extent, Py_buffer* view, int flags) noexcept;

void bind_extent(py::module_& module);

}  // namespace dolium::python
