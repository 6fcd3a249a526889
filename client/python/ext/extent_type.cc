#include "extent_type.h"

#include <new>

namespace dolium::python {
namespace {

PyTypeObject* extent_type = nullptr;

void free_extent(PyObject* self) {
  auto* const extent = reinterpret_cast<PyExtent*>(self);
  if (extent->builder) {
    const WithoutGil others_run;  // an abort asks the daemon
    extent->builder.reset();
  }
  extent->builder.~optional();
  extent->sealed.~Object();
  free_instance(self);
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  return fill_extent_buffer(*reinterpret_cast<PyExtent*>(self), view, flags);
}

PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("The memory of an object that is being written.")},
                       {Py_tp_new, slot(refuse_new)},
                       {Py_tp_dealloc, slot(free_extent)},
                       {Py_bf_getbuffer, slot(get_buffer)},
                       {0, nullptr}};
PyType_Spec spec = {"dolium._dolium.Extent", sizeof(PyExtent), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyExtent* new_extent(ObjectBuilder&& builder) noexcept {
  auto* extent = PyObject_New(PyExtent, extent_type);
  if (extent == nullptr) return nullptr;
  const auto bytes = builder.data();
  extent->bytes = bytes.data();
  extent->size = bytes.size();
  new (&extent->builder) std::optional<ObjectBuilder>(std::move(builder));
  new (&extent->sealed) Object();
  return extent;
}

int fill_extent_buffer(PyExtent& extent, Py_buffer* view, int flags) noexcept {
  static std::byte nothing{};  // an empty object needs an address, too
  return PyBuffer_FillInfo(view, reinterpret_cast<PyObject*>(&extent), extent.size != 0 ? extent.bytes : &nothing,
                           static_cast<Py_ssize_t>(extent.size), 0, flags);
}

void bind_extent(py::module_& module) {
  extent_type = add_type(module, "Extent", spec);
}

}  // namespace dolium::python
