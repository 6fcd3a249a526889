#include "object_type.h"

#include <structmember.h>

#include <cstddef>
#include <new>

#include "errors.h"
#include "object_id_type.h"
#include "private_copy_type.h"

namespace dolium::python {

PyTypeObject* object_type = nullptr;

namespace {

const Object& object_of(PyObject* self) noexcept {
  return reinterpret_cast<PyDoliumObject*>(self)->object;
}

int fill_buffer(PyObject* owner, Py_buffer* view, std::span<const std::byte> bytes, int flags) noexcept {
  return PyBuffer_FillInfo(view, owner, address_of(bytes), static_cast<Py_ssize_t>(bytes.size()), 1, flags);
}

// ---- Region: an object's metadata as a buffer of its own. ----

struct PyRegion {
  PyObject_HEAD PyObject* owner;  // a PyDoliumObject
};

PyTypeObject* region_type = nullptr;

void free_region(PyObject* self) {
  Py_CLEAR(reinterpret_cast<PyRegion*>(self)->owner);
  free_instance(self);
}

int get_region_buffer(PyObject* self, Py_buffer* view, int flags) {
  return fill_buffer(self, view, object_of(reinterpret_cast<PyRegion*>(self)->owner).metadata(), flags);
}

PyType_Slot region_slots[] = {{Py_tp_doc, const_cast<char*>("An object's metadata: what its memoryview comes from.")},
                              {Py_tp_new, slot(refuse_new)},
                              {Py_tp_dealloc, slot(free_region)},
                              {Py_bf_getbuffer, slot(get_region_buffer)},
                              {0, nullptr}};

PyType_Spec region_spec = {"dolium._dolium.Region", sizeof(PyRegion), 0, Py_TPFLAGS_DEFAULT, region_slots};

PyObject* metadata_view(PyObject* self, void*) {
  auto* region = PyObject_New(PyRegion, region_type);
  if (region == nullptr) return nullptr;
  Py_INCREF(self);
  region->owner = self;
  PyObject* view = PyMemoryView_FromObject(reinterpret_cast<PyObject*>(region));
  Py_DECREF(region);
  return view;
}

// ---- Object ----

void free_object(PyObject* self) {
  auto* const instance = reinterpret_cast<PyDoliumObject*>(self);
  if (instance->weak_references != nullptr) PyObject_ClearWeakRefs(self);
  instance->object.~Object();
  free_instance(self);
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  return fill_buffer(self, view, object_of(self).data(), flags);
}

PyObject* get_id(PyObject* self, void*) {
  return new_object_id(object_of(self).id());
}
PyObject* get_size(PyObject* self, void*) {
  return PyLong_FromSize_t(object_of(self).data().size());
}
PyObject* get_type_tag(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(object_of(self).type_tag());
}
PyObject* get_type_name(PyObject* self, void*) {
  return guarded([&] { return text(std::string(object_of(self).type_name())).release().ptr(); });
}
/// Address of the data: tells whether an array is a view of it, and two Objects of one client the same memory.
PyObject* get_address(PyObject* self, void*) {
  return PyLong_FromVoidPtr(address_of(object_of(self).data()));
}
PyObject* get_metadata_bytes(PyObject* self, void*) {
  const auto bytes = object_of(self).metadata();
  return PyBytes_FromStringAndSize(static_cast<const char*>(address_of(bytes)), static_cast<Py_ssize_t>(bytes.size()));
}

PyObject* to_bytes(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    const auto bytes = object_of(self).data();
    PyObject* copy = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(bytes.size()));
    if (copy == nullptr || bytes.empty()) return copy;
    constexpr std::size_t kCheap = 32 * 1024;  // a copy of this size takes as long as releasing the GIL
    if (bytes.size() <= kCheap) {
      std::memcpy(PyBytes_AS_STRING(copy), bytes.data(), bytes.size());
    } else {
      const WithoutGil others_run;
      std::memcpy(PyBytes_AS_STRING(copy), bytes.data(), bytes.size());
    }
    return copy;
  });
}

PyObject* private_copy(PyObject* self, PyObject*) {
  return guarded([&] { return new_private_copy(object_of(self)); });
}

PyMethodDef methods[] = {
    {"tobytes", to_bytes, METH_NOARGS, "tobytes()\n--\n\nA copy of the data."},
    {"__bytes__", to_bytes, METH_NOARGS, nullptr},
    {"private_copy", private_copy, METH_NOARGS,
     "private_copy()\n--\n\nA PrivateCopy: the bytes as writable memory of this process alone, which "
     "costs only the pages\nthat are written."},
    {"__reduce__", object_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyDoliumObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "A sealed object's bytes, in place: shared memory, read-only, 64-byte aligned.\n\n"
         "Supports the buffer protocol: memoryview(obj), numpy.frombuffer(obj, dtype), pyarrow.py_buffer(obj), and\n"
         "obj[10:20] copy nothing. While the Object or a view of it lives, its memory is neither evicted nor reused.\n"
         "That holds even if the object is removed, the client is closed or the daemon is gone. `del` releases it.")},
    {Py_tp_new, slot(refuse_new)},
    {Py_tp_dealloc, slot(free_object)},
    {Py_tp_repr, slot(object_repr)},
    {Py_tp_methods, methods},
    {Py_tp_getset, object_properties},
    {Py_tp_members, members},
    {Py_tp_iter, slot(object_iterator)},
    {Py_mp_length, slot(object_length)},
    {Py_mp_subscript, slot(object_item)},
    {Py_bf_getbuffer, slot(get_buffer)},
    {0, nullptr}};

PyType_Spec spec = {"dolium.Object", sizeof(PyDoliumObject), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyGetSetDef object_properties[] = {
    {"id", get_id, nullptr, "The object's ObjectId.", nullptr},
    {"size", get_size, nullptr, "The data's size in bytes, like len().", nullptr},
    {"nbytes", get_size, nullptr, "The data's size in bytes, by the name that numpy uses.", nullptr},
    {"type_tag", get_type_tag, nullptr, "The tag of the stored type; 0 means raw bytes.", nullptr},
    {"type_name", get_type_name, nullptr, "The stored name of the type; empty if there is none, as of raw bytes.",
     nullptr},
    {"metadata", metadata_view, nullptr, "The metadata, in place, as a read-only memoryview that holds the object.",
     nullptr},
    {"_address", get_address, nullptr, nullptr, nullptr},
    {"_metadata_bytes", get_metadata_bytes, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

void* address_of(std::span<const std::byte> bytes) noexcept {
  static const std::byte nothing{};
  return const_cast<std::byte*>(bytes.data() != nullptr ? bytes.data() : &nothing);
}

Py_ssize_t object_length(PyObject* self) {
  return static_cast<Py_ssize_t>(object_of(self).data().size());
}

PyObject* object_item(PyObject* self, PyObject* key) {
  PyObject* view = PyMemoryView_FromObject(self);
  if (view == nullptr) return nullptr;
  PyObject* item = PyObject_GetItem(view, key);
  Py_DECREF(view);
  return item;
}

PyObject* object_iterator(PyObject* self) {
  PyObject* view = PyMemoryView_FromObject(self);
  if (view == nullptr) return nullptr;
  PyObject* bytes = PyObject_GetIter(view);
  Py_DECREF(view);
  return bytes;
}

PyObject* object_repr(PyObject* self) {
  return guarded([&] {
    const py::module_ text = py::module_::import("dolium.text");
    return text.attr("describe_object")(py::handle(self)).release().ptr();
  });
}

PyObject* object_reduce(PyObject* self, PyObject*) {
  return PyErr_Format(PyExc_TypeError,
                      "a %.100s belongs to this process and cannot be pickled: send its id, and get it there",
                      Py_TYPE(self)->tp_name);
}

PyObject* new_object(Object&& object) noexcept {
  auto* self = PyObject_New(PyDoliumObject, object_type);
  if (self == nullptr) return nullptr;
  new (&self->object) Object(std::move(object));
  self->weak_references = nullptr;
  return reinterpret_cast<PyObject*>(self);
}

py::list new_objects(std::vector<std::optional<Object>> objects) {
  py::list list;
  for (std::optional<Object>& each : objects)
    list.append(each ? py::reinterpret_steal<py::object>(new_object(*std::move(each))) : py::none());
  return list;
}

void bind_object(py::module_& module) {
  region_type = add_type(module, "Region", region_spec);
  object_type = add_type(module, "Object", spec);
}

}  // namespace dolium::python
