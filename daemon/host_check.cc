#include "daemon/host_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>

#include "client/types/size_text.h"

namespace dolium::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20;

std::optional<std::string> read_text(const fs::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) return std::nullopt;
  return text.str();
}

/// The first word after `label` in a file of "label number" lines, or of the file itself when label is empty.
/// Nothing for what is no number, such as cgroup v2's "max".
std::optional<std::uint64_t> read_number(const fs::path& file, std::string_view label = "") {
  const std::optional<std::string> text = read_text(file);
  if (!text) return std::nullopt;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::string_view rest = line;
    if (!rest.starts_with(label)) continue;
    rest.remove_prefix(label.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    std::uint64_t number = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), number).ec == std::errc()) return number;
    return std::nullopt;
  }
  return std::nullopt;
}

/// The names that cgroup v1 and v2 have for the same things.
struct Hierarchy {
  std::string_view mount;
  std::string_view limit;
  std::string_view usage;
  std::string_view reclaimable;  ///< a label in memory.stat
};
constexpr Hierarchy kVersion1 = {"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                 "total_inactive_file "};
constexpr Hierarchy kVersion2 = {"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "};

struct Headroom {
  std::uint64_t limit = UINT64_MAX;
  std::uint64_t left = UINT64_MAX;  ///< of the limit, counting as free what the kernel would drop first: file cache
};

/// Limits hold for all groups below, so the path is walked up to its root. In a container the path may name
/// directories that only the host sees: those are passed over.
Headroom headroom_along(const fs::path& mount, fs::path group, const Hierarchy& names) {
  Headroom result;
  for (bool at_root = false; !at_root; group = group.parent_path()) {
    at_root = !group.has_relative_path();
    const fs::path here = mount / group.relative_path();
    const std::optional<std::uint64_t> limit = read_number(here / names.limit);
    if (!limit) continue;
    const std::uint64_t usage = read_number(here / names.usage).value_or(0);
    const std::uint64_t reclaimable = read_number(here / "memory.stat", names.reclaimable).value_or(0);
    const std::uint64_t needed = usage - std::min(usage, reclaimable);
    result.limit = std::min(result.limit, *limit);
    result.left = std::min(result.left, *limit - std::min(*limit, needed));
  }
  return result;
}

/// Lines of /proc/self/cgroup: "4:cpu,memory:/path" for version 1, "0::/path" for version 2.
Headroom cgroup_headroom(const fs::path& root) {
  Headroom result;
  std::istringstream lines(read_text(root / "proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const bool is_version_2 = controllers == ",,";
    if (!is_version_2 && controllers.find(",memory,") == std::string::npos) continue;
    // A group outside of this namespace is shown as "/../..": of that, only the root can be seen.
    std::string group = line.substr(second + 1);
    if (group.find("..") != std::string::npos) group = "/";
    const Hierarchy& names = is_version_2 ? kVersion2 : kVersion1;
    const Headroom one = headroom_along(root / names.mount, group, names);
    result.limit = std::min(result.limit, one.limit);
    result.left = std::min(result.left, one.left);
  }
  return result;
}

/// What the capacity must not exceed, why, and what can be done about it.
struct Bound {
  std::uint64_t bytes;
  std::string_view what;  ///< with {} for the bytes
  std::string_view remedy;
};

std::string complaint(std::uint64_t capacity, const Bound& bound) {
  std::string asked = format_size(capacity);
  std::string there = format_size(bound.bytes);
  if (asked == there) {  // rounded away; nobody would believe "1 GiB is more than 1 GiB"
    asked = fmt::format("{} bytes", capacity);
    there = fmt::format("{} bytes", bound.bytes);
  }
  return fmt::format("capacity {} is more than {}; {}", asked, fmt::format(fmt::runtime(bound.what), there),
                     bound.remedy);
}

Result<std::vector<std::string>> check(std::uint64_t capacity, std::span<const Bound> musts,
                                       std::span<const Bound> shoulds) {
  for (const Bound& bound : musts)
    if (capacity > bound.bytes) return Error{Errc::out_of_memory, complaint(capacity, bound)};
  std::vector<std::string> warnings;
  for (const Bound& bound : shoulds)
    if (capacity > bound.bytes) warnings.push_back(complaint(capacity, bound));
  return warnings;
}

Result<std::vector<std::string>> check_huge_pages(std::uint64_t capacity, const fs::path& root) {
  const fs::path pool = root / "sys/kernel/mm/hugepages/hugepages-2048kB";
  const auto count = [&](const char* name) { return read_number(pool / name).value_or(0); };
  const std::optional<std::uint64_t> free = read_number(pool / "free_hugepages");
  if (!free) return Error{Errc::out_of_memory, "this kernel has no 2 MiB huge pages; set --huge-pages=false"};
  // Reserved pages are promised to others. Pages over the pool's size are made on demand up to the overcommit.
  const std::uint64_t unpromised = *free - std::min(*free, count("resv_hugepages"));
  const std::uint64_t overcommit = count("nr_overcommit_hugepages");
  const std::uint64_t pages = unpromised + overcommit - std::min(overcommit, count("surplus_hugepages"));
  const std::uint64_t needed = (capacity + kHugePageBytes - 1) / kHugePageBytes;
  const std::string remedy = fmt::format("raise vm.nr_hugepages by {}, lower --capacity, or set --huge-pages=false",
                                         needed - std::min(needed, pages));
  const Bound bound = {pages * kHugePageBytes, "the {} of free 2 MiB huge pages", remedy};
  return check(needed * kHugePageBytes, {&bound, 1}, {});
}

}  // namespace

Result<std::vector<std::string>> check_host(const StoreConfig& config, const fs::path& root) {
  const fs::path meminfo = root / "proc/meminfo";
  const std::optional<std::uint64_t> total_kib = read_number(meminfo, "MemTotal:");
  const std::optional<std::uint64_t> available_kib = read_number(meminfo, "MemAvailable:");
  if (!total_kib || !available_kib)
    return Error{Errc::system_error, fmt::format("cannot find out how much memory there is from {}", meminfo.string())};
  if (config.huge_pages) return check_huge_pages(config.capacity, root);

  const Headroom group = cgroup_headroom(root);
  std::vector<Bound> musts = {
      {*total_kib * 1024, "this machine's {} of memory", "lower --capacity"},
      {group.limit, "the {} that this cgroup may use", "lower --capacity or raise the cgroup's memory limit"}};
  const std::string_view remedy =
      config.preallocate ? "lower --capacity, free memory, or set --preallocate=false"
                         : "lower --capacity or free memory, or processes may be killed when the store fills up";
  const std::vector<Bound> shoulds = {{*available_kib * 1024, "this machine's {} of available memory", remedy},
                                      {group.left, "the {} that this cgroup has left", remedy}};
  if (!config.preallocate) return check(config.capacity, musts, shoulds);
  musts.insert(musts.end(), shoulds.begin(), shoulds.end());
  return check(config.capacity, musts, {});
}

}  // namespace dolium::daemon
