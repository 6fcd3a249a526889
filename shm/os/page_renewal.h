#pragma once
// Replaces pages that the kernel may still write to for a process that is gone.
//
// Direct I/O and io_uring pin the pages that they write to, and write on after the process that asked for it has died.
// A page that is punched out of its memfd stays with that I/O alone; what is reserved in its place is another page,
// which the I/O cannot reach. The kernel can leave a page where it is: a part of a large page that is pinned cannot be
// split off, and is only zeroed. So the result is looked at, not assumed.

#include <cstdint>

#include <dolium/result.h>

#include "shm/os/host_memory.h"
#include "shm/os/segment.h"

namespace dolium::shm {

struct Renewal {
  bool replaced = false;  ///< no page of before is part of the segment any more
  Result<void> reserved;  ///< an error: bytes of the range have no memory; renew it again before anybody uses it
};

/// Renews [begin, end) of the segment, in pages of kPageBytes, or of kHugePageBytes when `huge_pages`. What the range
/// held is lost. Takes 0.3 ms a MiB. From any thread. Memory is reserved only where the machine, its pool of huge pages
/// and this process's cgroup have room for it: the limit of a cgroup does not refuse, it kills.
/// Preconditions: `begin` and `end` are multiples of the page's size; no other process uses the range.
[[nodiscard]] Renewal renew_pages(const Segment& segment, std::uint64_t begin, std::uint64_t end, bool huge_pages,
                                  const HostQuery& host = {});

}  // namespace dolium::shm
