#include "shm/os/mapping_limit.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "shm/os/proc_file.h"
#include "shm/os/system_error.h"
#include "shm/os/unique_fd.h"
#include "shm/text/size_text.h"

namespace dolium::shm {
namespace {

constexpr std::uint64_t kKiB = 1024;
/// Number of mappings below the maximum that still counts as reaching it: one call of the kernel may need several.
constexpr std::uint64_t kFewMappings = 16;

/// Takes no memory: the file has megabytes when the limit is near, and the heap cannot grow then.
std::optional<std::uint64_t> count_lines(const std::filesystem::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 16384> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() writes it
  std::uint64_t lines = 0;
  for (;;) {
    const ssize_t size =
        file.valid() ? retry_interrupted([&] { return ::read(file.get(), text.data(), text.size()); }) : -1;
    if (size < 0) return std::nullopt;
    if (size == 0) return lines;
    lines += static_cast<std::uint64_t>(std::count(text.begin(), text.begin() + size, '\n'));
  }
}

std::optional<std::string> of_mappings(const std::filesystem::path& proc) {
  const auto maximum = read_number(proc / "sys/vm/max_map_count");
  const auto lines = count_lines(proc / "self/maps");
  if (!maximum || !lines) return std::nullopt;
  const std::uint64_t count = *lines;
  if (count + kFewMappings < *maximum) return std::nullopt;
  return fmt::format(
      "the process has {} memory mappings, and vm.max_map_count is {}: drop private copies that are not "
      "needed, or raise it with sysctl",
      count, *maximum);
}

std::optional<std::string> of_resource(const std::string& status, const char* used_label, int resource,
                                       std::uint64_t bytes, std::string_view name, std::string_view command) {
  rlimit limit{};
  if (::getrlimit(static_cast<decltype(RLIMIT_AS)>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::nullopt;
  const std::uint64_t used = find_number(status, used_label).value_or(0) * kKiB;
  if (used + bytes <= limit.rlim_cur) return std::nullopt;
  return fmt::format("the process uses {} already, and its limit {} is {}: raise it ({})", format_size(used), name,
                     format_size(limit.rlim_cur), command);
}

std::optional<std::string> of_overcommit(const std::filesystem::path& proc) {
  constexpr std::uint64_t kStrict = 2;
  if (read_number(proc / "sys/vm/overcommit_memory") != kStrict) return std::nullopt;
  const auto text = read_text(proc / "meminfo");
  const std::uint64_t limit = text ? find_number(*text, "CommitLimit:").value_or(0) * kKiB : 0;
  return fmt::format(
      "vm.overcommit_memory is 2, so the kernel counts the whole copy, and CommitLimit is {}: raise "
      "vm.overcommit_ratio, or set vm.overcommit_memory to 0",
      format_size(limit));
}

std::optional<std::string> reached_limit(std::uint64_t bytes, const std::filesystem::path& proc) {
  if (auto limit = of_mappings(proc)) return limit;
  const std::string status = read_text(proc / "self/status").value_or("");
  if (auto limit = of_resource(status, "VmSize:", RLIMIT_AS, bytes, "RLIMIT_AS", "ulimit -v")) return limit;
  if (auto limit = of_resource(status, "VmData:", RLIMIT_DATA, bytes, "RLIMIT_DATA", "ulimit -d, LimitDATA= in a unit"))
    return limit;
  if (auto limit = of_resource(status, "VmLck:", RLIMIT_MEMLOCK, bytes, "RLIMIT_MEMLOCK",
                               "ulimit -l, LimitMEMLOCK= in a unit; mlockall() makes every mapping count"))
    if (find_number(status, "VmLck:").value_or(0) != 0) return limit;
  return of_overcommit(proc);
}

}  // namespace

Error mapping_refused(std::uint64_t bytes, int error_number, const std::filesystem::path& root) {
  const std::string doing = fmt::format("make a private copy of {} bytes ({})", bytes, format_size(bytes));
  if (error_number != ENOMEM && error_number != EAGAIN) return system_error(doing, error_number);
  if (const auto limit = reached_limit(bytes, root / "proc"))
    return {Errc::out_of_memory, fmt::format("cannot {}: {}", doing, *limit)};
  return {Errc::out_of_memory, system_error(doing, error_number).message};
}

}  // namespace dolium::shm
