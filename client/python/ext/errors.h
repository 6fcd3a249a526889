#pragma once
// Errors of the C++ library as Python exceptions. The classes are in dolium/errors.py. This file finds them by the name
// of the error code, once.

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

/// Foreign bytes as a str: names of files, commands and types need not be UTF-8.
[[nodiscard]] py::object text(const std::string& bytes);

/// Sets the Python exception. Returns null, the result of a failed CPython function.
PyObject* set_error(const Error& error) noexcept;
/// The exception as an object, to be passed on instead of raised.
[[nodiscard]] py::object exception_of(const Error& error);

/// Returns the value, or throws.
template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw StoreError(std::move(result).error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

void bind_errors(py::module_& module);

}  // namespace dolium::python
