#include "shm/table/host_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "shm/os/basic_types.h"
#include "shm/table/store_needs.h"
#include "shm/text/size_text.h"

namespace dolium::shm {
namespace {

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;

/// What the capacity must not exceed, why, and what can be done about it.
struct Bound {
  std::uint64_t bytes;
  std::string_view what;  ///< with {} for the bytes
  std::string_view remedy;
  bool is_group = false;  ///< a cgroup's limit, which can be raised
};

Shortage shortage(std::uint64_t capacity, const Bound& bound, bool can_never_work) {
  std::string asked = format_size(capacity);
  std::string there = format_size(bound.bytes);
  if (asked == there) {  // equal after rounding: avoid "1 GiB is more than 1 GiB"
    asked = fmt::format("{} bytes", capacity);
    there = fmt::format("{} bytes", bound.bytes);
  }
  return {fmt::format("capacity {} is more than {}", asked, fmt::format(fmt::runtime(bound.what), there)),
          std::string(bound.remedy), can_never_work};
}

/// Settings that keep a full store within the bound.
std::string remedy_for(const StoreConfig& config, const StoreNeeds& needs, const Bound& bound) {
  std::vector<std::string> ways;
  if (const std::uint64_t capacity = largest_capacity_within(bound.bytes, config); capacity != 0)
    ways.push_back(fmt::format("lower --capacity to {}", format_size(capacity)));
  if (config.max_objects != 0) ways.emplace_back("lower --max-objects");
  if (bound.is_group)
    ways.push_back(fmt::format("raise the cgroup's memory limit by {}",
                               format_size(round_up(needs.most() - bound.bytes, kMegabyte))));
  else
    ways.emplace_back("free memory");
  return fmt::format("{}, or processes may be killed when the store fills up", fmt::join(ways, ", or "));
}

/// For room that is enough for the capacity, but not for the tables and processes as well.
Shortage shortage_with_books(const StoreConfig& config, const Bound& bound, bool can_never_work) {
  const StoreNeeds needs = StoreNeeds::of(config);
  return {fmt::format("capacity {}, the tables for up to {} objects ({}), the pin tables of {} clients ({}) and the "
                      "processes of doliumd ({}) need {}, which is more than {}",
                      format_size(needs.capacity), needs.max_objects, format_size(needs.books), StoreNeeds::kClients,
                      format_size(needs.pin_tables), format_size(StoreNeeds::kProcesses), format_size(needs.most()),
                      fmt::format(fmt::runtime(bound.what), format_size(bound.bytes))),
          remedy_for(config, needs, bound), can_never_work};
}

std::vector<Shortage> check(const StoreConfig& config, std::span<const Bound> musts, std::span<const Bound> shoulds) {
  for (const Bound& bound : musts)
    if (config.capacity > bound.bytes) return {shortage(config.capacity, bound, true)};
  if (config.preallocate)  // the first tables are preallocated, too
    for (const Bound& bound : musts)
      if (StoreNeeds::of(config).least() > bound.bytes) return {shortage_with_books(config, bound, true)};
  std::vector<Shortage> shortages;
  for (const Bound& bound : shoulds)
    if (config.capacity > bound.bytes) shortages.push_back(shortage(config.capacity, bound, false));
  return shortages;
}

/// Checks a full store against the smallest of the bounds.
std::vector<Shortage> check_books(const StoreConfig& config, std::span<const Bound> bounds) {
  const Bound& tightest = *std::ranges::min_element(bounds, {}, &Bound::bytes);
  if (StoreNeeds::of(config).most() <= tightest.bytes) return {};
  return {shortage_with_books(config, tightest, false)};
}

std::vector<Shortage> check_huge_pages(std::uint64_t capacity, const HostMemory& memory) {
  if (!memory.huge_pages_left) return {{"this kernel has no 2 MiB huge pages", "set --huge-pages=false", true}};
  const std::uint64_t pages = *memory.huge_pages_left;
  const std::uint64_t needed = (capacity + kHugePageBytes - 1) / kHugePageBytes;
  const std::string remedy = fmt::format("raise vm.nr_hugepages by {}, lower --capacity, or set --huge-pages=false",
                                         needed - std::min(needed, pages));
  const Bound bound = {pages * kHugePageBytes, "the {} of free 2 MiB huge pages", remedy};
  if (needed * kHugePageBytes <= bound.bytes) return {};
  return {shortage(needed * kHugePageBytes, bound, true)};
}

std::uint64_t plus(std::uint64_t bytes, std::uint64_t more) {
  return bytes + std::min(more, UINT64_MAX - bytes);
}

}  // namespace

Result<std::vector<Shortage>> find_shortages(const StoreConfig& given, const HostQuery& query) {
  StoreConfig config = given;
  if (config.max_objects == objects_for({.capacity = config.capacity}))
    config.max_objects = 0;  // it was computed, not configured
  const Result<HostMemory> memory = read_host_memory(query);
  if (!memory) return memory.error();
  if (config.huge_pages) return check_huge_pages(config.capacity, *memory);

  const std::vector<Bound> limits = {{memory->total, "this machine's {} of memory", "lower --capacity"},
                                     {memory->group_limit, "the {} that this cgroup may use",
                                      "lower --capacity or raise the cgroup's memory limit", true}};
  const std::string_view remedy =
      config.preallocate ? "lower --capacity, free memory, or set --preallocate=false"
                         : "lower --capacity or free memory, or processes may be killed when the store fills up";
  const std::vector<Bound> room = {
      {plus(memory->available, query.reserved), "this machine's {} of available memory", remedy},
      {plus(memory->group_left, query.reserved), "the {} that this cgroup has left", remedy, true}};
  std::vector<Bound> all = limits;
  all.insert(all.end(), room.begin(), room.end());
  std::vector<Shortage> shortages = config.preallocate ? check(config, all, {}) : check(config, limits, room);
  // In a running store, a part of the tables has its memory already, and the remaining memory is lower by that much.
  return shortages.empty() ? check_books(config, query.reserved == 0 ? all : limits) : shortages;
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
