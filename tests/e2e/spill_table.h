#pragma once
// SpillTable: what one worker knows of its objects, in a file that the worker writes and the test reads. The worker is
// the only one that writes these objects, and notes each call before it and after it. So whoever dies, the test knows
// what must be in the store.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <system_error>

#include "shm/os/segment.h"
#include "shm/os/unique_fd.h"

namespace dolium::e2e {

/// Of one object. Generations are unique in a table, and rise; 0: the object is absent.
struct SpillEntry {
  static constexpr std::uint64_t kNothing = UINT64_MAX;

  std::uint64_t sure = 0;          ///< what was there after the last call whose outcome is known
  std::uint64_t maybe = kNothing;  ///< what a call whose outcome is not known leaves; kNothing: there is none

  [[nodiscard]] bool allows(std::uint64_t generation) const noexcept {
    return generation == sure || (maybe != kNothing && generation == maybe);
  }
  friend bool operator==(const SpillEntry&, const SpillEntry&) = default;
};

struct SpillTablePage {
  static constexpr std::size_t kObjects = 64;

  std::atomic<std::uint64_t> calls;    ///< for progress
  std::atomic<std::uint64_t> refused;  ///< calls that failed for want of the disk, of room, or of the server
  std::uint64_t last_generation;
  /// Volatile: the process may be killed between any two stores, which must be in their order.
  volatile std::uint64_t sure[kObjects];
  volatile std::uint64_t maybe[kObjects];
};

class SpillTable {
 public:
  static constexpr std::size_t kObjects = SpillTablePage::kObjects;

  /// Maps the file; makes it if it is not there.
  explicit SpillTable(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (!fd_.valid() || ::ftruncate(fd_.get(), sizeof(SpillTablePage)) != 0)
      throw std::system_error(errno, std::generic_category(), path);
    mapping_ = shm::Mapping::map(fd_, sizeof(SpillTablePage), shm::Mapping::Mode::read_write, "spill table").value();
    page_ = reinterpret_cast<SpillTablePage*>(mapping_.data());
    if (page_->last_generation != 0) return;
    page_->last_generation = 1;
    for (std::size_t n = 0; n < kObjects; ++n) page_->maybe[n] = SpillEntry::kNothing;
  }

  [[nodiscard]] SpillEntry entry(std::size_t n) const noexcept { return {page_->sure[n], page_->maybe[n]}; }
  /// A call begins that leaves this.
  void begin(std::size_t n, std::uint64_t generation) noexcept { page_->maybe[n] = generation; }
  /// This is there.
  void settle(std::size_t n, std::uint64_t generation) noexcept {
    page_->sure[n] = generation;
    page_->maybe[n] = SpillEntry::kNothing;
  }
  [[nodiscard]] std::uint64_t next_generation() noexcept { return ++page_->last_generation; }
  [[nodiscard]] std::uint64_t last_generation() const noexcept { return page_->last_generation; }
  void count_call() noexcept { ++page_->calls; }
  void count_refused() noexcept { ++page_->refused; }
  [[nodiscard]] std::uint64_t calls() const noexcept { return page_->calls; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return page_->refused; }

  using Snapshot = std::array<SpillEntry, kObjects>;
  [[nodiscard]] Snapshot snapshot() const noexcept {
    Snapshot all;
    for (std::size_t n = 0; n < kObjects; ++n) all[n] = entry(n);
    return all;
  }

 private:
  shm::UniqueFd fd_;
  shm::Mapping mapping_;
  SpillTablePage* page_ = nullptr;
};

[[nodiscard]] inline std::string spill_name(const std::string& prefix, std::size_t n) {
  return prefix + "/" + std::to_string(n);
}

}  // namespace dolium::e2e
