#pragma once
// The processes of a run. The conductor starts the others: the same program with another role.
//
// References travel as tickets with their types: that of the manifest on the producer's command line, that of a piece
// in an order, and back in the worker's result.
//
//   producer  waits for the manifest; writes each piece in place, pinned, so that it is not evicted before its digest
//             is accepted, and puts an order for its worker. Pinned objects stay below kPinnedShare of the store, so
//             that there is always room for results, and something to evict for the next piece.
//   worker    one of four; takes every fourth order: waits for it, digests its piece in place, puts the result. It
//             keeps the last few pieces, and digests each again before it releases it: held objects must not change,
//             whatever is evicted meanwhile.
//   conductor accepts the results in order: compares with the file on disk, unpins the piece, removes order and result.
//             Only the conductor unpins. So no piece is lost, and none stays pinned forever, whichever process dies.
//
// With a spill tier (--spill) the store keeps all pieces, which are three times its memory: the producer puts them
// without pins, and the orders after the last of them, so that workers read back from the disk what they digest. The
// conductor kills the server and the spill process, too, and in the end the keeper: another daemon finds the pieces on
// the disk.
//
// Manifest and results have one reader: a grace keeps them until that reader has got them. Pieces and orders are pinned
// instead: the first get ends a grace, and if that reader is killed, another worker gets them again.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <dolium/client.h>
#include <dolium/options.h>
#include <dolium/result.h>

namespace dolium::demo {

inline constexpr std::size_t kWorkers = 4;
/// Bounds every wait: a run in which nothing moves for so long has failed.
inline constexpr std::chrono::seconds kPatience{60};
/// Of manifest and results: a whole run.
inline constexpr std::chrono::milliseconds kGrace = kMaxGrace;
/// Of the capacity, for pieces that are pinned at once: numerator and denominator.
inline constexpr std::uint64_t kPinnedShare[] = {3, 4};
/// Pieces in flight, however small they are.
inline constexpr std::size_t kMaxInFlight = 512;
/// What a worker goes on holding: so many bytes, and at least the last piece.
inline constexpr std::uint64_t kHeldShare = 64;  // 1/64 of the capacity

struct RoleOptions {
  std::string socket;
  std::string run;
  std::string manifest;  // its ticket
  std::uint64_t capacity = 0;
  std::size_t count = 0;   // pieces in all
  std::size_t worker = 0;  // from 0
  std::size_t begin = 0;   // the worker's first piece
  bool spill = false;      // pieces are kept on disk
};

/// A put() that is repeated while the server dies under it. Then the object may be there already.
template <class Put>
[[nodiscard]] Result<void> put_again(Client& client, Put put) {
  auto done = put();
  for (bool again = false; !done; done = put()) {
    if (again && done.error().code == Errc::already_exists) return {};
    if (done.error().code != Errc::disconnected) return done.error();
    if (auto there = client.ping(); !there) return there;
    again = true;
  }
  return {};
}

[[nodiscard]] Result<void> produce(const RoleOptions& options);
[[nodiscard]] Result<void> work(const RoleOptions& options);

}  // namespace dolium::demo
