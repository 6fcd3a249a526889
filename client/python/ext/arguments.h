#pragma once
// Arguments from Python. They are checked here, so that an error names the argument, instead of pybind11's list of
// signatures.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "errors.h"
#include "python.h"

namespace dolium::python {

/// An argument's name as a template parameter.
template <std::size_t N>
struct Name {
  constexpr Name(const char (&literal)[N]) { std::copy_n(literal, N, text); }
  char text[N];
};

/// Errors: TypeError if it is not an int, InvalidArgument if it is negative or larger than `most`.
[[nodiscard]] std::uint64_t number_of(py::handle value, const char* what,
                                      std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
/// TypeError if it is not a str, InvalidArgument if UTF-8 cannot encode it.
[[nodiscard]] std::string text_of(py::handle value, const char* what);
/// Python's truth value of an object.
[[nodiscard]] bool truth_of(py::handle value);
/// TypeError if it is not a number.
[[nodiscard]] double real_of(py::handle value, const char* what);

template <Name what, class T = std::uint64_t>
struct Number {
  T value;
  operator T() const noexcept { return value; }
};
template <Name what>
struct Text {
  std::string value;
  operator std::string() && noexcept { return std::move(value); }
  operator const std::string&() const& noexcept { return value; }
};
template <Name what>
struct Real {
  double value;
  operator double() const noexcept { return value; }
};
/// Python's truth value of an object.
struct Truth {
  bool value;
  operator bool() const noexcept { return value; }
};

/// A caster that reads or throws. It never lets pybind11 try another overload.
template <class T>
struct ReadingCaster {
  template <class>
  using cast_op_type = T;
  operator T() { return std::move(value); }

  T value;
};

}  // namespace dolium::python

template <dolium::python::Name what, class T>
struct pybind11::detail::type_caster<dolium::python::Number<what, T>>
    : dolium::python::ReadingCaster<dolium::python::Number<what, T>> {
  static constexpr auto name = const_name("int");
  bool load(handle source, bool) {
    this->value.value = static_cast<T>(dolium::python::number_of(source, what.text, std::numeric_limits<T>::max()));
    return true;
  }
};
template <dolium::python::Name what>
struct pybind11::detail::type_caster<dolium::python::Text<what>>
    : dolium::python::ReadingCaster<dolium::python::Text<what>> {
  static constexpr auto name = const_name("str");
  bool load(handle source, bool) {
    this->value.value = dolium::python::text_of(source, what.text);
    return true;
  }
};
template <dolium::python::Name what>
struct pybind11::detail::type_caster<dolium::python::Real<what>>
    : dolium::python::ReadingCaster<dolium::python::Real<what>> {
  static constexpr auto name = const_name("float");
  bool load(handle source, bool) {
    this->value.value = dolium::python::real_of(source, what.text);
    return true;
  }
};
template <>
struct pybind11::detail::type_caster<dolium::python::Truth> : dolium::python::ReadingCaster<dolium::python::Truth> {
  static constexpr auto name = const_name("bool");
  bool load(handle source, bool) {
    this->value.value = dolium::python::truth_of(source);
    return true;
  }
};
