#pragma once
// Ring: one direction of a connection as a byte stream through shared memory, without system calls; and RingPair: the
// memory of both directions.
//
// One writer, one reader. Each counts the bytes that it has moved in a shared word, which the other side reads. It also
// has a private copy of its count: no side reads back its own shared word. The other side is hostile: its count is
// checked before use (protocol_error), and bytes are copied out before they are parsed. So a peer can only break its
// own stream, as on a socket.
//
// Sleeping: a side that is about to wait sets a word (asleep, wants_room), checks the ring once more, and waits for a
// doorbell. The other side checks that word after each step. This is Dekker's pattern: set the word, then check the
// ring; against: do the step, then check the word. All four are sequentially consistent; with release and acquire, both
// sides could miss each other. Channel defines the bell and rings it (channel.h). (Single-producer rings with cached
// counts: Lamport 1983; FastForward, PPoPP 2008.)
//
// Each end belongs to one thread. Resources: neither copied nor moved while in use.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include <dolium/result.h>

#include "shm/os/segment.h"

namespace dolium::protocol {

inline constexpr std::size_t kCacheLineBytes = 64;
/// Capacity of one direction, in bytes: some hundred small messages. Larger messages pass through in pieces.
inline constexpr std::size_t kRingBytes = 64 * 1024;
static_assert((kRingBytes & (kRingBytes - 1)) == 0, "positions are taken modulo the room");

/// The shared words of one direction. Each word has its own cache line, and is written by one side only (except asleep
/// and wants_room: the side that rings clears them).
struct RingWords {
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> written;
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> read;
  // 0, or 1 + the number of bytes that the reader had read when it began to wait. If that is the number of bytes ever
  // written, the reader need not be woken.
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> asleep;
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> wants_room;  // the writer waits for room
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

class RingWriter {
 public:
  RingWriter(RingWords& words, std::span<std::byte> room) noexcept : words_(&words), room_(room) {}

  /// Copies the part of `bytes` that fits, and returns its size. protocol_error if the reader's count is impossible.
  [[nodiscard]] Result<std::size_t> write(std::span<const std::byte> bytes);
  /// After write() had no room: asks the reader for a bell. Returns false if there is room by now, and no bell will
  /// come.
  [[nodiscard]] bool ask_for_room() noexcept;
  /// Returns true, once per sleep, if the reader sleeps with unread bytes: then the caller must ring the bell.
  [[nodiscard]] bool take_bell() noexcept;
  /// The same for a caller that is about to write: true if the reader sleeps, even without unread bytes.
  [[nodiscard]] bool take_early_bell() noexcept;

 private:
  RingWords* words_;
  std::span<std::byte> room_;
  std::uint64_t written_ = 0;
  std::uint64_t read_seen_ = 0;  // the reader's count when it was last read
};

class RingReader {
 public:
  RingReader(RingWords& words, std::span<const std::byte> room) noexcept : words_(&words), room_(room) {}

  [[nodiscard]] bool is_empty() const noexcept { return words_->written.load(std::memory_order_acquire) == read_; }
  /// Moves the received bytes to `out`, as far as they fit, and returns their number. protocol_error if the writer's
  /// count is impossible.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out);
  /// Asks the writer for a bell. Returns false if bytes have arrived, and no bell will come.
  [[nodiscard]] bool fall_asleep() noexcept;
  void awake() noexcept;
  /// Returns true, once per wait, if the writer waits for room: then the caller must ring the bell.
  [[nodiscard]] bool take_bell() noexcept;

 private:
  RingWords* words_;
  std::span<const std::byte> room_;
  std::uint64_t read_ = 0;
};

/// The memory of a connection's two rings. Zeroed memory means two empty rings with awake readers.
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
