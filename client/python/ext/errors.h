#pragma once
// Errors of the C++ library as Python exceptions. The classes are written in Python (dolium/errors.py); this side
// finds them by the code's name, once.

#include "python.h"

namespace dolium::python {

/// A Result's error on its way through C++ code to Python.
class StoreError : public std::exception {
 public:
  explicit StoreError(Error error) : error_(std::move(error)) {}
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  Error error_;
};

/// Others' bytes as a str: names of files, commands and types need not be UTF-8.
[[nodiscard]] py::object text(const std::string& bytes);

/// Sets the Python exception; returns null, so that a CPython function can end with it.
PyObject* set_error(const Error& error) noexcept;
/// The exception as an object, for those that are handed over instead of raised.
[[nodiscard]] py::object exception_of(const Error& error);

/// The value, or throws.
template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw StoreError(std::move(result).error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

void bind_errors(py::module_& module);

}  // namespace dolium::python
