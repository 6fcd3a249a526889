#pragma once
// Extent: the memory of an object that is being written, as the exporter of a writable buffer. Internal; what it is
// for stands in builder_type.h. Freed with its C++ builder still inside, it aborts the object.

#include <optional>

#include "python.h"

namespace dolium::python {

struct PyExtent {
  PyObject_HEAD std::optional<ObjectBuilder> builder;  // none once sealed
  Object sealed;                                       // what keeps the memory, once sealed with views alive
  std::byte* bytes;
  std::size_t size;
};

/// Null with an exception set when there is no memory.
[[nodiscard]] PyExtent* new_extent(ObjectBuilder&& builder) noexcept;
[[nodiscard]] int fill_extent_buffer(PyExtent& extent, Py_buffer* view, int flags) noexcept;

void bind_extent(py::module_& module);

}  // namespace dolium::python
