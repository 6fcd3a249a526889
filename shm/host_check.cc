#include "shm/host_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "client/types/size_text.h"
#include "shm/basic_types.h"

namespace dolium::shm {
namespace {

/// What the capacity must not exceed, why, and what can be done about it.
struct Bound {
  std::uint64_t bytes;
  std::string_view what;  ///< with {} for the bytes
  std::string_view remedy;
};

Shortage shortage(std::uint64_t capacity, const Bound& bound, bool can_never_work) {
  std::string asked = format_size(capacity);
  std::string there = format_size(bound.bytes);
  if (asked == there) {  // rounded away; nobody would believe "1 GiB is more than 1 GiB"
    asked = fmt::format("{} bytes", capacity);
    there = fmt::format("{} bytes", bound.bytes);
  }
  return {fmt::format("capacity {} is more than {}", asked, fmt::format(fmt::runtime(bound.what), there)),
          std::string(bound.remedy), can_never_work};
}

std::vector<Shortage> check(std::uint64_t capacity, std::span<const Bound> musts, std::span<const Bound> shoulds) {
  for (const Bound& bound : musts)
    if (capacity > bound.bytes) return {shortage(capacity, bound, true)};
  std::vector<Shortage> shortages;
  for (const Bound& bound : shoulds)
    if (capacity > bound.bytes) shortages.push_back(shortage(capacity, bound, false));
  return shortages;
}

std::vector<Shortage> check_huge_pages(std::uint64_t capacity, const HostMemory& memory) {
  if (!memory.huge_pages_left) return {{"this kernel has no 2 MiB huge pages", "set --huge-pages=false", true}};
  const std::uint64_t pages = *memory.huge_pages_left;
  const std::uint64_t needed = (capacity + kHugePageBytes - 1) / kHugePageBytes;
  const std::string remedy = fmt::format("raise vm.nr_hugepages by {}, lower --capacity, or set --huge-pages=false",
                                         needed - std::min(needed, pages));
  const Bound bound = {pages * kHugePageBytes, "the {} of free 2 MiB huge pages", remedy};
  return check(needed * kHugePageBytes, {&bound, 1}, {});
}

std::uint64_t plus(std::uint64_t bytes, std::uint64_t more) {
  return bytes + std::min(more, UINT64_MAX - bytes);
}

}  // namespace

Result<std::vector<Shortage>> find_shortages(const StoreConfig& config, const HostQuery& query) {
  const Result<HostMemory> memory = read_host_memory(query);
  if (!memory) return memory.error();
  if (config.huge_pages) return check_huge_pages(config.capacity, *memory);

  std::vector<Bound> musts = {
      {memory->total, "this machine's {} of memory", "lower --capacity"},
      {memory->group_limit, "the {} that this cgroup may use", "lower --capacity or raise the cgroup's memory limit"}};
  const std::string_view remedy =
      config.preallocate ? "lower --capacity, free memory, or set --preallocate=false"
                         : "lower --capacity or free memory, or processes may be killed when the store fills up";
  const std::vector<Bound> shoulds = {
      {plus(memory->available, query.reserved), "this machine's {} of available memory", remedy},
      {plus(memory->group_left, query.reserved), "the {} that this cgroup has left", remedy}};
  if (!config.preallocate) return check(config.capacity, musts, shoulds);
  musts.insert(musts.end(), shoulds.begin(), shoulds.end());
  return check(config.capacity, musts, {});
}

Result<std::vector<std::string>> check_host(const StoreConfig& config, const HostQuery& query) {
  const Result<std::vector<Shortage>> shortages = find_shortages(config, query);
  if (!shortages) return shortages.error();
  std::vector<std::string> warnings;
  for (const auto& [what, remedy, can_never_work] : *shortages) {
    const std::string sentence = fmt::format("{}; {}", what, remedy);
    if (can_never_work) return Error{Errc::out_of_memory, sentence};
    warnings.push_back(sentence);
  }
  return warnings;
}

}  // namespace dolium::shm
