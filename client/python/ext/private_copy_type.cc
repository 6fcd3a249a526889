#include "private_copy_type.h"

#include <structmember.h>

#include <cstddef>
#include <new>

#include "errors.h"

namespace dolium::python {
namespace {

struct PyPrivateCopy {
  PyDoliumObject shared;  // first: see object_type.h
  PrivateCopy copy;
};

PyTypeObject* private_copy_type = nullptr;

PyPrivateCopy* instance(PyObject* self) noexcept {
  return reinterpret_cast<PyPrivateCopy*>(self);
}

void free_private_copy(PyObject* self) {
  if (instance(self)->shared.weak_references != nullptr) PyObject_ClearWeakRefs(self);
  instance(self)->copy.~PrivateCopy();
  instance(self)->shared.object.~Object();
  free_instance(self);
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  const auto bytes = instance(self)->copy.data();
  return PyBuffer_FillInfo(view, self, address_of(bytes), static_cast<Py_ssize_t>(bytes.size()), 0, flags);
}

int set_item(PyObject* self, PyObject* key, PyObject* value) {
  if (value == nullptr) return PyErr_SetString(PyExc_TypeError, "the bytes of a private copy cannot be deleted"), -1;
  PyObject* view = PyMemoryView_FromObject(self);
  if (view == nullptr) return -1;
  const int set = PyObject_SetItem(view, key, value);
  Py_DECREF(view);
  return set;
}

PyObject* to_bytes(PyObject* self, PyObject*) {
  return PyBytes_FromObject(self);
}

PyMethodDef methods[] = {{"tobytes", to_bytes, METH_NOARGS, "tobytes()\n--\n\nA copy of the data, as bytes."},
                         {"__reduce__", object_reduce, METH_NOARGS, nullptr},
                         {nullptr, nullptr, 0, nullptr}};

PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyPrivateCopy, shared) + offsetof(PyDoliumObject, weak_references),
     READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "A sealed object's bytes as writable memory of this process alone.\n\n"
         "Shares the object's pages until they are written, so it costs only the pages that are written. No other\n"
         "process, other copy or later get sees the writes. Supports the buffer protocol like Object, and writing to\n"
         "it. Holds the object. An object below 8 KiB, and any object of a store with huge_pages = on, is copied at\n"
         "once.")},
    {Py_tp_new, slot(refuse_new)},
    {Py_tp_dealloc, slot(free_private_copy)},
    {Py_tp_repr, slot(object_repr)},
    {Py_tp_methods, methods},
    {Py_tp_getset, object_properties},
    {Py_tp_members, members},
    {Py_tp_iter, slot(object_iterator)},
    {Py_mp_length, slot(object_length)},
    {Py_mp_subscript, slot(object_item)},
    {Py_mp_ass_subscript, slot(set_item)},
    {Py_bf_getbuffer, slot(get_buffer)},
    {0, nullptr}};

PyType_Spec spec = {"dolium.PrivateCopy", sizeof(PyPrivateCopy), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyObject* new_private_copy(const Object& object) {
  Result<PrivateCopy> copied = [&] {
    const WithoutGil others_run;  // a store with huge pages copies all bytes
    return object.private_copy();
  }();
  PrivateCopy copy = value_or_throw(std::move(copied));
  auto* self = PyObject_New(PyPrivateCopy, private_copy_type);
  if (self == nullptr) return nullptr;
  new (&self->shared.object) Object(object);
  self->shared.weak_references = nullptr;
  new (&self->copy) PrivateCopy(std::move(copy));
  return reinterpret_cast<PyObject*>(self);
}

void bind_private_copy(py::module_& module) {
  private_copy_type = add_type(module, "PrivateCopy", spec);
}

}  // namespace dolium::python
