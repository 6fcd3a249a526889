#include "store_type.h"

#include <structmember.h>

#include <cstddef>
#include <new>

#include "errors.h"
#include "object_id_type.h"
#include "object_type.h"
#include "waiting.h"

namespace dolium::python {

PyTypeObject* store_type = nullptr;

namespace {

PyStore* instance(PyObject* self) noexcept {
  return reinterpret_cast<PyStore*>(self);
}

PyObject* make(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  new (&instance(self)->store) std::shared_ptr<ObjectStore>();
  new (&instance(self)->closed) std::shared_ptr<std::atomic<bool>>();
  return self;
}

/// Ends the waits of other threads. The last owner is destroyed without the GIL: discarded callbacks acquire it
/// themselves.
void let_go(PyStore& self) {
  if (self.closed != nullptr) *self.closed = true;
  std::shared_ptr<ObjectStore> last = std::move(self.store);
  self.store.reset();
  const WithoutGil others_run;
  last.reset();
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(instance(self)->dictionary);
  Py_VISIT(instance(self)->after_events);
  return 0;
}
int clear(PyObject* self) {
  Py_CLEAR(instance(self)->dictionary);
  Py_CLEAR(instance(self)->after_events);
  return 0;
}

void free_store(PyObject* self) {
  PyObject_GC_UnTrack(self);
  if (instance(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
  let_go(*instance(self));
  instance(self)->store.~shared_ptr();
  instance(self)->closed.~shared_ptr();
  clear(self);
  free_instance(self);
}

PyObject* close(PyObject* self, PyObject*) {
  let_go(*instance(self));
  Py_RETURN_NONE;
}

PyObject* closed(PyObject* self, void*) {
  return PyBool_FromLong(instance(self)->store == nullptr);
}

/// get_raw(id, timeout=0), with the vectorcall convention. Its arguments are parsed by hand.
bool parse_get(PyObject* const* args, Py_ssize_t count, PyObject* names, PyObject*& id, PyObject*& timeout) {
  const Py_ssize_t named = names != nullptr ? PyTuple_GET_SIZE(names) : 0;
  if (count > 2) return PyErr_Format(PyExc_TypeError, "get_raw() takes an id and a timeout"), false;
  if (count > 0) id = args[0];
  if (count > 1) timeout = args[1];
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(names, i);
    PyObject*& value = PyUnicode_CompareWithASCIIString(name, "timeout") == 0 ? timeout : id;
    if (&value == &id && PyUnicode_CompareWithASCIIString(name, "id") != 0)
      return PyErr_Format(PyExc_TypeError, "get_raw() has no argument %R", name), false;
    if (value != nullptr) return PyErr_Format(PyExc_TypeError, "get_raw() was given %R twice", name), false;
    value = args[count + i];
  }
  if (id == nullptr) return PyErr_Format(PyExc_TypeError, "get_raw() needs an id"), false;
  return true;
}

PyObject* get_raw(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  return guarded([&]() -> PyObject* {
    PyObject *which = nullptr, *how_long = nullptr;
    if (!parse_get(args, count, names, which, how_long)) return nullptr;
    const ObjectId* id = id_argument(which);
    if (id == nullptr) return nullptr;
    // A present object takes 0.1 us and no system call. The GIL is kept, because to get it back from a busy thread may
    // take 5 ms.
    if (instance(self)->store != nullptr)
      if (std::optional<Object> there = instance(self)->store->try_get(*id)) return new_object(*std::move(there));
    const auto store = store_of(self);
    const Timeout timeout = how_long == nullptr ? no_wait : timeout_of(how_long);
    return new_object(value_or_throw(get_waiting(self, *store, ObjectId(*id), timeout)));
  });
}

PyObject* exists(PyObject* self, PyObject* which) {
  return guarded([&]() -> PyObject* {
    const ObjectId* found = id_argument(which);
    if (found == nullptr) return nullptr;
    const ObjectId id = *found;
    const auto store = store_of(self);
    Result<bool> there = false;
    {
      const WithoutGil others_run;
      there = store->exists(id);
    }
    return PyBool_FromLong(value_or_throw(std::move(there)));
  });
}

PyMethodDef methods[] = {
    {"get_raw", method(get_raw), METH_FASTCALL | METH_KEYWORDS,
     "get_raw(id, timeout=0)\n--\n\nReturns the object's bytes, in place: an Object, which supports the buffer "
     "protocol. Makes no system call if\nthe object is present.\n\nRaises ObjectNotFound at once if it is missing. "
     "With a "
     "timeout (seconds, a timedelta, or None for no limit), waits\nfor the seal, and raises StoreTimeout after "
     "that time."},
    {"exists", exists, METH_O,
     "exists(id)\n--\n\nWhether a get would find the object now. Does not count as a hit, a miss or an access."},
    {"_close", close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef properties[] = {{"closed", closed, nullptr, "True before the store is open and after close().", nullptr},
                            {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyStore, weak_references), READONLY, nullptr},
                         {"__dictoffset__", T_PYSSIZET, offsetof(PyStore, dictionary), READONLY, nullptr},
                         {"_after_events", T_OBJECT, offsetof(PyStore, after_events), 0, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("What Client and InProcessStore have in common with C++.")},
                       {Py_tp_new, slot(make)},
                       {Py_tp_dealloc, slot(free_store)},
                       {Py_tp_traverse, slot(traverse)},
                       {Py_tp_clear, slot(clear)},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, properties},
                       {Py_tp_members, members},
                       {0, nullptr}};

PyType_Spec spec = {"dolium._dolium.Store", sizeof(PyStore), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

std::shared_ptr<ObjectStore> store_of(PyObject* self) {
  if (instance(self)->store == nullptr) throw StoreError({Errc::disconnected, "this store is closed"});
  return instance(self)->store;
}

Result<void> process_events(ObjectStore& store, PyObject* self) {
  const Result<void> processed = store.process_events();
  // Most stores have no callback: waiting threads must not acquire the GIL each time.
  if (__atomic_load_n(&instance(self)->after_events, __ATOMIC_ACQUIRE) == nullptr) return processed;
  const WithGil back;
  PyObject* const tell = instance(self)->after_events;
  if (tell == nullptr) return processed;
  const auto kept = py::reinterpret_borrow<py::object>(tell);
  PyObject* done = PyObject_CallNoArgs(tell);
  if (done == nullptr) PyErr_WriteUnraisable(tell);
  Py_XDECREF(done);
  return processed;
}

void bind_store(py::module_& module) {
  store_type = add_type(module, "Store", spec);
}

}  // namespace dolium::python
