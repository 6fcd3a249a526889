#pragma once
// dolium._dolium.Store: the Python object that owns a C++ store, and the base of Client and InProcessStore. It is
// created empty, opened once, and can be closed. A closed store refuses calls. Here are the object, and the calls that
// normally make no system call. All other calls are in store_calls.cc.

#include <atomic>
#include <memory>

#include "python.h"

namespace dolium::python {

struct PyStore {
  PyObject_HEAD std::shared_ptr<ObjectStore> store;  // null before open() and after close()
  std::shared_ptr<std::atomic<bool>> closed;         // read by the waiting calls of that store; null before open()
  PyObject* weak_references;
  PyObject* dictionary;    // the Python subclasses' attributes
  PyObject* after_events;  // called after process_events(), if not null: asynchronous subscriptions look for events
};

extern PyTypeObject* store_type;

/// The open store inside, shared, so that close() in another thread does not destroy it. Throws if there is none.
[[nodiscard]] std::shared_ptr<ObjectStore> store_of(PyObject* self);

/// process_events() for all callers. Events of subscriptions make the event descriptor readable only until this call,
/// so it notifies the tasks that wait for them. Called without the GIL.
Result<void> process_events(ObjectStore& store, PyObject* self);

void bind_store(py::module_& module);

}  // namespace dolium::python

template <>
struct pybind11::detail::type_caster<std::shared_ptr<dolium::ObjectStore>> {
  PYBIND11_TYPE_CASTER(std::shared_ptr<dolium::ObjectStore>, const_name("Store"));
  bool load(handle source, bool) {
    if (!isinstance(source, reinterpret_cast<PyObject*>(dolium::python::store_type))) return false;
    value = dolium::python::store_of(source.ptr());
    return true;
  }
};
