#include "client/cli/host_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "shm/os/basic_types.h"
#include "shm/os/proc_file.h"
#include "shm/os/segment.h"
#include "shm/table/host_check.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

using Level = Finding::Level;
using shm::HostMemory;
using shm::HostQuery;

constexpr Section kHost{"host"};
/// Number of descriptors per client in the daemon: its socket, process, release event and pin table. (The keeper has
/// copies of its own.)
constexpr std::uint64_t kDescriptorsPerClient = 4;
/// Number of descriptors for the daemon itself, and for a burst of new clients.
constexpr std::uint64_t kSpareDescriptors = 64;
/// The default of max_connections.
constexpr std::uint64_t kUsualClients = 1024;

void examine_memory(const HostQuery& query, const Result<HostMemory>& memory, const HostLoad& load, Findings& out) {
  const auto shortages = shm::find_shortages({.capacity = load.capacity, .max_objects = load.max_objects}, query);
  const std::string fails = load.daemon_runs ? "The store cannot grow to its capacity: before that, it evicts objects, "
                                               "or the kernel kills processes."
                                             : "doliumd refuses to start with this capacity.";
  if (!shortages) return out.push_back(kHost("memory", Finding::Level::problem, shortages.error().message, fails));
  for (const auto& [what, remedy, can_never_work] : *shortages)
    out.push_back(kHost(
        "memory", can_never_work ? Finding::Level::problem : Finding::Level::note, what,
        can_never_work ? fails : "It works as long as the store stays half empty, or if other processes free memory.",
        remedy));
  if (!shortages->empty()) return;
  if (!memory) return;  // then find_shortages() has failed, too
  const std::string group =
      memory->group_limit > memory->total
          ? "no cgroup sets a limit"
          : fmt::format("the cgroup has {} left of {}", format_size(std::min(memory->group_left, memory->total)),
                        format_size(memory->group_limit));
  out.push_back(kHost("memory", Finding::Level::fine,
                      fmt::format("{} of {} are available, {}: enough for {}", format_size(memory->available),
                                  format_size(memory->total), group, format_size(load.capacity))));
}

void examine_overcommit(const HostQuery& query, const HostLoad& load, Findings& out) {
  constexpr std::uint64_t kNever = 2;
  const auto mode = shm::read_number(query.root / "proc/sys/vm/overcommit_memory");
  if (mode != kNever) {
    out.push_back(
        kHost("overcommit", Finding::Level::fine,
              mode ? fmt::format("vm.overcommit_memory is {}: shared memory is allocated when it is used", *mode)
                   : std::string("vm.overcommit_memory cannot be read; assuming its default, 0")));
    return;
  }
  const std::filesystem::path meminfo = query.root / "proc/meminfo";
  const std::uint64_t limit = shm::read_number(meminfo, "CommitLimit:").value_or(0) * 1024;
  const std::uint64_t promised = shm::read_number(meminfo, "Committed_AS:").value_or(0) * 1024;
  const std::uint64_t left = limit - std::min(limit, promised);
  const std::uint64_t wanted = load.capacity - std::min(load.capacity, query.reserved);
  const bool enough = wanted <= left;
  out.push_back(kHost("overcommit", enough ? Finding::Level::fine : Finding::Level::problem,
                      fmt::format("vm.overcommit_memory is 2: {} can still be committed, but the store needs {} more",
                                  format_size(left), format_size(wanted)),
                      enough ? "" : "Creates will fail with \"Cannot allocate memory\" before the store is full.",
                      enough ? "" : "lower --capacity, raise vm.overcommit_ratio, or set vm.overcommit_memory to 0"));
}

void examine_swap(const Result<HostMemory>& memory, Findings& out) {
  if (!memory) return;  // reported already
  if (memory->swap == 0)
    out.push_back(kHost("swap", Finding::Level::fine, "there is no swap space: objects stay in memory"));
  else
    out.push_back(kHost("swap", Finding::Level::note,
                        fmt::format("there are {} of swap space", format_size(memory->swap)),
                        "Idle objects may be swapped out, and the next get then waits for the disk.",
                        "to prevent that, set memory.swap.max = 0 for doliumd's cgroup"));
}

// ---- limits of the process ----

struct Limit {
  std::uint64_t hard = UINT64_MAX;
  [[nodiscard]] std::string text(std::string (*number)(std::uint64_t)) const {
    return hard == UINT64_MAX ? "unlimited" : number(hard);
  }
};

/// A row of /proc/PID/limits: name, soft limit, hard limit, unit. Returns the hard limit, because doliumd raises its
/// soft limits as needed.
std::optional<Limit> read_limit(const HostQuery& query, std::string_view name) {
  const auto line = shm::read_line(query.root / "proc" / query.process / "limits", name);
  if (!line) return std::nullopt;
  const std::size_t space = line->find(' ');
  const std::size_t second = line->find_first_not_of(' ', space);
  if (space == std::string::npos || second == std::string::npos) return std::nullopt;
  Limit limit;
  const char* begin = line->data() + second;
  if (line->compare(second, 9, "unlimited") == 0) return limit;
  if (std::from_chars(begin, line->data() + line->size(), limit.hard).ec != std::errc()) return std::nullopt;
  return limit;
}

std::string plain(std::uint64_t number) {
  return fmt::format("{}", number);
}

void examine_descriptors(const HostQuery& query, const HostLoad& load, Findings& out) {
  const auto limit = read_limit(query, "Max open files");
  if (!limit) return;
  const auto need = [](std::uint64_t clients) { return clients * kDescriptorsPerClient + kSpareDescriptors; };
  const std::string found = fmt::format("a process may open {} (RLIMIT_NOFILE)", limit->text(plain));
  if (limit->hard < need(std::max<std::uint64_t>(load.clients, 1)))
    out.push_back(kHost("descriptors", Finding::Level::problem, found,
                        fmt::format("doliumd needs {1} of them for {0} clients: new clients will be refused.",
                                    load.clients, need(load.clients)),
                        "raise LimitNOFILE= in doliumd's unit, or `ulimit -Hn` where it is started"));
  else if (limit->hard < need(kUsualClients))
    out.push_back(kHost("descriptors", Finding::Level::note, found,
                        fmt::format("Enough for {} clients, but the default of max_connections is {}.",
                                    (limit->hard - kSpareDescriptors) / kDescriptorsPerClient, kUsualClients),
                        "raise LimitNOFILE= in doliumd's unit, or `ulimit -Hn` where it is started"));
  else
    out.push_back(kHost("descriptors", Finding::Level::fine, found));
}

/// Limits in bytes for mappings and memfds.
void examine_size_limits(const HostQuery& query, const HostLoad& load, Findings& out) {
  const auto look = [&](const char* topic, const char* row, const char* constant, std::uint64_t wanted,
                        const char* meaning) {
    const auto limit = read_limit(query, row);
    if (!limit) return;
    const std::string found = fmt::format("{} is {}", constant, limit->text(format_size));
    if (limit->hard >= wanted)
      out.push_back(kHost(topic, Finding::Level::fine, found));
    else
      out.push_back(
          kHost(topic, Finding::Level::problem, found, meaning,
                fmt::format("raise {} to at least {}, for doliumd and its clients", constant, format_size(wanted))));
  };
  look("file size", "Max file size", "RLIMIT_FSIZE", load.capacity,
       "The store's memory counts as a file, which cannot be larger than this.");
  // The arena twice, and the tables.
  look("address space", "Max address space", "RLIMIT_AS", load.capacity * 2 + load.capacity / 4,
       "Every client maps the whole store, a writer even twice: clients cannot connect.");
  if (const auto locked = read_limit(query, "Max locked memory"))
    out.push_back(kHost("locked memory", Finding::Level::fine,
                        fmt::format("RLIMIT_MEMLOCK is {}; it does not matter, because Dolium locks no memory",
                                    locked->text(format_size))));
}

// ---- pages ----

/// The word in brackets: "always within_size advise [never] deny force".
std::string chosen(const std::string& text) {
  const std::size_t begin = text.find('[');
  const std::size_t end = text.find(']', begin);
  return end == std::string::npos ? "" : text.substr(begin + 1, end - begin - 1);
}

/// Whether the kernel can merge pages on request (MADV_COLLAPSE): "6.1.0-18-amd64" and later can.
bool merges_on_demand(const HostQuery& query) {
  const std::string release = shm::read_text(query.root / "proc/sys/kernel/osrelease").value_or("");
  unsigned major = 0;
  unsigned minor = 0;
  const char* end = release.data() + release.size();
  const auto [stop, error] = std::from_chars(release.data(), end, major);
  if (error != std::errc() || stop == end || std::from_chars(stop + 1, end, minor).ec != std::errc()) return false;
  return std::pair(major, minor) >= std::pair(6U, 1U);
}

void examine_pages(const HostQuery& query, Findings& out) {
  const auto text = shm::read_text(query.root / "sys/kernel/mm/transparent_hugepage/shmem_enabled");
  const std::string mode = text ? chosen(*text) : "";
  const bool possible = !mode.empty() && mode != "deny";
  const bool by_itself = mode == "always" || mode == "within_size" || mode == "force";
  const std::string found = fmt::format("shmem_enabled is {}", mode.empty() ? "missing" : mode);
  if (by_itself)
    out.push_back(kHost("huge pages", Finding::Level::fine, found + ": the kernel uses pages of 2 MiB"));
  else if (possible && merges_on_demand(query))
    out.push_back(kHost("huge pages", Finding::Level::fine,
                        found + "; with `prefault`, doliumd itself makes the kernel merge pages into 2 MiB"));
  else
    out.push_back(kHost("huge pages", Finding::Level::note, found,
                        "The store gets pages of 4 KiB: the first access to each page costs a page fault, "
                        "and large objects cause more TLB misses.",
                        "for large objects: echo within_size > /sys/kernel/mm/transparent_hugepage/shmem_enabled, or "
                        "raise vm.nr_hugepages and set huge_pages = true; then restart doliumd"));
}

}  // namespace

Findings host_findings(const HostQuery& query, const HostLoad& load) {
  Findings out;
  const Result<HostMemory> memory = shm::read_host_memory(query);
  examine_memory(query, memory, load, out);
  examine_overcommit(query, load, out);
  examine_swap(memory, out);
  examine_descriptors(query, load, out);
  examine_size_limits(query, load, out);
  examine_pages(query, out);
  return out;
}

Finding shared_memory_finding() {
  const Result<shm::Segment> probe = shm::Segment::create("doctor", shm::kPageBytes);
  const Result<void> reserved = probe ? probe->reserve(0, shm::kPageBytes) : Result<void>(probe.error());
  if (reserved)
    return kHost(
        "shared memory", Finding::Level::fine,
        "memfd_create and its seals work; the size of /dev/shm does not matter, because the store does not use it");
  return kHost("shared memory", Finding::Level::problem, reserved.error().message,
               "The store needs memory from memfd_create, sealed against changes of its size: without it, "
               "neither doliumd nor InProcessStore can start.",
               "allow memfd_create and fcntl in the container's system call filter, and set sysctl vm.memfd_noexec "
               "below 2");
}

}  // namespace dolium::cli
