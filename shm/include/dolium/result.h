#pragma once
// Result<T>: a T or an Error. The members have the names of C++23's std::expected. Copyable and movable if T is. One
// thread at a time, as for any value.

#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

#include <dolium/error.h>

namespace dolium {

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = Error;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  template <class U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result>)
      Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// Precondition: has_value().
  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  /// Throws BadResultAccess if there is no value.
  T& value() & { return check(), **this; }
  const T& value() const& { return check(), **this; }
  /// Returns a value, not a reference into a temporary: `for (auto& each : store->list().value())` is correct.
  T value() && { return check(), *std::move(*this); }

  /// Precondition: !has_value().
  Error& error() & noexcept { return *std::get_if<1>(&state_); }
  const Error& error() const& noexcept { return *std::get_if<1>(&state_); }
  Error&& error() && noexcept { return std::move(*std::get_if<1>(&state_)); }

  template <class U>
  T value_or(U&& fallback) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(fallback));
  }
  template <class U>
  T value_or(U&& fallback) && {
    return has_value() ? *std::move(*this) : static_cast<T>(std::forward<U>(fallback));
  }

  template <class F>
  auto and_then(F&& next) && -> std::invoke_result_t<F, T&&> {
    if (!has_value()) return std::move(*this).error();
    return std::invoke(std::forward<F>(next), *std::move(*this));
  }
  template <class F>
  auto transform(F&& map) && -> Result<std::invoke_result_t<F, T&&>> {
    if (!has_value()) return std::move(*this).error();
    if constexpr (std::is_void_v<std::invoke_result_t<F, T&&>>) {
      std::invoke(std::forward<F>(map), *std::move(*this));
      return {};
    } else {
      return std::invoke(std::forward<F>(map), *std::move(*this));
    }
  }
  template <class F>
  Result or_else(F&& recover) && {
    if (has_value()) return std::move(*this);
    return std::invoke(std::forward<F>(recover), std::move(*this).error());
  }

 private:
  void check() const {
    if (!has_value()) detail::throw_bad_access(error());
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() = default;
  Result(Error error) : error_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return error_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  void operator*() const noexcept {}
  void value() const {
    if (!has_value()) detail::throw_bad_access(error());
  }
  Error& error() & noexcept { return *std::get_if<1>(&error_); }
  const Error& error() const& noexcept { return *std::get_if<1>(&error_); }
  Error&& error() && noexcept { return std::move(*std::get_if<1>(&error_)); }

  template <class F>
  auto and_then(F&& next) && -> std::invoke_result_t<F> {
    if (!has_value()) return std::move(*this).error();
    return std::invoke(std::forward<F>(next));
  }

 private:
  std::variant<std::monostate, Error> error_;
};

}  // namespace dolium
