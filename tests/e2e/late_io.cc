#include "tests/e2e/late_io.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

namespace dolium::e2e {
namespace {

int enter(int fd, unsigned submit, unsigned wait) {
  const unsigned flags = wait == 0 ? 0 : IORING_ENTER_GETEVENTS;
  long done = 0;
  do done = ::syscall(__NR_io_uring_enter, fd, submit, wait, flags, nullptr, 0);
  while (done < 0 && errno == EINTR);
  return static_cast<int>(done);
}

void* map(int fd, std::size_t bytes, off_t offset) {
  return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
}

}  // namespace

SharedRing::SharedRing() : fd_(static_cast<int>(::syscall(__NR_io_uring_setup, kEntries, &layout_))) {
  if (!fd_.valid()) return;
  rings_bytes_ = std::max<std::size_t>(layout_.sq_off.array + layout_.sq_entries * sizeof(std::uint32_t),
                                       layout_.cq_off.cqes + layout_.cq_entries * sizeof(io_uring_cqe));
  void* const rings = map(fd_.get(), rings_bytes_, IORING_OFF_SQ_RING);
  void* const entries = map(fd_.get(), layout_.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
  if (rings == MAP_FAILED || entries == MAP_FAILED || (layout_.features & IORING_FEAT_SINGLE_MMAP) == 0) {
    fd_.reset();
    return;
  }
  rings_ = static_cast<std::byte*>(rings);
  entries_ = static_cast<io_uring_sqe*>(entries);
}

SharedRing::~SharedRing() {
  if (entries_ == nullptr) return;
  ::munmap(rings_, rings_bytes_);
  ::munmap(entries_, layout_.sq_entries * sizeof(io_uring_sqe));
}

std::uint32_t& SharedRing::word(unsigned offset) const noexcept {
  return *reinterpret_cast<std::uint32_t*>(rings_ + offset);
}

bool SharedRing::register_buffer(std::span<std::byte> memory) const noexcept {
  const iovec buffer{memory.data(), memory.size()};
  return ::syscall(__NR_io_uring_register, fd_.get(), IORING_REGISTER_BUFFERS, &buffer, 1) == 0;
}

bool SharedRing::read(int file, std::uint64_t offset, std::span<std::byte> to, bool fixed) noexcept {
  const std::atomic_ref<std::uint32_t> tail(word(layout_.sq_off.tail));
  const std::uint32_t at = tail.load(std::memory_order_acquire);
  const std::uint32_t index = at % layout_.sq_entries;
  entries_[index] = {};
  entries_[index].opcode = fixed ? IORING_OP_READ_FIXED : IORING_OP_READ;
  entries_[index].fd = file;
  entries_[index].off = offset;
  entries_[index].addr = reinterpret_cast<std::uintptr_t>(to.data());
  entries_[index].len = static_cast<std::uint32_t>(to.size());
  word(layout_.sq_off.array + index * static_cast<unsigned>(sizeof(std::uint32_t))) = index;
  tail.store(at + 1, std::memory_order_release);
  return enter(fd_.get(), 1, 0) == 1;
}

bool SharedRing::await(unsigned completed) const noexcept {
  const std::atomic_ref<std::uint32_t> tail(word(layout_.cq_off.tail));
  while (tail.load(std::memory_order_acquire) < completed)
    if (enter(fd_.get(), 0, completed) < 0) return false;
  return true;
}

int SharedRing::outcome(unsigned request) const noexcept {
  const auto* outcomes = reinterpret_cast<const io_uring_cqe*>(rings_ + layout_.cq_off.cqes);
  return outcomes[request % layout_.cq_entries].res;
}

}  // namespace dolium::e2e
