#include "protocol/ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace dolium::protocol {
namespace {

static_assert(2 * sizeof(RingWords) <= RingPair::kHeaderBytes);

/// The part of the room from stream position `at` to the room's end.
template <class Byte>
std::span<Byte> straight(std::span<Byte> room, std::uint64_t at) {
  return room.subspan(static_cast<std::size_t>(at & (room.size() - 1)));
}

Error impossible(std::uint64_t bytes) {
  return {Errc::protocol_error, fmt::format("the peer counts {} bytes in a ring of {} bytes", bytes, kRingBytes)};
}

}  // namespace

Result<std::size_t> RingWriter::write(std::span<const std::byte> bytes) {
  if (room_.size() - (written_ - read_seen_) < bytes.size()) {
    read_seen_ = words_->read.load(std::memory_order_acquire);
    if (written_ - read_seen_ > room_.size()) return impossible(written_ - read_seen_);
  }
  const std::size_t count = std::min<std::size_t>(bytes.size(), room_.size() - (written_ - read_seen_));
  if (count == 0) return count;
  const std::span<std::byte> first = straight(room_, written_);
  const std::size_t head = std::min(count, first.size());
  std::memcpy(first.data(), bytes.data(), head);
  if (head < count) std::memcpy(room_.data(), bytes.data() + head, count - head);
  written_ += count;
  words_->written.store(written_, std::memory_order_seq_cst);  // before asleep is read
  return count;
}

bool RingWriter::ask_for_room() noexcept {
  words_->wants_room.store(1, std::memory_order_seq_cst);  // before read is loaded
  if (words_->read.load(std::memory_order_seq_cst) == read_seen_) return true;
  words_->wants_room.store(0, std::memory_order_relaxed);
  return false;
}

bool RingWriter::take_bell() noexcept {
  const std::uint64_t asleep = words_->asleep.load(std::memory_order_seq_cst);
  return asleep != 0 && asleep - 1 != written_ && words_->asleep.exchange(0) != 0;
}

bool RingWriter::take_early_bell() noexcept {
  return words_->asleep.load(std::memory_order_seq_cst) != 0 && words_->asleep.exchange(0) != 0;
}

Result<std::size_t> RingReader::read(std::span<std::byte> out) {
  const std::uint64_t arrived = words_->written.load(std::memory_order_acquire) - read_;
  if (arrived > room_.size()) return impossible(arrived);
  const std::size_t count = std::min<std::size_t>(arrived, out.size());
  if (count == 0) return count;
  const std::span<const std::byte> first = straight(room_, read_);
  const std::size_t head = std::min(count, first.size());
  std::memcpy(out.data(), first.data(), head);
  if (head < count) std::memcpy(out.data() + head, room_.data(), count - head);
  read_ += count;
  words_->read.store(read_, std::memory_order_seq_cst);  // before wants_room is read
  return count;
}

bool RingReader::fall_asleep() noexcept {
  words_->asleep.store(read_ + 1, std::memory_order_seq_cst);  // before written is loaded
  if (words_->written.load(std::memory_order_seq_cst) == read_) return true;
  awake();
  return false;
}

void RingReader::awake() noexcept {
  words_->asleep.store(0, std::memory_order_relaxed);  // a race causes one needless bell at worst
}

bool RingReader::take_bell() noexcept {
  return words_->wants_room.load(std::memory_order_seq_cst) != 0 && words_->wants_room.exchange(0) != 0;
}

// Direction 0 is from client to daemon, 1 from daemon to client.
RingPair::RingPair(shm::Mapping memory, Side side) noexcept
    : memory_(std::move(memory)),
      out(words(side == Side::daemon ? 1 : 0), room(side == Side::daemon ? 1 : 0)),
      in(words(side == Side::daemon ? 0 : 1), room(side == Side::daemon ? 0 : 1)) {}

RingWords& RingPair::words(unsigned direction) const noexcept {
  return reinterpret_cast<RingWords*>(memory_.data())[direction];
}

std::span<std::byte> RingPair::room(unsigned direction) const noexcept {
  return {memory_.data() + kHeaderBytes + direction * kRingBytes, kRingBytes};
}

}  // namespace dolium::protocol
