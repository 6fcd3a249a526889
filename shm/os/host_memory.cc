#include "shm/os/host_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "shm/os/basic_types.h"
#include "shm/os/memory_cgroup.h"
#include "shm/os/proc_file.h"
#include "shm/os/system_error.h"
#include "shm/text/size_text.h"

namespace dolium::shm {
namespace {

namespace fs = std::filesystem;

/// From here on a limit of cgroup v1 means none: it shows the largest multiple of a page.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;

struct Headroom {
  std::uint64_t limit = UINT64_MAX;
  std::uint64_t left = UINT64_MAX;  ///< of the limit; reclaimable file cache counts as free
  std::uint64_t swap = UINT64_MAX;
};

Headroom cgroup_headroom(const HostQuery& query) {
  Headroom result;
  for (const MemoryCgroup& group : memory_cgroups(query.root, query.process))
    for (const fs::path& here : group.directories) {
      if (group.names->counts_swap)
        if (const auto swap = read_number(here / "memory.swap.max"))
          result.swap =
              std::min(result.swap, *swap - std::min(*swap, read_number(here / "memory.swap.current").value_or(0)));
      const std::optional<std::uint64_t> limit = read_number(here / group.names->limit);
      if (!limit || *limit >= kNoLimit) continue;
      const std::uint64_t usage = read_number(here / group.names->usage).value_or(0);
      const std::uint64_t reclaimable = read_number(here / "memory.stat", group.names->reclaimable).value_or(0);
      const std::uint64_t needed = usage - std::min(usage, reclaimable);
      result.limit = std::min(result.limit, *limit);
      result.left = std::min(result.left, *limit - std::min(*limit, needed));
    }
  return result;
}

/// Reserved pages belong to other processes. Beyond its size the pool grows on demand, up to the overcommit number.
std::optional<std::uint64_t> huge_pages_left(const fs::path& root) {
  const fs::path pool = root / "sys/kernel/mm/hugepages/hugepages-2048kB";
  const auto count = [&](const char* name) { return read_number(pool / name).value_or(0); };
  const std::optional<std::uint64_t> free = read_number(pool / "free_hugepages");
  if (!free) return std::nullopt;
  const std::uint64_t overcommit = count("nr_overcommit_hugepages");
  return *free - std::min(*free, count("resv_hugepages")) + overcommit -
         std::min(overcommit, count("surplus_hugepages"));
}

/// All but the pool of huge pages. Each file is read once: a store that grows calls this for every few MiB.
Result<HostMemory> read_memory(const HostQuery& query) {
  const fs::path file = query.root / "proc/meminfo";
  errno = 0;
  const std::string meminfo = read_text(file).value_or("");
  const std::optional<std::uint64_t> total_kib = find_number(meminfo, "MemTotal:");
  const std::optional<std::uint64_t> available_kib = find_number(meminfo, "MemAvailable:");
  if (!total_kib || !available_kib)
    return system_error(fmt::format("read the machine's memory from {} (is /proc mounted?)", file.string()),
                        errno != 0 ? errno : ENODATA);
  const Headroom group = cgroup_headroom(query);
  HostMemory memory;
  memory.total = *total_kib * 1024;
  memory.available = *available_kib * 1024;
  memory.swap = find_number(meminfo, "SwapTotal:").value_or(0) * 1024;
  memory.swap_left = std::min(find_number(meminfo, "SwapFree:").value_or(0) * 1024, group.swap);
  memory.group_limit = group.limit;
  memory.group_left = group.left;
  return memory;
}

}  // namespace

Result<HostMemory> read_host_memory(const HostQuery& query) {
  Result<HostMemory> memory = read_memory(query);
  if (memory) memory->huge_pages_left = huge_pages_left(query.root);
  return memory;
}

Result<void> check_memory_left(std::uint64_t bytes, bool huge_pages, const HostQuery& query) {
  const Result<HostMemory> memory = huge_pages ? read_host_memory(query) : read_memory(query);
  if (!memory) return memory.error();
  const std::uint64_t left = huge_pages ? memory->huge_pages_left.value_or(0) * kHugePageBytes
                                        : std::min(memory->available, memory->group_left);
  // Swap is added last, because either bound may be unlimited.
  if (bytes <= left || (!huge_pages && bytes - left <= memory->swap_left)) return {};
  return Error{
      Errc::out_of_memory,
      fmt::format("{} are needed, but the {} only {} left", format_size(bytes),
                  huge_pages ? "pool of 2 MiB huge pages has" : "machine, or this cgroup, has", format_size(left)),
      RefusalCause::memory};
}

Result<void> check_room_to_grow(std::uint64_t bytes, const HostQuery& query) {
  Result<void> room = check_memory_left(bytes + kMemoryLeftFree, false, query);
  return !room && room.error().code == Errc::out_of_memory ? room : Result<void>();
}

}  // namespace dolium::shm
