#pragma once
// Payloads that can be verified: the bytes are derived from the object's id, its size and a generation, which is in the
// first eight bytes. Any process can tell a complete payload from one that is torn, overwritten or belongs to another
// object, without knowing what the writer wrote.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <dolium/object_id.h>

namespace dolium::e2e {

namespace detail {
// Gigabytes go through here: sanitizers would need as much shadow memory, and have nothing to see in it.
#define DOLIUM_E2E_PLAIN __attribute__((no_sanitize("thread", "address")))

/// splitmix64: each word is as good as random, and can be had without those before it.
constexpr std::uint64_t word_at(std::uint64_t seed, std::uint64_t index) noexcept {
  std::uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  return z ^ (z >> 27);
}

inline std::uint64_t seed_of(const ObjectId& id, std::uint64_t size, std::uint64_t generation) noexcept {
  return id.hash() ^ size * 0xd6e8feb86659fd93ULL ^ word_at(generation, 7);
}
}  // namespace detail

inline constexpr std::size_t kWord = sizeof(std::uint64_t);

/// Fewer than eight bytes have no room for the generation, and no content to prove.
DOLIUM_E2E_PLAIN inline void fill_payload(std::span<std::byte> out, const ObjectId& id,
                                          std::uint64_t generation = 0) noexcept {
  const std::uint64_t seed = detail::seed_of(id, out.size(), generation);
  const std::size_t words = out.size() / kWord;
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint64_t word = i == 0 ? generation : detail::word_at(seed, i);
    std::memcpy(out.data() + i * kWord, &word, kWord);
  }
  for (std::size_t i = words * kWord; i < out.size(); ++i)
    out[i] = static_cast<std::byte>(words == 0 ? 0 : seed & 0xff);
}

DOLIUM_E2E_PLAIN inline bool is_payload(std::span<const std::byte> bytes, const ObjectId& id) noexcept {
  const std::size_t words = bytes.size() / kWord;
  std::uint64_t generation = 0;
  if (words != 0) std::memcpy(&generation, bytes.data(), kWord);
  const std::uint64_t seed = detail::seed_of(id, bytes.size(), generation);
  for (std::size_t i = 1; i < words; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * kWord, kWord);
    if (word != detail::word_at(seed, i)) return false;
  }
  for (std::size_t i = words * kWord; i < bytes.size(); ++i)
    if (bytes[i] != static_cast<std::byte>(words == 0 ? 0 : seed & 0xff)) return false;
  return true;
}

}  // namespace dolium::e2e
