#include "object_id_type.h"

#include "arguments.h"
#include "errors.h"

namespace dolium::python {

PyTypeObject* object_id_type = nullptr;

namespace {

const ObjectId& id_of(PyObject* self) noexcept {
  return reinterpret_cast<PyObjectId*>(self)->id;
}

/// 20 bytes, or 40 hexadecimal digits.
Result<ObjectId> parse(PyObject* value) {
  if (PyUnicode_Check(value)) return ObjectId::from_hex(text_of(value, "id"));
  Py_buffer view;
  if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  Result<ObjectId> id =
      ObjectId::from_binary(std::string_view(static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len)));
  PyBuffer_Release(&view);
  return id;
}

PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"value", nullptr};
    PyObject* value = nullptr;
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "O:ObjectId", const_cast<char**>(names), &value) == 0) return nullptr;
    return new_object_id(value_or_throw(parse(value)), type);
  });
}

Py_hash_t hash(PyObject* self) {
  const auto value = static_cast<Py_hash_t>(id_of(self).hash());
  return value == -1 ? -2 : value;  // -1 means "failed" to CPython
}

PyObject* compare(PyObject* self, PyObject* other, int operation) {
  if (!PyObject_TypeCheck(other, object_id_type)) Py_RETURN_NOTIMPLEMENTED;
  const auto order = id_of(self) <=> id_of(other);
  Py_RETURN_RICHCOMPARE(order < 0 ? -1 : order > 0 ? 1 : 0, 0, operation);
}

PyObject* hex(PyObject* self, PyObject*) {
  return guarded([&] { return py::str(id_of(self).hex()).release().ptr(); });
}
PyObject* to_str(PyObject* self) {
  return hex(self, nullptr);
}
PyObject* repr(PyObject* self) {
  return guarded([&] { return PyUnicode_FromFormat("ObjectId('%s')", id_of(self).hex().c_str()); });
}

PyObject* binary(PyObject* self, PyObject*) {
  const auto& bytes = id_of(self).bytes();
  return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()), ObjectId::kSize);
}

PyObject* reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("O(N)", Py_TYPE(self), binary(self, nullptr));
}

PyObject* random(PyObject* type, PyObject*) {
  return guarded([&] { return new_object_id(ObjectId::random(), reinterpret_cast<PyTypeObject*>(type)); });
}
PyObject* from_name(PyObject* type, PyObject* name) {
  return guarded([&]() -> PyObject* {
    if (!PyUnicode_Check(name) && !PyBytes_Check(name)) {
      PyErr_Format(PyExc_TypeError, "a name is a str or bytes, not %.100s", Py_TYPE(name)->tp_name);
      return nullptr;
    }
    const std::string bytes = PyUnicode_Check(name) ? text_of(name, "name") : py::cast<std::string>(name);
    return new_object_id(ObjectId::from_name(bytes), reinterpret_cast<PyTypeObject*>(type));
  });
}
PyObject* from_binary(PyObject* type, PyObject* value) {
  if (!PyBytes_Check(value)) return PyErr_Format(PyExc_TypeError, "from_binary() takes 20 bytes");
  return guarded([&] { return new_object_id(value_or_throw(parse(value)), reinterpret_cast<PyTypeObject*>(type)); });
}
PyObject* from_hex(PyObject* type, PyObject* value) {
  if (!PyUnicode_Check(value)) return PyErr_Format(PyExc_TypeError, "from_hex() takes a str of 40 hexadecimal digits");
  return guarded([&] { return new_object_id(value_or_throw(parse(value)), reinterpret_cast<PyTypeObject*>(type)); });
}

PyMethodDef methods[] = {
    {"binary", binary, METH_NOARGS, "binary()\n--\n\nThe 20 bytes."},
    {"hex", hex, METH_NOARGS, "hex()\n--\n\nThe 40 hexadecimal digits."},
    {"random", random, METH_NOARGS | METH_CLASS,
     "random()\n--\n\n160 bits from the operating system's generator. Never repeats in practice."},
    {"from_name", from_name, METH_O | METH_CLASS,
     "from_name(name)\n--\n\nThe same id for the same name, in every process, on every host and in C++. Not for names "
     "that an attacker\nchooses: the hash is not cryptographic."},
    {"from_binary", from_binary, METH_O | METH_CLASS, "from_binary(value)\n--\n\nThe id of these 20 bytes."},
    {"from_hex", from_hex, METH_O | METH_CLASS, "from_hex(value)\n--\n\nThe id of these 40 hexadecimal digits."},
    {"__bytes__", binary, METH_NOARGS, nullptr},
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("ObjectId(value)\n--\n\nThe 20 bytes that name an object: from `bytes`, or from 40 "
                                  "hexadecimal digits.\n\nHashable, ordered, picklable; the same in C++ and on the "
                                  "command line.")},
    {Py_tp_new, slot(construct)},
    {Py_tp_dealloc, slot(free_instance)},
    {Py_tp_hash, slot(hash)},
    {Py_tp_richcompare, slot(compare)},
    {Py_tp_repr, slot(repr)},
    {Py_tp_str, slot(to_str)},
    {Py_tp_methods, methods},
    {0, nullptr}};

PyType_Spec spec = {"dolium.ObjectId", sizeof(PyObjectId), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

PyObject* new_object_id(const ObjectId& id, PyTypeObject* type) noexcept {
  PyObject* self = type->tp_alloc(type, 0);
  if (self != nullptr) reinterpret_cast<PyObjectId*>(self)->id = id;
  return self;
}

void bind_object_id(py::module_& module) {
  object_id_type = add_type(module, "ObjectId", spec);
}

}  // namespace dolium::python
