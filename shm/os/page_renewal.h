#pragma once
// Replaces pages that the kernel may still write to for a process that has died.
//
// Direct I/O and io_uring pin the pages that they write to, and continue after the death of the process that submitted
// them. A page that is punched out of its memfd belongs to that I/O alone. The page that is reserved in its place is
// another one, which the I/O cannot reach. But the kernel can leave a page in place: a pinned part of a large page
// cannot be split off, and is only zeroed. So the result is checked.

#include <cstdint>

#include <dolium/result.h>

#include "shm/os/host_memory.h"
#include "shm/os/segment.h"

namespace dolium::shm {

struct Renewal {
  bool replaced = false;  ///< none of the old pages is part of the segment any more
  Result<void> reserved;  ///< on error, parts of the range have no memory: renew it again before use
};

/// Replaces the pages of [begin, end), of kPageBytes each, or of kHugePageBytes if `huge_pages`. The contents of the
/// range are lost. Takes 0.3 ms per MiB. Can be called on any thread. Memory is reserved only if the machine, its pool
/// of huge pages and this process's cgroup have room for it, because exceeding a cgroup's limit kills processes.
/// Preconditions: `begin` and `end` are multiples of the page size; no other process uses the range.
[[nodiscard]] Renewal renew_pages(const Segment& segment, std::uint64_t begin, std::uint64_t end, bool huge_pages,
                                  const HostQuery& host = {});

}  // namespace dolium::shm
