#pragma once
// IdTable: one position for each id, for recovery: which of several records of an id counts. A table with open
// addressing, in which a look-up is one cache miss: with a million records, std::unordered_map took most of a start.
//
// The hash is keyed with the directory's secret, so clients cannot make ids that collide.

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "daemon/spill/checksum.h"
#include "daemon/spill/format.h"
#include "daemon/spill/large_vector.h"

namespace dolium::spill {

class IdTable {
 public:
  using Id = std::array<unsigned char, ObjectId::kSize>;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// `ids`: the maximum number of them.
  IdTable(std::size_t ids, const Nonce& secret) : secret_(secret), places_(std::bit_ceil(2 * ids + 2)) {}

  /// Prefetches what position() reads, for several ids together.
  [[nodiscard]] Checksum prefetch(const Id& id) const noexcept {
    const Checksum hash = hash_of(id);
    __builtin_prefetch(&places_[hash[0] & (places_.size() - 1)], 1);
    return hash;
  }
  /// The position of this id, kNone at first; the caller sets it. `hash`: what prefetch() returned for it. `id_at`: the
  /// id at a position that was set.
  template <class IdAt>
  [[nodiscard]] std::uint32_t& position(const Id& id, const Checksum& hash, const IdAt& id_at) {
    const auto tag = static_cast<std::uint32_t>(hash[1]);
    const std::size_t mask = places_.size() - 1;
    for (std::size_t at = hash[0] & mask;; at = (at + 1) & mask) {
      Place& place = places_[at];
      if (place.position == kNone) place.tag = tag;
      if (place.position == kNone || (place.tag == tag && id_at(place.position) == id)) return place.position;
    }
  }

 private:
  struct Place {
    std::uint32_t tag = 0;
    std::uint32_t position = kNone;
  };

  [[nodiscard]] Checksum hash_of(const Id& id) const noexcept {
    std::array<std::byte, sizeof(Id) + sizeof(Nonce)> keyed;
    std::memcpy(keyed.data(), id.data(), sizeof(Id));
    std::memcpy(keyed.data() + sizeof(Id), secret_.data(), sizeof(Nonce));
    return checksum_of(keyed);
  }

  const Nonce secret_;
  LargeVector<Place> places_;
};

}  // namespace dolium::spill
