#include "builder_type.h"

#include <cstring>

#include "arguments.h"
#include "errors.h"
#include "extent_type.h"
#include "object_id_type.h"
#include "object_type.h"

namespace dolium::python {
namespace {

struct PyBuilder {
  PyObject_HEAD PyExtent* extent;  // null once sealed or aborted
  PyObject* data_view;             // the memoryview returned by `data`; or null
  ObjectId id;
  std::size_t size;
  std::size_t written;  // number of bytes appended by write()
  int copies_under_way;
  enum class State { open, sealed, aborted } state;
};

PyTypeObject* builder_type = nullptr;

PyBuilder* builder_of(PyObject* self) noexcept {
  return reinterpret_cast<PyBuilder*>(self);
}

/// The extent. Throws if the builder is sealed or aborted.
PyExtent& open_extent(PyBuilder& self) {
  if (self.state == PyBuilder::State::open) return *self.extent;
  const char* what = self.state == PyBuilder::State::sealed ? "sealed" : "aborted";
  throw StoreError({Errc::already_sealed, "the builder of object " + self.id.hex() + " was " + what + " before"});
}

/// Revokes the view returned by `data`. A view with views of its own stays, and keeps the extent.
void revoke_data_view(PyBuilder& self) {
  if (self.data_view == nullptr) return;
  PyObject* done = PyObject_CallMethod(self.data_view, "release", nullptr);
  if (done == nullptr && PyErr_ExceptionMatches(PyExc_BufferError))
    PyErr_Clear();
  else if (done == nullptr)
    throw py::error_already_set();
  Py_XDECREF(done);
  Py_CLEAR(self.data_view);
}

/// The first step of seal and abort. Throws while a copy is running. The caller then owns the extent, with or without
/// views.
py::object finish(PyBuilder& self, PyBuilder::State state) {
  open_extent(self);
  if (self.copies_under_way != 0) throw py::buffer_error("another thread is writing to this builder");
  self.state = state;
  py::object extent = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(self.extent));
  self.extent = nullptr;
  revoke_data_view(self);
  return extent;
}

Object seal(PyBuilder& self, bool hold) {
  const py::object owner = finish(self, PyBuilder::State::sealed);
  auto* const extent = reinterpret_cast<PyExtent*>(owner.ptr());
  const bool has_views = owner.ref_count() > 1;
  ObjectBuilder builder = *std::move(extent->builder);
  extent->builder.reset();
  Result<Object> sealed = Object();
  {
    const WithoutGil others_run;
    if (hold || has_views) {
      sealed = builder.seal_and_hold();
    } else if (auto id = builder.seal(); !id) {
      sealed = id.error();
    }
  }
  // It was removed between the seal and our reference, but it was sealed.
  if (!sealed && sealed.error().code == Errc::not_found && !hold) return {};
  if (!sealed) throw StoreError(std::move(sealed).error());
  if (has_views) extent->sealed = *sealed;
  return *std::move(sealed);
}

void abort(PyBuilder& self) {
  const py::object owner = finish(self, PyBuilder::State::aborted);
  auto* const extent = reinterpret_cast<PyExtent*>(owner.ptr());
  const bool has_views = owner.ref_count() > 1;
  Result<void> done;
  {
    const WithoutGil others_run;
    done = has_views ? extent->builder->abort_and_keep() : extent->builder->abort();
  }
  if (!has_views) extent->builder.reset();
  value_or_throw(std::move(done));
}

PyObject* py_seal(PyObject* self, PyObject*) {
  return guarded([&] {
    seal(*builder_of(self), false);
    return new_object_id(builder_of(self)->id);
  });
}
PyObject* py_seal_and_hold(PyObject* self, PyObject*) {
  return guarded([&] { return new_object(seal(*builder_of(self), true)); });
}
PyObject* py_abort(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    abort(*builder_of(self));
    Py_RETURN_NONE;
  });
}

PyObject* enter(PyObject* self, PyObject*) {
  return guarded([&] {
    open_extent(*builder_of(self));
    return new_ref(self);
  });
}
PyObject* leave(PyObject* self, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    if (PyArg_UnpackTuple(args, "__exit__", 3, 3, &type, &value, &traceback) == 0) return nullptr;
    PyBuilder& builder = *builder_of(self);
    if (builder.state == PyBuilder::State::open) {  // otherwise the block has sealed or aborted it
      if (type == Py_None)
        seal(builder, false);
      else
        abort(builder);
    }
    Py_RETURN_FALSE;
  });
}

/// Copies without the GIL. The range is reserved first, so that threads can write in parallel.
PyObject* write(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"data", "offset", nullptr};
    PyObject *data = nullptr, *where = Py_None;
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:write", const_cast<char**>(names), &data, &where) == 0)
      return nullptr;
    PyBuilder& builder = *builder_of(self);
    const std::size_t offset = where == Py_None ? builder.written : number_of(where, "offset");
    const auto source = py::reinterpret_steal<py::object>(PyMemoryView_FromObject(data));
    if (!source) throw py::error_already_set();
    Py_buffer* view = PyMemoryView_GET_BUFFER(source.ptr());
    if (PyBuffer_IsContiguous(view, 'C') == 0) throw py::buffer_error("write() takes C-contiguous buffers only");
    const auto size = static_cast<std::size_t>(view->len);
    if (offset > builder.size || size > builder.size - offset)
      throw StoreError({Errc::too_large, std::to_string(size) + " bytes at " + std::to_string(offset) +
                                             " do not fit into an object of " + std::to_string(builder.size)});
    PyExtent& extent = open_extent(builder);  // only now: a call above may have sealed it
    if (where == Py_None) builder.written += size;
    if (size != 0) {
      ++builder.copies_under_way;
      {
        const WithoutGil others_run;
        copy_bytes({extent.bytes + offset, size}, {static_cast<const std::byte*>(view->buf), size});
      }
      --builder.copies_under_way;
    }
    return PyLong_FromSize_t(size);
  });
}

/// The exporter of a buffer is the extent, not the builder: see builder_type.h.
int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  return guarded([&] { return fill_extent_buffer(open_extent(*builder_of(self)), view, flags); }, -1);
}

/// Does nothing: the extent is the exporter. The function must exist, so that numpy.frombuffer() keeps a memoryview,
/// and with it the extent, instead of the builder.
void release_buffer(PyObject*, Py_buffer*) {}

py::object temporary_view(PyObject* self) {
  PyObject* view = PyMemoryView_FromObject(reinterpret_cast<PyObject*>(&open_extent(*builder_of(self))));
  if (view == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(view);
}
PyObject* subscript(PyObject* self, PyObject* key) {
  return guarded([&] { return PyObject_GetItem(temporary_view(self).ptr(), key); });
}
int assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  return guarded(
      [&] {
        if (value == nullptr) throw py::type_error("the bytes of an object cannot be deleted");
        return PyObject_SetItem(temporary_view(self).ptr(), key, value);
      },
      -1);
}
Py_ssize_t length(PyObject* self) {
  return static_cast<Py_ssize_t>(builder_of(self)->size);
}

PyObject* get_data(PyObject* self, void*) {
  return guarded([&] {
    open_extent(*builder_of(self));
    PyObject*& kept = builder_of(self)->data_view;
    if (kept == nullptr) kept = temporary_view(self).release().ptr();
    return new_ref(kept);
  });
}
PyObject* get_id(PyObject* self, void*) {
  return new_object_id(builder_of(self)->id);
}
PyObject* get_size(PyObject* self, void*) {
  return PyLong_FromSize_t(builder_of(self)->size);
}
PyObject* get_written(PyObject* self, void*) {
  return PyLong_FromSize_t(builder_of(self)->written);
}
PyObject* get_state(PyObject* self, void*) {
  static const char* const names[] = {"open", "sealed", "aborted"};
  return PyUnicode_FromString(names[static_cast<int>(builder_of(self)->state)]);
}
PyObject* repr(PyObject* self) {
  return guarded(
      [&] { return py::module_::import("dolium.text").attr("describe_builder")(py::handle(self)).release().ptr(); });
}

void free_builder(PyObject* self) {
  PyBuilder& builder = *builder_of(self);
  Py_CLEAR(builder.data_view);
  Py_XDECREF(builder.extent);
  free_instance(self);
}

PyMethodDef methods[] = {
    {"seal", py_seal, METH_NOARGS,
     "seal()\n--\n\nMakes the object immutable and visible, and wakes waiting gets. Returns its id."},
    {"seal_and_hold", py_seal_and_hold, METH_NOARGS,
     "seal_and_hold()\n--\n\nSeals, and returns the Object, held before any client can evict or remove it."},
    {"abort", py_abort, METH_NOARGS,
     "abort()\n--\n\nDiscards the object. Its id is free at once. So is its memory, unless views of the builder (a "
     "numpy "
     "array,\nfor example) are alive: then it is free at the end of the last view."},
    {"write", method(write), METH_VARARGS | METH_KEYWORDS,
     "write(data, offset=None)\n--\n\nAppends a contiguous buffer to the bytes that write() has written, or copies it "
     "to `offset`. Releases the GIL.\nReturns the number of bytes."},
    {"__enter__", enter, METH_NOARGS, nullptr},
    {"__exit__", leave, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef properties[] = {
    {"data", get_data, nullptr, "The data as a writable memoryview, which seal() and abort() revoke.", nullptr},
    {"id", get_id, nullptr, "The object's ObjectId.", nullptr},
    {"size", get_size, nullptr, "The object's size in bytes, like len().", nullptr},
    {"nbytes", get_size, nullptr, "The object's size in bytes, by the name that numpy uses.", nullptr},
    {"written", get_written, nullptr, "The number of bytes that write() has appended.", nullptr},
    {"state", get_state, nullptr, "'open', 'sealed' or 'aborted'.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc,
     const_cast<char*>(
         "An object being written, in the store's own memory: a writable, 64-byte aligned buffer.\n\n"
         "As a context manager it seals at the end of the block, and aborts if the block raises. A builder that is "
         "dropped\nunsealed aborts. builder[a:b] = data, builder.write(data), memoryview(builder) and "
         "numpy.frombuffer(builder)\nall write in place.\n"
         "Do not write to a view after seal(): other processes rely on an immutable object.")},
    {Py_tp_new, slot(refuse_new)},
    {Py_tp_dealloc, slot(free_builder)},
    {Py_tp_repr, slot(repr)},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_mp_length, slot(length)},
    {Py_mp_subscript, slot(subscript)},
    {Py_mp_ass_subscript, slot(assign_subscript)},
    {Py_bf_getbuffer, slot(get_buffer)},
    {Py_bf_releasebuffer, slot(release_buffer)},
    {0, nullptr}};
PyType_Spec spec = {"dolium.ObjectBuilder", sizeof(PyBuilder), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

PyObject* new_builder(ObjectBuilder&& builder) noexcept {
  const ObjectId id = builder.id();
  PyExtent* const extent = new_extent(std::move(builder));
  if (extent == nullptr) return nullptr;
  auto* self = PyObject_New(PyBuilder, builder_type);
  if (self == nullptr) {
    Py_DECREF(extent);
    return nullptr;
  }
  self->extent = extent;
  self->data_view = nullptr;
  self->id = id;
  self->size = extent->size;
  self->written = 0;
  self->copies_under_way = 0;
  self->state = PyBuilder::State::open;
  return reinterpret_cast<PyObject*>(self);
}

void bind_builder(py::module_& module) {
  builder_type = add_type(module, "ObjectBuilder", spec);
}

}  // namespace dolium::python
