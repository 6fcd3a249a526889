#pragma once
// Frames: cuts messages out of a byte stream, and collects the descriptors that travel beside it.
//
// On the wire a frame is a u32 length, little endian, and that many payload bytes: at least one, at most
// kMaxFrameBytes. Descriptors (SCM_RIGHTS) are sent with the first byte of the frame that refers to them, so they have
// always arrived when that frame is complete.
//
// Both classes serve one direction of one connection. They never block, whatever the descriptor's flags are. The peer
// is hostile: the reader holds at most one incomplete frame, allocates in proportion to the received bytes, and closes
// descriptors beyond kMaxDescriptors. The writer owns descriptors until the kernel has taken them. Bytes are never sent
// twice and never reordered.
//
// Not thread-safe. Resources: neither copied nor moved.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

struct msghdr;

namespace dolium::protocol {

class RingReader;
class RingWriter;

inline constexpr std::size_t kFrameHeaderBytes = sizeof(std::uint32_t);
/// Maximum payload of a frame, in bytes.
inline constexpr std::size_t kMaxFrameBytes = 4 * 1024 * 1024;
/// Alignment of payloads, which the FlatBuffers verifier needs.
inline constexpr std::size_t kPayloadAlignment = 8;
/// Maximum number of descriptors in a frame, and in a reader until take_descriptors().
inline constexpr std::size_t kMaxDescriptors = 8;
/// Size of the reader's buffer, unless a large frame arrives: fits the largest inline put, or some hundred small
/// messages.
inline constexpr std::size_t kReadBufferBytes = 96 * 1024;
/// Maximum number of bytes that a writer queues for a peer that does not read. A server should stop reading requests
/// long before.
inline constexpr std::size_t kMaxQueuedBytes = 16 * 1024 * 1024;

enum class ReadState : std::uint8_t {
  progress,     ///< call next() until it returns nothing, then read again
  would_block,  ///< no more bytes have arrived yet
  end_of_file,  ///< the peer closed the connection or died; see has_partial_frame()
};

/// How to wait for room in a full ring. A bell costs the reader a system call; a writer that waits for some
/// microseconds only should look again instead.
enum class WhenFull : std::uint8_t { ask_for_bell, look_again };

class FrameReader {
 public:
  FrameReader() = default;
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  /// Calls recvmsg() once, for as many bytes as there is room; not at all while a complete frame waits for next().
  /// protocol_error if a header is invalid (earlier frames can still be read with next()), system_error if the socket
  /// fails. Both are final.
  [[nodiscard]] Result<ReadState> read_from(int fd);
  /// The same from a ring, which has no end of file and no descriptors.
  [[nodiscard]] Result<ReadState> read_from(RingReader& ring);

  /// The next complete payload, aligned to kPayloadAlignment; valid until the next call of next() or read_from().
  [[nodiscard]] std::optional<std::span<const std::byte>> next();

  /// Returns the descriptors that have arrived since the last call, in order; all are close-on-exec.
  [[nodiscard]] std::vector<shm::UniqueFd> take_descriptors() noexcept;

  /// Whether descriptors were lost, because this process was out of descriptors.
  [[nodiscard]] bool has_lost_descriptors() const noexcept { return lost_descriptors_; }

  /// The process that sent the bytes of the last read. 0 if the kernel was not asked to report it (report_senders(),
  /// peer.h), or cannot tell. Bytes of two senders are never read at once.
  [[nodiscard]] pid_t sender() const noexcept { return sender_; }

  /// Whether the buffer ends inside a frame.
  [[nodiscard]] bool has_partial_frame() const noexcept { return complete_ < end_; }
  [[nodiscard]] std::size_t buffer_bytes() const noexcept { return capacity_; }
  /// Aborts if the positions contradict each other. For tests.
  void check_invariants() const;

 private:
  void make_room();
  void keep_ancillaries(::msghdr& message);
  [[nodiscard]] Result<ReadState> find_complete();

  // begin_ <= complete_ <= end_ <= capacity_: [begin_, complete_) are whole frames that were not returned yet,
  // [complete_, end_) is the beginning of another frame. The bytes before begin_ are not needed any more.
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t complete_ = 0;
  std::size_t end_ = 0;
  std::vector<shm::UniqueFd> descriptors_;  // at most kMaxDescriptors
  bool lost_descriptors_ = false;
  pid_t sender_ = 0;
};

class FrameWriter {
 public:
  FrameWriter() = default;
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  /// Queues a copy of a whole frame, with its header (as Encoder::encode() returns it). Fails without queueing:
  /// too_large if the queue is full, invalid_argument for more than kMaxDescriptors.
  [[nodiscard]] Result<void> push(std::span<const std::byte> frame, std::vector<shm::UniqueFd> descriptors = {});
  /// The same, but if the queue is empty, the part that fits into the ring is written there directly.
  [[nodiscard]] Result<void> push(std::span<const std::byte> frame, RingWriter& ring);

  /// Sends as much as possible, many frames in one sendmsg(). Returns true if all was sent; false if the socket is
  /// full: call again when it is writable. disconnected if the peer is gone; errors are final.
  [[nodiscard]] Result<bool> flush(int fd);
  /// The same into a ring, without descriptors. Returns false if the ring is full. With WhenFull::ask_for_bell, the
  /// reader will then ring when it has room.
  [[nodiscard]] Result<bool> flush(RingWriter& ring, WhenFull when_full);

  [[nodiscard]] std::size_t queued_bytes() const noexcept { return bytes_.size() - sent_; }
  /// Aborts if an attachment is outside the queue. For tests.
  void check_invariants() const;

 private:
  struct Attachment {
    std::uint64_t position;  // stream position of the frame's first byte
    std::vector<shm::UniqueFd> descriptors;
  };
  [[nodiscard]] std::size_t next_run() const noexcept;
  void drop_sent();

  std::vector<std::byte> bytes_;  // [0, sent_) was sent, the rest is queued
  std::size_t sent_ = 0;
  std::uint64_t base_ = 0;              // stream position of bytes_[0]
  std::deque<Attachment> attachments_;  // ordered by position; none is before base_ + sent_
};

}  // namespace dolium::protocol
