// DLPack: the capsule in which torch, jax, cupy and numpy exchange arrays without a copy. The structs are the
// protocol's ABI (dmlc.github.io/dlpack, version 1.0 and the form before it). They are declared here because no package
// contains that header.

#include <array>

#include "bindings.h"

namespace dolium::python {
namespace {

struct DLDevice {
  std::int32_t type;
  std::int32_t id;
};
struct DLDataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};
/// The form before version 1.0, which cannot mark memory as read-only.
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
struct DLManagedTensorVersioned {
  struct {
    std::uint32_t major, minor;
  } version;
  void* context;
  void (*deleter)(DLManagedTensorVersioned*);
  std::uint64_t flags;
  DLTensor tensor;
};
constexpr std::int32_t kCpu = 1;
constexpr std::uint64_t kReadOnly = 1;

/// Owned by the consumer of the capsule: the exporter's buffer, and the arrays that the struct points to.
template <class Managed>
struct Export {
  Managed managed{};
  Py_buffer view{};
  std::vector<std::int64_t> shape, strides;

  static void drop(Managed* managed) {
    auto* const self = static_cast<Export*>(managed->context);
    if (Py_IsInitialized() != 0) {
      const WithGil back;
      PyBuffer_Release(&self->view);
    }
    delete self;
  }
};

template <class Managed>
constexpr const char* kName = std::is_same_v<Managed, DLManagedTensor> ? "dltensor" : "dltensor_versioned";

/// The consumer renames a capsule that it has taken. A capsule that was not taken deletes its tensor.
template <class Managed>
void drop_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, kName<Managed>) == 0) return;
  auto* const managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, kName<Managed>));
  managed->deleter(managed);
}

template <class Managed>
py::object capsule(py::handle exporter, std::array<int, 2> dtype, std::vector<std::int64_t> shape,
                   std::vector<std::int64_t> strides) {
  auto made = std::make_unique<Export<Managed>>();
  if (PyObject_GetBuffer(exporter.ptr(), &made->view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  made->shape = std::move(shape);
  made->strides = std::move(strides);
  made->managed.context = made.get();
  made->managed.deleter = &Export<Managed>::drop;
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    made->managed.version = {1, 0};
    made->managed.flags = made->view.readonly != 0 ? kReadOnly : 0;
  }
  made->managed.tensor = {.data = made->view.buf,
                          .device = {kCpu, 0},
                          .ndim = static_cast<std::int32_t>(made->shape.size()),
                          .dtype = {static_cast<std::uint8_t>(dtype[0]), static_cast<std::uint8_t>(dtype[1]), 1},
                          .shape = made->shape.data(),
                          .strides = made->strides.data(),
                          .byte_offset = 0};
  PyObject* out = PyCapsule_New(&made->managed, kName<Managed>, &drop_capsule<Managed>);
  if (out == nullptr) {
    PyBuffer_Release(&made->view);
    throw py::error_already_set();
  }
  made.release();  // the capsule owns it, and then the consumer
  return py::reinterpret_steal<py::object>(out);
}

}  // namespace

void bind_dlpack(py::module_& module) {
  module.def("dlpack_capsule", [](py::handle exporter, int code, int bits, std::vector<std::int64_t> shape,
                                  std::vector<std::int64_t> strides, bool versioned) {
    const std::array<int, 2> dtype{code, bits};
    return versioned ? capsule<DLManagedTensorVersioned>(exporter, dtype, std::move(shape), std::move(strides))
                     : capsule<DLManagedTensor>(exporter, dtype, std::move(shape), std::move(strides));
  });
}

}  // namespace dolium::python
