#pragma once
// PieceDigest: a worker's result for one piece, stored as a typed object, and its computation.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <dolium/codec.h>

namespace dolium::demo {

using Sha256 = std::array<unsigned char, 32>;
[[nodiscard]] Sha256 sha256(std::span<const std::byte> bytes);

struct PieceDigest {
  std::uint64_t number = 0;
  std::uint64_t size = 0;
  std::uint64_t path_hash = 0;  // of the path that came as the object's metadata
  std::uint32_t worker = 0;
  Sha256 sha256{};
  std::array<unsigned char, 4> unused{};  // all bytes are set: they go to other processes
};

/// A worker's result: the digest, and the ticket of the piece.
using Digested = std::pair<PieceDigest, std::string>;

[[nodiscard]] std::uint64_t path_hash(std::string_view path) noexcept;

}  // namespace dolium::demo

/// The same in every program, whatever its compiler calls the struct.
template <>
inline constexpr std::string_view dolium::type_name<dolium::demo::PieceDigest> = "dolium.demo.PieceDigest";
