#pragma once
// ObjectId: the 20 bytes that identify an object, as in Plasma. A value: copy it, use it as a key.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include <dolium/export.h>
#include <dolium/result.h>

namespace dolium {

namespace detail {

/// The finaliser of MurmurHash3 (Austin Appleby, public domain): every input bit affects every output bit.
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

}  // namespace detail

class DOLIUM_API ObjectId {
 public:
  static constexpr std::size_t kSize = 20;

  /// All zero. A valid id; useful as "none yet".
  constexpr ObjectId() = default;

  /// 160 bits from the operating system's generator; never repeats in practice.
  [[nodiscard]] static ObjectId random();
  /// The same id for the same name, on every host and in every release. A name can have any length. The hash is not
  /// cryptographic: do not use it for names that an attacker chooses.
  [[nodiscard]] static ObjectId from_name(std::string_view name);
  /// Exactly 20 bytes, else invalid_argument.
  [[nodiscard]] static Result<ObjectId> from_binary(std::string_view bytes);
  /// Exactly 40 hexadecimal digits of either case, else invalid_argument.
  [[nodiscard]] static Result<ObjectId> from_hex(std::string_view digits);

  [[nodiscard]] std::string binary() const;
  [[nodiscard]] std::string hex() const;
  [[nodiscard]] constexpr const std::array<unsigned char, kSize>& bytes() const noexcept { return bytes_; }

  /// Used by std::hash and by the store's index. Uniform if the ids are.
  [[nodiscard]] std::size_t hash() const noexcept {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::uint32_t c = 0;
    std::memcpy(&a, bytes_.data(), 8);
    std::memcpy(&b, bytes_.data() + 8, 8);
    std::memcpy(&c, bytes_.data() + 16, 4);
    return detail::mix_bits(a ^ detail::mix_bits(b ^ detail::mix_bits(c)));
  }

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
  friend DOLIUM_API std::ostream& operator<<(std::ostream& out, const ObjectId& id);

 private:
  std::array<unsigned char, kSize> bytes_{};
};

/// 40 hexadecimal digits. Found by {fmt} and other libraries that look for `to_string`.
[[nodiscard]] inline std::string to_string(const ObjectId& id) {
  return id.hex();
}
/// For {fmt} 8 and later: an id formats as its 40 digits.
[[nodiscard]] inline std::string format_as(const ObjectId& id) {
  return id.hex();
}

}  // namespace dolium

template <>
struct std::hash<dolium::ObjectId> {
  std::size_t operator()(const dolium::ObjectId& id) const noexcept { return id.hash(); }
};
