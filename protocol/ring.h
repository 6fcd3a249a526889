#pragma once
// Ring: one direction of a connection as a stream of bytes through shared memory, without a system call; and RingPair,
// the memory of both directions.
//
// One writer, one reader. Each counts the bytes it has ever moved in a word that the other reads, and keeps the truth
// to itself: what stands in shared memory is never read back by the side that wrote it. The other side is hostile: its
// count is checked before use (protocol_error), and bytes are copied out before anyone looks at them. So a peer can
// spoil its own stream, as on a socket, and nothing else.
//
// Sleeping. Who is about to wait says so in a word (asleep, wants_room), looks once more, and waits for a doorbell, for
// which the other side looks after each step. It is Dekker's pattern: word, then look, against step, then word, all
// sequentially consistent; a release and an acquire would let both sides miss each other. What the bell is, and who
// rings, is Channel's business (channel.h). (Single-producer rings with cached counts: Lamport 1983; FastForward, PPoPP
// 2008.)
//
// Each end is one thread's. Resources: neither copied nor moved while in use.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include <dolium/result.h>

#include "shm/os/segment.h"

namespace dolium::protocol {

inline constexpr std::size_t kCacheLineBytes = 64;
/// Room of one direction: some hundred small messages. What is larger goes through in pieces.
inline constexpr std::size_t kRingBytes = 64 * 1024;
static_assert((kRingBytes & (kRingBytes - 1)) == 0, "positions are taken modulo the room");

/// What both sides share of one direction; each word on a line of its own, written by one side only (but for the two
/// wishes, which who grants them takes back).
struct RingWords {
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> written;
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> read;
  // 0, or 1 + the bytes that the reader had read when it went to wait for more: who finds that these are all that was
  // ever written need not wake it.
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> asleep;
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> wants_room;  // the writer waits for room
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

class RingWriter {
 public:
  RingWriter(RingWords& words, std::span<std::byte> room) noexcept : words_(&words), room_(room) {}

  /// Copies what fits of `bytes`, and says how much that was. protocol_error when the reader's count is impossible.
  [[nodiscard]] Result<std::size_t> write(std::span<const std::byte> bytes);
  /// After write() had no room: true when there is still none, and the reader has been asked to say when there is.
  [[nodiscard]] bool ask_for_room() noexcept;
  /// True when the reader sleeps and must be woken, by whoever is told so: it is told once.
  [[nodiscard]] bool take_bell() noexcept;
  /// take_bell() for who is about to write: true when the reader sleeps, whatever it has read.
  [[nodiscard]] bool take_early_bell() noexcept;

 private:
  RingWords* words_;
  std::span<std::byte> room_;
  std::uint64_t written_ = 0;
  std::uint64_t read_seen_ = 0;  // as of the last look at what the reader says
};

class RingReader {
 public:
  RingReader(RingWords& words, std::span<const std::byte> room) noexcept : words_(&words), room_(room) {}

  [[nodiscard]] bool is_empty() const noexcept { return words_->written.load(std::memory_order_acquire) == read_; }
  /// Moves what has arrived to `out`, as far as it fits. protocol_error when the writer's count is impossible.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out);
  /// From here on the writer rings. False, and it does not, when something has arrived.
  [[nodiscard]] bool fall_asleep() noexcept;
  void awake() noexcept;
  /// True when the writer waits for room and must be told, by whoever is told so: it is told once.
  [[nodiscard]] bool take_bell() noexcept;

 private:
  RingWords* words_;
  std::span<const std::byte> room_;
  std::uint64_t read_ = 0;
};

/// The memory of a connection's two rings. Zeroed memory is two empty rings whose readers are awake.
class RingPair {
 public:
  static constexpr std::uint64_t kHeaderBytes = 4096;
  static constexpr std::uint64_t kBytes = kHeaderBytes + 2 * kRingBytes;
  enum class Side : std::uint8_t { daemon, client };

  /// `memory` must have kBytes.
  RingPair(shm::Mapping memory, Side side) noexcept;
  RingPair(const RingPair&) = delete;
  RingPair& operator=(const RingPair&) = delete;

 private:
  [[nodiscard]] RingWords& words(unsigned direction) const noexcept;
  [[nodiscard]] std::span<std::byte> room(unsigned direction) const noexcept;

  shm::Mapping memory_;

 public:
  RingWriter out;
  RingReader in;
};

}  // namespace dolium::protocol
