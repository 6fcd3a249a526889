#pragma once
// Frames: how messages are cut out of a byte stream, and descriptors out of what travels beside it.
//
// On the wire a frame is a u32 length, little endian, and that many payload bytes; neither zero nor more than
// kMaxFrameBytes. Descriptors (SCM_RIGHTS) ride on the first byte of the frame that speaks of them, so they
// have always arrived when that frame is complete.
//
// Both classes do one direction of one connection and never block, whatever the descriptor's own flags say.
// What the peer sends is hostile: the reader holds at most one frame that is incomplete, allocates in
// proportion to the bytes that really came, and closes descriptors beyond kMaxDescriptors unseen. The writer
// owns descriptors until the kernel has taken them; bytes are never sent twice and never reordered.
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
/// The largest payload of one frame.
inline constexpr std::size_t kMaxFrameBytes = 4 * 1024 * 1024;
/// Payloads begin at a multiple of this, which the FlatBuffers verifier relies on.
inline constexpr std::size_t kPayloadAlignment = 8;
/// The most descriptors on one frame, and the most that a reader keeps until they are taken.
inline constexpr std::size_t kMaxDescriptors = 8;
/// The reader's buffer when no large frame is on its way: one largest inline put, or some hundred small messages.
inline constexpr std::size_t kReadBufferBytes = 96 * 1024;
/// What a writer queues for a peer that does not read. Whoever answers should take no more requests long before.
inline constexpr std::size_t kMaxQueuedBytes = 16 * 1024 * 1024;

enum class ReadState : std::uint8_t {
  progress,     ///< call next() until it has nothing, then read on
  would_block,  ///< nothing more has arrived yet
  end_of_file,  ///< the peer closed or vanished; see has_partial_frame()
};

/// What to do about a full ring. A bell costs its reader a system call, and who sleeps through no more than some
/// microseconds had better look.
enum class WhenFull : std::uint8_t { ask_for_bell, look_again };

class FrameReader {
 public:
  FrameReader() = default;
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  /// One recvmsg(), of as much as there is room for; none while a complete frame waits for next().
  /// protocol_error when a header is out of bounds (frames before it are still there for next()), system_error
  /// when the socket fails; either is the end of this stream.
  [[nodiscard]] Result<ReadState> read_from(int fd);
  /// The same from a ring, which has no end of its own and carries no descriptors.
  [[nodiscard]] Result<ReadState> read_from(RingReader& ring);

  /// The next complete payload, at kPayloadAlignment; valid until the next call of next() or read_from().
  [[nodiscard]] std::optional<std::span<const std::byte>> next();

  /// Hands over what has arrived since the last call, in the order of arrival; all close-on-exec.
  [[nodiscard]] std::vector<shm::UniqueFd> take_descriptors() noexcept;

  /// Whether some were lost on the way, for which this process had no room.
  [[nodiscard]] bool has_lost_descriptors() const noexcept { return lost_descriptors_; }

  /// The process that sent what was read last; 0 when nobody asked the kernel (report_senders(), peer.h), or it cannot
  /// say. Bytes of two senders are never read at once.
  [[nodiscard]] pid_t sender() const noexcept { return sender_; }

  /// True when the stream has stopped inside a frame.
  [[nodiscard]] bool has_partial_frame() const noexcept { return complete_ < end_; }
  [[nodiscard]] std::size_t buffer_bytes() const noexcept { return capacity_; }
  /// Aborts when the positions contradict each other. For tests.
  void check_invariants() const;

 private:
  void make_room();
  void keep_ancillaries(::msghdr& message);
  [[nodiscard]] Result<ReadState> find_complete();

  // begin_ <= complete_ <= end_ <= capacity_: [begin_, complete_) are whole frames not yet handed out,
  // [complete_, end_) is the beginning of one more. Before begin_ lies nothing that anyone still needs.
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

  /// Queues a copy of a whole frame, header included (as Encoder::encode() returns it). too_large when the
  /// queue is full, invalid_argument for more than kMaxDescriptors; nothing has been queued then.
  [[nodiscard]] Result<void> push(std::span<const std::byte> frame, std::vector<shm::UniqueFd> descriptors = {});
  /// The same, but what the ring has room for now goes there without being queued, if nothing is queued before it.
  [[nodiscard]] Result<void> push(std::span<const std::byte> frame, RingWriter& ring);

  /// Sends what it can, many frames in one sendmsg(). True: everything is out. False: the socket is full;
  /// call again when it is writable. disconnected when the peer has vanished; an error is final.
  [[nodiscard]] Result<bool> flush(int fd);
  /// The same into a ring. False: it is full; the reader has been asked to say when it is not, unless who calls looks
  /// again by itself. No descriptors.
  [[nodiscard]] Result<bool> flush(RingWriter& ring, WhenFull when_full);

  [[nodiscard]] std::size_t queued_bytes() const noexcept { return bytes_.size() - sent_; }
  /// Aborts when an attachment lies outside the queue. For tests.
  void check_invariants() const;

 private:
  struct Attachment {
    std::uint64_t position;  // in the stream: of the frame's first byte
    std::vector<shm::UniqueFd> descriptors;
  };
  [[nodiscard]] std::size_t next_run() const noexcept;
  void drop_sent();

  std::vector<std::byte> bytes_;  // [0, sent_) is gone, the rest is waiting
  std::size_t sent_ = 0;
  std::uint64_t base_ = 0;              // the stream position of bytes_[0]
  std::deque<Attachment> attachments_;  // by position; none lies before base_ + sent_
};

}  // namespace dolium::protocol
