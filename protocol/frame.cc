// The buffer is aligned, and the header of its first frame is always at kFirstHeader. So the payload of a frame that
// arrives alone is aligned without a copy. Payloads of later frames in the buffer are moved down over their own header
// and the frames before them, which are not needed any more.

#include "protocol/frame.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "protocol/ring.h"
#include "shm/os/last_words.h"
#include "shm/os/system_error.h"

namespace dolium::protocol {
namespace {

constexpr std::size_t kFirstHeader = kPayloadAlignment - kFrameHeaderBytes;
constexpr std::size_t kLargestBuffer = kFirstHeader + kFrameHeaderBytes + kMaxFrameBytes;
constexpr std::size_t kControlBytes = CMSG_SPACE(kMaxDescriptors * sizeof(int));
constexpr std::size_t kReceivedControlBytes = kControlBytes + CMSG_SPACE(sizeof(ucred));
// Number of bytes that a writer's queue keeps allocated.
constexpr std::size_t kKeptQueueBytes = 64 * 1024;

static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= kPayloadAlignment);
static_assert((kPayloadAlignment & (kPayloadAlignment - 1)) == 0 && kFrameHeaderBytes <= kPayloadAlignment);
static_assert(kReadBufferBytes <= kLargestBuffer);
static_assert(kMaxQueuedBytes >= 2 * (kMaxFrameBytes + kFrameHeaderBytes));

std::uint32_t load_length(const std::byte* header) {
  std::uint32_t length = 0;
  for (std::size_t i = kFrameHeaderBytes; i-- > 0;) length = length << 8 | std::to_integer<std::uint32_t>(header[i]);
  return length;
}

void require(bool condition, const char* sentence) {
  if (condition) return;
  shm::last_words(fmt::format("frame: broken invariant: {}\n", sentence));
  std::abort();
}

void require_whole(std::span<const std::byte> frame) {
  require(frame.size() > kFrameHeaderBytes && load_length(frame.data()) == frame.size() - kFrameHeaderBytes,
          "a pushed frame must be one whole frame");
}

ssize_t send_once(int fd, std::span<const std::byte> bytes, std::span<const shm::UniqueFd> descriptors) {
  alignas(cmsghdr) std::array<std::byte, kControlBytes> control{};
  iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::array<int, kMaxDescriptors> numbers{};
    std::ranges::transform(descriptors, numbers.begin(), &shm::UniqueFd::get);
    std::memcpy(CMSG_DATA(header), numbers.data(), descriptors.size() * sizeof(int));
  }
  return shm::retry_interrupted([&] { return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

}  // namespace

Result<ReadState> FrameReader::read_from(int fd) {
  if (begin_ < complete_) return ReadState::progress;
  make_room();
  alignas(cmsghdr) std::array<std::byte, kReceivedControlBytes> control;
  iovec piece{buffer_.get() + end_, capacity_ - end_};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();  // the kernel closes descriptors that do not fit here
  const ssize_t received =
      shm::retry_interrupted([&] { return ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
  if (received < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || shm::is_short_of_memory(errno)) return ReadState::would_block;
    if (errno == ECONNRESET) return ReadState::end_of_file;
    return shm::system_error("read from the connection");
  }
  keep_ancillaries(message);
  lost_descriptors_ = lost_descriptors_ || (message.msg_flags & MSG_CTRUNC) != 0;
  if (received == 0) return ReadState::end_of_file;
  end_ += static_cast<std::size_t>(received);
  return find_complete();
}

Result<ReadState> FrameReader::read_from(RingReader& ring) {
  if (begin_ < complete_) return ReadState::progress;
  if (ring.is_empty()) return ReadState::would_block;
  make_room();
  const Result<std::size_t> received = ring.read({buffer_.get() + end_, capacity_ - end_});
  if (!received) return received.error();
  end_ += *received;
  return find_complete();
}

// Precondition: no complete frame is waiting. Afterwards there is room for at least one byte, and an incomplete frame,
// if any, starts at kFirstHeader.
void FrameReader::make_room() {
  const std::size_t held = end_ - begin_;
  std::size_t wanted = std::max(capacity_, kReadBufferBytes);
  if (held == 0) {
    wanted = kReadBufferBytes;
  } else if (kFirstHeader + held == capacity_) {
    // Double a full buffer: it is never more than twice the received bytes. A frame is complete at kLargestBuffer, so a
    // full incomplete one can always grow.
    wanted = std::min(2 * capacity_, kLargestBuffer);
  }
  if (wanted != capacity_) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
    if (held > 0) std::memcpy(larger.get() + kFirstHeader, buffer_.get() + begin_, held);
    buffer_ = std::move(larger);
    capacity_ = wanted;
  } else if (begin_ != kFirstHeader && held > 0) {
    std::memmove(buffer_.get() + kFirstHeader, buffer_.get() + begin_, held);
  }
  begin_ = complete_ = kFirstHeader;
  end_ = kFirstHeader + held;
}

void FrameReader::keep_ancillaries(msghdr& message) {
  sender_ = 0;
  // All descriptors get an owner before an allocation can fail.
  std::array<shm::UniqueFd, kMaxDescriptors> received;
  std::size_t kept = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_CREDENTIALS && header->cmsg_len == CMSG_LEN(sizeof(ucred))) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
      sender_ = credentials.pid;
    }
    if (header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      shm::UniqueFd descriptor(number);
      if (descriptors_.size() + kept < kMaxDescriptors) received[kept++] = std::move(descriptor);
    }
  }
  std::move(received.begin(), received.begin() + kept, std::back_inserter(descriptors_));
}

// Checks every header as soon as it has arrived, so that next() cannot fail.
Result<ReadState> FrameReader::find_complete() {
  while (end_ - complete_ >= kFrameHeaderBytes) {
    const std::size_t length = load_length(buffer_.get() + complete_);
    if (length == 0) return Error{Errc::protocol_error, "the peer sent a frame of zero bytes"};
    if (length > kMaxFrameBytes) {
      return Error{Errc::protocol_error,
                   fmt::format("the peer announced a frame of {} bytes; the limit is {}", length, kMaxFrameBytes)};
    }
    if (end_ - complete_ < kFrameHeaderBytes + length) break;
    complete_ += kFrameHeaderBytes + length;
  }
  return ReadState::progress;
}

std::optional<std::span<const std::byte>> FrameReader::next() {
  if (begin_ == complete_) return std::nullopt;
  const std::size_t length = load_length(buffer_.get() + begin_);
  const std::size_t payload = begin_ + kFrameHeaderBytes;
  const std::size_t aligned = payload - payload % kPayloadAlignment;
  if (aligned != payload) std::memmove(buffer_.get() + aligned, buffer_.get() + payload, length);
  begin_ = payload + length;
  return std::span<const std::byte>(buffer_.get() + aligned, length);
}

std::vector<shm::UniqueFd> FrameReader::take_descriptors() noexcept {
  return std::exchange(descriptors_, {});
}

void FrameReader::check_invariants() const {
  require(begin_ <= complete_ && complete_ <= end_ && end_ <= capacity_, "begin <= complete <= end <= capacity");
  require(capacity_ <= kLargestBuffer, "the buffer is bounded");
  require((buffer_ == nullptr) == (capacity_ == 0), "a buffer has a capacity");
  require(descriptors_.size() <= kMaxDescriptors, "descriptors are bounded");
}

Result<void> FrameWriter::push(std::span<const std::byte> frame, std::vector<shm::UniqueFd> descriptors) {
  require_whole(frame);
  if (descriptors.size() > kMaxDescriptors) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} descriptors on one message; the limit is {}", descriptors.size(), kMaxDescriptors)};
  }
  if (queued_bytes() + frame.size() > kMaxQueuedBytes) {
    return Error{Errc::too_large, fmt::format("the peer does not read: {} bytes are queued for it", queued_bytes())};
  }
  if (!descriptors.empty()) attachments_.push_back({base_ + bytes_.size(), std::move(descriptors)});
  bytes_.insert(bytes_.end(), frame.begin(), frame.end());
  return {};
}

Result<void> FrameWriter::push(std::span<const std::byte> frame, RingWriter& ring) {
  if (queued_bytes() != 0) return push(frame);
  require_whole(frame);
  // Allocate for the rest before a part is written: half a frame would break the stream.
  bytes_.reserve(bytes_.size() + frame.size());
  const Result<std::size_t> written = ring.write(frame);
  const std::size_t gone = written ? *written : 0;  // flush() will meet an impossible count again, and report it
  bytes_.insert(bytes_.end(), frame.begin() + static_cast<std::ptrdiff_t>(gone), frame.end());
  return {};
}

Result<bool> FrameWriter::flush(int fd) {
  while (queued_bytes() > 0) {
    const bool attached = !attachments_.empty() && attachments_.front().position == base_ + sent_;
    const std::span<const std::byte> run(bytes_.data() + sent_, next_run());
    const ssize_t count = send_once(
        fd, run,
        attached ? std::span<const shm::UniqueFd>(attachments_.front().descriptors) : std::span<const shm::UniqueFd>());
    if (count < 0) {
      const int reason = errno;
      drop_sent();
      // ETOOMANYREFS: too many descriptors of this user are in flight, until a receiver takes some.
      const bool passes = reason == EAGAIN || reason == EWOULDBLOCK || reason == ETOOMANYREFS;
      if (passes || shm::is_short_of_memory(reason)) return false;
      if (reason == EPIPE || reason == ECONNRESET) {
        return Error{Errc::disconnected, "the other side has closed the connection"};
      }
      return shm::system_error("write to the connection", reason);
    }
    // The kernel takes the descriptors together with the first byte, or not at all.
    if (attached && count > 0) attachments_.pop_front();
    sent_ += static_cast<std::size_t>(count);
  }
  drop_sent();
  return true;
}

Result<bool> FrameWriter::flush(RingWriter& ring, WhenFull when_full) {
  require(attachments_.empty(), "descriptors go through the socket");
  while (queued_bytes() > 0) {
    const Result<std::size_t> count = ring.write(std::span(bytes_).subspan(sent_));
    if (!count) return count.error();
    sent_ += *count;
    if (*count == 0 && (when_full == WhenFull::look_again || ring.ask_for_room())) {
      drop_sent();
      return false;
    }
  }
  drop_sent();
  return true;
}

// One sendmsg() can carry one set of descriptors, with its first byte. So a run ends where the next set begins.
std::size_t FrameWriter::next_run() const noexcept {
  for (const Attachment& attachment : attachments_) {
    if (attachment.position > base_ + sent_) return static_cast<std::size_t>(attachment.position - base_) - sent_;
  }
  return queued_bytes();
}

// Moves the rest to the front only if it is the smaller half: so the work is linear in the queued bytes.
void FrameWriter::drop_sent() {
  if (sent_ < bytes_.size() - sent_) return;
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(sent_));
  base_ += sent_;
  sent_ = 0;
  if (bytes_.size() <= kKeptQueueBytes && bytes_.capacity() > 2 * kKeptQueueBytes) bytes_.shrink_to_fit();
}

void FrameWriter::check_invariants() const {
  require(sent_ <= bytes_.size(), "more was sent than was queued");
  require(queued_bytes() <= kMaxQueuedBytes, "the queue is bounded");
  std::uint64_t from = base_ + sent_;
  for (const Attachment& attachment : attachments_) {
    require(attachment.position >= from && attachment.position < base_ + bytes_.size(),
            "attachments must be in the queue");
    require(!attachment.descriptors.empty() && attachment.descriptors.size() <= kMaxDescriptors, "sets are bounded");
    from = attachment.position + 1;
  }
}

}  // namespace dolium::protocol
