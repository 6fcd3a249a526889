#include "shm/os/page_renewal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shm/os/basic_types.h"
#include "shm/os/system_error.h"
#include "shm/text/size_text.h"

namespace dolium::shm {
namespace {

Result<void> punch(const Segment& segment, std::uint64_t begin, std::uint64_t end) {
  const auto offset = static_cast<off_t>(begin);
  const auto bytes = static_cast<off_t>(end - begin);
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (retry_interrupted([&] { return ::fallocate(segment.fd().get(), kMode, offset, bytes); }) != 0)
    return system_error(fmt::format("take {} bytes of a memfd back from a process that is gone", bytes));
  return {};
}

/// Whether the kernel has kept no page of the range. A page that was only zeroed is data, a missing one is a hole. The
/// offset of the open file is moved, which nothing in Dolium uses.
bool is_hole(const Segment& segment, std::uint64_t begin, std::uint64_t end) {
  const off_t data = ::lseek(segment.fd().get(), static_cast<off_t>(begin), SEEK_DATA);
  return data < 0 ? errno == ENXIO : data >= static_cast<off_t>(end);
}

Result<void> check_room(std::uint64_t bytes, bool huge_pages, const HostQuery& host) {
  const Result<HostMemory> memory = read_host_memory(host);
  if (!memory) return memory.error();
  const std::uint64_t left = huge_pages ? memory->huge_pages_left.value_or(0) * kHugePageBytes
                                        : std::min(memory->available, memory->group_left);
  if (bytes <= left) return {};
  return Error{
      Errc::out_of_memory,
      fmt::format("{} are needed, and the {} {} left", format_size(bytes),
                  huge_pages ? "pool of 2 MiB huge pages has" : "machine, or this cgroup, has", format_size(left))};
}

}  // namespace

Renewal renew_pages(const Segment& segment, std::uint64_t begin, std::uint64_t end, bool huge_pages,
                    const HostQuery& host) {
  Renewal renewal;
  renewal.reserved = punch(segment, begin, end);
  if (!renewal.reserved) return renewal;
  // A huge page of the pool goes whole or not at all, and its file system does not tell holes from data.
  renewal.replaced = huge_pages || is_hole(segment, begin, end);
  renewal.reserved = check_room(end - begin, huge_pages, host);
  if (renewal.reserved) renewal.reserved = segment.reserve(begin, end);
  return renewal;
}

}  // namespace dolium::shm
