#include "daemon/spill_home/superblock.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace dolium::spill {
namespace {

constexpr std::uint64_t kSuperblockMagic = 0x6c697073'6d6c6f64;  // "dolmspil"

/// CRC32C, a bit at a time: of one block, and without the library that the rest of the disk's format uses.
std::uint32_t crc_of(const Superblock& block) {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;
  Superblock copy = block;
  copy.crc = 0;
  std::uint32_t state = ~std::uint32_t{0};
  for (const std::byte each : std::as_bytes(std::span(&copy, 1))) {
    state ^= std::to_integer<std::uint32_t>(each);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? kPolynomial : 0);
  }
  return ~state;
}

Error refuse(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

/// Files of ours that do not make a directory a used one, and what file systems put there.
bool is_harmless(std::string_view name) {
  return name == "lock" || name == "lost+found" || name == kNewSuperblockName;
}

}  // namespace

void seal_superblock(Superblock& block) {
  block.magic = kSuperblockMagic;
  block.format = kFormat;
  block.crc = crc_of(block);
}

SuperblockState check_superblock(const Superblock& block) {
  if (block.magic != kSuperblockMagic) return SuperblockState::foreign;
  if (block.format != kFormat) return SuperblockState::other_format;
  return block.crc == crc_of(block) ? SuperblockState::good : SuperblockState::damaged;
}

Machine this_machine() {
  Machine out;
  std::ifstream("/etc/machine-id") >> out.id;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) out.host = host.data();
  return out;
}

Result<void> admit_superblock(const Superblock& block, std::size_t size) {
  if (size < sizeof(Superblock)) return refuse("the spill directory's superblock is too short: it is damaged");
  switch (check_superblock(block)) {
    case SuperblockState::good: return {};
    case SuperblockState::foreign: return refuse("the spill directory's file \"superblock\" is not one of Dolium");
    case SuperblockState::other_format:
      return refuse(
          fmt::format("the spill directory has format {}, and this version reads format {} only: use the version that "
                      "wrote it, or an empty directory",
                      block.format, kFormat));
    case SuperblockState::damaged: break;
  }
  return refuse("the spill directory's superblock is damaged (wrong checksum): its objects cannot be read safely");
}

Result<void> admit_machine(const Superblock& block, const Machine& machine) {
  const std::string owner = block.machine.data();
  if (owner.empty() || machine.id.empty() || owner == machine.id || machine.adopts) return {};
  return refuse(fmt::format(
      "the spill directory belongs to the host \"{}\" (machine id {}), and this is \"{}\" ({}). If the disk "
      "has moved here for good, run doliumd-spill --adopt with this directory once",
      block.host.data(), owner, machine.host, machine.id));
}

Result<void> admit_new_directory(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name.starts_with("segment-") || name.starts_with("object-"))
      return refuse(
          fmt::format("the spill directory has objects ({}), but no superblock: it cannot be read. Restore the file "
                      "\"{}\", or move all files of the directory away",
                      name, kSuperblockName));
    if (!is_harmless(name))
      return refuse(fmt::format("the spill directory has other files ({}): use an empty directory", name));
  }
  return {};
}

}  // namespace dolium::spill
