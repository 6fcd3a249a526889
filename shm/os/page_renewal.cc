#include "shm/os/page_renewal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "shm/os/basic_types.h"
#include "shm/os/system_error.h"

namespace dolium::shm {
namespace {

Result<void> punch(const Segment& segment, std::uint64_t begin, std::uint64_t end) {
  const auto offset = static_cast<off_t>(begin);
  const auto bytes = static_cast<off_t>(end - begin);
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (retry_interrupted([&] { return ::fallocate(segment.fd().get(), kMode, offset, bytes); }) != 0)
    return system_error(fmt::format("free {} bytes of a memfd after the death of their writer", bytes));
  return {};
}

/// Whether the kernel has removed all pages of the range: a removed page is a hole, a page that was only zeroed is
/// data. Moves the file offset, which nothing in Dolium uses.
bool is_hole(const Segment& segment, std::uint64_t begin, std::uint64_t end) {
  const off_t data = ::lseek(segment.fd().get(), static_cast<off_t>(begin), SEEK_DATA);
  return data < 0 ? errno == ENXIO : data >= static_cast<off_t>(end);
}

}  // namespace

Renewal renew_pages(const Segment& segment, std::uint64_t begin, std::uint64_t end, bool huge_pages,
                    const HostQuery& host) {
  Renewal renewal;
  renewal.reserved = punch(segment, begin, end);
  if (!renewal.reserved) return renewal;
  // The kernel removes a huge page of the pool whole or not at all, and hugetlbfs cannot tell holes from data.
  renewal.replaced = huge_pages || is_hole(segment, begin, end);
  renewal.reserved = check_memory_left(end - begin, huge_pages, host);
  if (renewal.reserved) renewal.reserved = segment.reserve(begin, end);
  return renewal;
}

}  // namespace dolium::shm
