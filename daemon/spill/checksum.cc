#include "daemon/spill/checksum.h"

#include <isa-l/crc.h>
#define XXH_STATIC_LINKING_ONLY  // for XXH3_state_t as a member
#include <xxhash.h>

#include <algorithm>

namespace dolium::spill {

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  constexpr std::size_t kLargest = std::size_t{1} << 30;  // libisal counts in int
  std::uint32_t state = ~before;
  while (!bytes.empty()) {
    const std::span part = bytes.first(std::min(bytes.size(), kLargest));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): libisal only reads
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(part.data()));
    state = ::crc32_iscsi(data, static_cast<int>(part.size()), state);
    bytes = bytes.subspan(part.size());
  }
  return ~state;
}

Checksum checksum_of(std::span<const std::byte> bytes) noexcept {
  const XXH128_hash_t hash = ::XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

struct RunningChecksum::State {
  XXH3_state_t hash;
};

RunningChecksum::RunningChecksum() : state_(std::make_unique<State>()) {
  restart();
}
RunningChecksum::RunningChecksum(RunningChecksum&&) noexcept = default;
RunningChecksum& RunningChecksum::operator=(RunningChecksum&&) noexcept = default;
RunningChecksum::~RunningChecksum() = default;

void RunningChecksum::restart() noexcept {
  ::XXH3_128bits_reset(&state_->hash);
}

void RunningChecksum::add(std::span<const std::byte> bytes) noexcept {
  ::XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size());
}

Checksum RunningChecksum::result() const noexcept {
  const XXH128_hash_t hash = ::XXH3_128bits_digest(&state_->hash);
  return {hash.low64, hash.high64};
}

}  // namespace dolium::spill
