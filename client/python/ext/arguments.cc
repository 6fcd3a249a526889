#include "arguments.h"

namespace dolium::python {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw StoreError({Errc::invalid_argument, why});
}

std::string shown(py::handle value) {
  const auto text = py::reinterpret_steal<py::object>(PyObject_ASCII(value.ptr()));
  if (!text) throw py::error_already_set();
  constexpr Py_ssize_t kMost = 60;
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  return size <= kMost ? std::string(bytes) : std::string(bytes, kMost) + "...";
}

[[noreturn]] void wrong_type(py::handle value, const char* what, const char* wanted) {
  throw py::type_error(std::string("the ") + what + " is " + wanted + ", not " + Py_TYPE(value.ptr())->tp_name + ": " +
                       shown(value));
}

}  // namespace

std::uint64_t number_of(py::handle value, const char* what, std::uint64_t most) {
  if (PyIndex_Check(value.ptr()) == 0) wrong_type(value, what, "an int");
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!number) throw py::error_already_set();
  const unsigned long long result = PyLong_AsUnsignedLongLong(number.ptr());
  if (PyErr_Occurred() == nullptr && result <= most) return result;
  PyErr_Clear();
  refuse("the " + std::string(what) + " is a number from 0 to " + std::to_string(most) + ", not " + shown(number));
}

std::string text_of(py::handle value, const char* what) {
  if (!PyUnicode_Check(value.ptr())) wrong_type(value, what, "a str");
  Py_ssize_t size = 0;
  if (const char* bytes = PyUnicode_AsUTF8AndSize(value.ptr(), &size)) return {bytes, static_cast<std::size_t>(size)};
  if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) == 0) throw py::error_already_set();
  PyErr_Clear();
  refuse("the " + std::string(what) + " " + shown(value) +
         " has a lone surrogate, which UTF-8 cannot encode: take it out (encode(..., 'replace') and decode() do)");
}

bool truth_of(py::handle value) {
  const int truth = PyObject_IsTrue(value.ptr());
  if (truth < 0) throw py::error_already_set();
  return truth != 0;
}

double real_of(py::handle value, const char* what) {
  const double result = PyFloat_AsDouble(value.ptr());
  if (result != -1.0 || PyErr_Occurred() == nullptr) return result;
  PyErr_Clear();
  wrong_type(value, what, "a number");
}

}  // namespace dolium::python
