#pragma once
// How each function of the C interface is written: as a lambda whose Result becomes a code and a text. A wrong argument
// is a Misuse, thrown and caught here, so that it needs no line in the lambda. No exception leaves guarded().
//
//   dolium_code dolium_pin(dolium_store* store, const dolium_id* id, dolium_error* error) {
//     return guarded(__func__, error, [&] { return store_of(store).pin(id_of(id)); });
//   }

#include <dolium/c/base.h>

#include <cstddef>
#include <exception>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dolium/result.h>

namespace dolium::c {

/// An argument that the caller can never give: null, a struct of another size, something that has ended.
class Misuse : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The enumerators are in the same order.
[[nodiscard]] constexpr dolium_code code_of(Errc code) noexcept {
  return static_cast<dolium_code>(code) + 1;
}

/// Fills the caller's struct, if there is one. Returns the error's code.
dolium_code report(const Error& error, dolium_error* out) noexcept;
/// report() of the exception that is being handled, in this function.
dolium_code report_exception(const char* function, dolium_error* out) noexcept;

/// Runs a call, which returns a Result<void>; or a code, when it has reported an error itself.
template <class Call>
dolium_code guarded(const char* function, dolium_error* error, Call&& call) noexcept {
  try {
    if constexpr (std::is_same_v<std::invoke_result_t<Call>, dolium_code>) {
      return std::forward<Call>(call)();
    } else {
      const Result<void> done = std::forward<Call>(call)();
      return done ? DOLIUM_OK : report(done.error(), error);
    }
  } catch (...) {
    return report_exception(function, error);
  }
}

/// For a function that cannot fail: in a debug build, misuse ends the program with its text.
[[noreturn]] void give_up(const char* function, std::string_view text) noexcept;

[[noreturn]] void refuse_null(const char* name);
/// Throws if the pointer is null.
template <class T>
T& required(T* pointer, const char* name) {
  if (pointer == nullptr) [[unlikely]]
    refuse_null(name);
  return *pointer;
}

/// The variable for a result, which holds nothing until the call has succeeded.
template <class T>
T& cleared(T* out, const char* name) {
  T& result = required(out, name);
  result = T{};
  return result;
}

/// The same for a result that the caller may do without.
template <class T>
void clear_optional(T* out) noexcept {
  if (out != nullptr) *out = T{};
}

/// The bytes of the caller. Null is nothing, if the size says so.
[[nodiscard]] std::span<const std::byte> bytes_of(const void* data, std::size_t size, const char* name);
/// The text of an argument: exactly `size` bytes.
[[nodiscard]] std::string_view text_of(const char* text, std::size_t size, const char* name);
/// The text of an option: null is none; without a size, it ends at the first zero.
[[nodiscard]] inline std::string_view option_text(const char* text, std::size_t size) noexcept {
  if (text == nullptr) return {};
  return size != 0 ? std::string_view(text, size) : std::string_view(text);
}
/// Copies as much as fits, without half a character, and a zero behind it. Returns the number of bytes.
std::size_t copy_text(std::string_view text, char* out, std::size_t capacity) noexcept;

}  // namespace dolium::c
