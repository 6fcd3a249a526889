#include <dolium/object_id.h>

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <ostream>
#include <span>
#include <system_error>

#include "shm/os/random_bytes.h"

namespace dolium {
namespace {

// FNV-1a with a seed, finished by mix_bits(). Three seeds give 192 bits; an id uses 160 of them.
constexpr std::uint64_t seeded_hash(std::string_view text, std::uint64_t seed) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ detail::mix_bits(seed);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return detail::mix_bits(hash ^ text.size());
}

constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

ObjectId ObjectId::random() {
  ObjectId id;
  if (!shm::random_bytes(std::as_writable_bytes(std::span(id.bytes_))))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return id;
}

ObjectId ObjectId::from_name(std::string_view name) {
  ObjectId id;
  for (std::size_t word = 0; word * 8 < kSize; ++word) {
    const std::uint64_t bits = seeded_hash(name, word + 1);
    for (std::size_t byte = 0; byte < 8 && word * 8 + byte < kSize; ++byte)
      id.bytes_[word * 8 + byte] = static_cast<unsigned char>(bits >> (8 * byte));
  }
  return id;
}

Result<ObjectId> ObjectId::from_binary(std::string_view bytes) {
  if (bytes.size() != kSize)
    return Error{
        Errc::invalid_argument,
        fmt::format("an object id has {} bytes, not {} (from_name() makes one of any text)", kSize, bytes.size())};
  ObjectId id;
  std::memcpy(id.bytes_.data(), bytes.data(), kSize);
  return id;
}

Result<ObjectId> ObjectId::from_hex(std::string_view digits) {
  if (digits.size() != 2 * kSize)
    return Error{Errc::invalid_argument,
                 fmt::format("an object id has {} hexadecimal digits, not {} (from_name() makes one of any text)",
                             2 * kSize, digits.size())};
  ObjectId id;
  for (std::size_t i = 0; i < kSize; ++i) {
    const int high = hex_digit(digits[2 * i]);
    const int low = hex_digit(digits[2 * i + 1]);
    if (high < 0 || low < 0)
      return Error{Errc::invalid_argument, fmt::format("'{}' is not an object id: digits are 0-9 and a-f", digits)};
    id.bytes_[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return id;
}

std::string ObjectId::binary() const {
  return {reinterpret_cast<const char*>(bytes_.data()), kSize};
}

std::string ObjectId::hex() const {
  return fmt::format("{:02x}", fmt::join(bytes_, ""));
}

std::ostream& operator<<(std::ostream& out, const ObjectId& id) {
  return out << id.hex();
}

}  // namespace dolium
