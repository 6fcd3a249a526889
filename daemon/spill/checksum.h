#pragma once
// The tier's checksums: CRC32C of heads (libisal, as iSCSI and ext4 use it), XXH3-128 of objects' bytes (libxxhash).
// They find errors of disks, cables and software. They are no defence against a person who writes to the files.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "daemon/spill/format.h"

namespace dolium::spill {

/// CRC32C. `before`: the result for the bytes before these.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

/// XXH3-128.
[[nodiscard]] Checksum checksum_of(std::span<const std::byte> bytes) noexcept;

/// The same of bytes that come in pieces. A resource: moves.
class RunningChecksum {
 public:
  RunningChecksum();
  RunningChecksum(RunningChecksum&&) noexcept;
  RunningChecksum& operator=(RunningChecksum&&) noexcept;
  ~RunningChecksum();

  void restart() noexcept;
  void add(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] Checksum result() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dolium::spill
