#pragma once
// ObjectId: the 20 bytes that name an object, as Plasma's did. A value: copy it freely, use it as a key.

#include <array>
#include <compare>
#include <cstddef>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include <dolium/export.h>
#include <dolium/result.h>

namespace dolium {

class DOLIUM_API ObjectId {
 public:
  static constexpr std::size_t kSize = 20;

  /// All zero. A valid id like any other, useful as "none yet".
  constexpr ObjectId() = default;

  /// 160 bits from the operating system's generator; never repeats in practice.
  [[nodiscard]] static ObjectId random();
  /// The same id for the same name, on every host and in every release. Names need not be short, but the
  /// hash is not cryptographic: use it for names that you choose, not for names that an enemy chooses.
  [[nodiscard]] static ObjectId from_name(std::string_view name);
  /// Exactly 20 bytes, else invalid_argument.
  [[nodiscard]] static Result<ObjectId> from_binary(std::string_view bytes);
  /// Exactly 40 hexadecimal digits of either case, else invalid_argument.
  [[nodiscard]] static Result<ObjectId> from_hex(std::string_view digits);

  [[nodiscard]] std::string binary() const;
  [[nodiscard]] std::string hex() const;
  [[nodiscard]] constexpr const std::array<unsigned char, kSize>& bytes() const noexcept { return bytes_; }

  /// Uniform when ids are; used by std::hash and by the store's own index.
  [[nodiscard]] std::size_t hash() const noexcept;

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
  friend DOLIUM_API std::ostream& operator<<(std::ostream& out, const ObjectId& id);

 private:
  std::array<unsigned char, kSize> bytes_{};
};

/// The hook by which {fmt} and others that look for `to_string` print an id.
[[nodiscard]] inline std::string to_string(const ObjectId& id) {
  return id.hex();
}
/// {fmt}'s own hook (fmt >= 8): an id formats as its 40 digits.
[[nodiscard]] inline std::string format_as(const ObjectId& id) {
  return id.hex();
}

}  // namespace dolium

template <>
struct std::hash<dolium::ObjectId> {
  std::size_t operator()(const dolium::ObjectId& id) const noexcept { return id.hash(); }
};
