#pragma once
// Superblock: whose directory a spill directory is, in the file "superblock". Everything that is said of it in words is
// here, for doliumd-spill and for the check before a start.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <dolium/result.h>

namespace dolium::spill {

/// Version of everything that stands in a spill directory. A directory of another format is refused.
inline constexpr std::uint32_t kFormat = 1;
inline constexpr const char* kSuperblockName = "superblock";
inline constexpr const char* kNewSuperblockName = "superblock.new";

using Nonce = std::array<std::uint64_t, 2>;
/// A store's 128 random bits.
using Incarnation = std::array<std::uint64_t, 2>;

/// The directory's identity. One block in the file "superblock".
struct Superblock {
  std::uint64_t magic = 0;
  std::uint32_t format = kFormat;
  std::uint32_t opens = 0;  ///< number of times that the directory was opened for writing: begins each Sequence
  std::array<std::uint64_t, 2> uuid{};
  Nonce secret{};
  Incarnation incarnation{};       ///< of the store whose rows agree with the directory
  std::array<char, 64> machine{};  ///< /etc/machine-id; empty: unknown
  std::array<char, 64> host{};     ///< host name, for people
  std::uint32_t unused = 0;
  std::uint32_t crc = 0;
};
static_assert(sizeof(Superblock) == 200 && std::is_trivially_copyable_v<Superblock>);

void seal_superblock(Superblock& block);
enum class SuperblockState : std::uint8_t { good, foreign, other_format, damaged };
[[nodiscard]] SuperblockState check_superblock(const Superblock& block);

/// The machine that opens the directory.
struct Machine {
  std::string id;       ///< /etc/machine-id; empty: unknown, and not compared
  std::string host;     ///< for people
  bool adopts = false;  ///< takes over a directory of another machine
};
[[nodiscard]] Machine this_machine();

/// Refuses, in words, what was read from the file "superblock": `size` bytes of it.
[[nodiscard]] Result<void> admit_superblock(const Superblock& block, std::size_t size);
/// Refuses a directory of another machine.
[[nodiscard]] Result<void> admit_machine(const Superblock& block, const Machine& machine);
/// Refuses a directory with these files, that has no superblock.
[[nodiscard]] Result<void> admit_new_directory(const std::vector<std::string>& names);

}  // namespace dolium::spill
