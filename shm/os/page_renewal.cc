#include "shm/os/page_renewal.h"

namespace dolium::shm {

Renewal renew_pages(const Segment& segment, std::uint64_t begin, std::uint64_t end, bool huge_pages,
                    const HostQuery& host) {
  Renewal renewal;
  renewal.reserved = segment.punch(begin, end);
  if (!renewal.reserved) return renewal;
  // A page that was removed is a hole; one that was only zeroed is data. The kernel removes a huge page of the pool
  // whole or not at all, and hugetlbfs cannot tell holes from data.
  renewal.replaced = huge_pages || segment.next_data(begin) >= end;
  renewal.reserved = check_memory_left(end - begin, huge_pages, host);
  if (renewal.reserved) renewal.reserved = segment.reserve(begin, end);
  return renewal;
}

}  // namespace dolium::shm
