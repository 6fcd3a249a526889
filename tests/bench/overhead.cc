// Bookkeeping an object: everything but the arena. Measured, not computed: the blocks that the kernel has given to the
// daemon's memfds other than the arena (index, pin tables; a memfd's pages count once, whoever maps them), and the
// anonymous memory of the daemon, both beyond what a daemon of the least size takes. Beside it what the store itself
// counts (Store::bookkeeping_bytes), for the same objects in this process. Page tables and padding stand apart.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "shm/store/store.h"
#include "tests/bench/process.h"
#include "tests/child_processes.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kBatch = 500;

struct Usage {
  double shared = 0;       ///< bytes of memfds but the arena
  double anonymous = 0;    ///< bytes of the daemon's heap and stack
  double page_tables = 0;  ///< bytes
  [[nodiscard]] double total() const { return shared + anonymous; }
};

std::string proc(pid_t pid, const std::string& file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

/// "Name:   123 kB", in bytes.
double read_kb(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) * 1024;
  give_up("no " + name + " in " + path);
}

double memfd_bytes(pid_t pid) {
  const std::string directory = proc(pid, "fd");
  DIR* entries = ::opendir(directory.c_str());
  require(entries != nullptr, "the daemon's descriptors cannot be read");
  std::map<ino_t, double> bytes;  // a memfd may be open twice
  while (const dirent* entry = ::readdir(entries)) {
    const std::string path = directory + "/" + entry->d_name;
    char target[256] = {};
    if (::readlink(path.c_str(), target, sizeof target - 1) < 0) continue;
    const std::string name = target;
    struct stat status {};
    if (name.find("memfd:dolium-") == std::string::npos || name.find("arena") != std::string::npos) continue;
    if (::stat(path.c_str(), &status) == 0) bytes[status.st_ino] = static_cast<double>(status.st_blocks) * 512;
  }
  ::closedir(entries);
  double sum = 0;
  for (const auto& [inode, each] : bytes) sum += each;
  return sum;
}

/// `daemon` is the keeper; its only child does the work.
Usage usage_of(pid_t daemon) {
  const std::vector<pid_t> children = test::children_of(daemon);
  require(!children.empty(), "the daemon's server cannot be found");
  const pid_t server = children.front();
  const auto of_both = [&](const std::string& file, const std::string& name) {
    return read_kb(proc(daemon, file), name) + read_kb(proc(server, file), name);
  };
  return {memfd_bytes(server), of_both("smaps_rollup", "Anonymous"), of_both("status", "VmPTE")};
}

Usage least_usage() {
  const Daemon daemon({.capacity = 4 * kKiB, .max_objects = 1});
  const auto client = daemon.connect();
  return usage_of(daemon.pid());
}

void put_all(Client& client, std::uint64_t count, std::uint64_t size) {
  const std::vector<std::byte> data(size, std::byte{7});
  std::vector<PutItem> items;
  for (std::uint64_t i = 0; i < count; ++i) {
    items.push_back({numbered_id(i), data});
    if (items.size() < kBatch && i + 1 < count) continue;
    for (const Result<void>& outcome : must(client.put_many(items))) must(outcome);
    items.clear();
  }
}

void get_all(Client& client, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) require(must(client.get_raw(numbered_id(i))).holds(), "no object");
}

/// The store's own count, with one client that has touched nothing.
double counted_bytes(const StoreConfig& config, std::uint64_t count, std::uint64_t size) {
  const auto store = must(shm::Store::create(config, 1));
  const auto client = must(store->attach({}, 1));
  for (std::uint64_t i = 0; i < count; ++i) {
    shm::NewObject object;
    object.id = numbered_id(i);
    object.data_size = size;
    must(store->create_object(client, object, 1));
    must(store->seal(client, object.id, 1));
  }
  return static_cast<double>(store->report().bookkeeping_bytes());
}

void measure(Report& report, const std::string& what, std::uint64_t count, std::uint64_t size) {
  const std::uint64_t taken = (size + 63) / 64 * 64;
  const std::uint64_t capacity = count * taken;
  const auto objects = static_cast<double>(count);
  const Usage least = least_usage();
  const Daemon daemon({.capacity = capacity, .max_objects = count});
  const auto writer = daemon.connect();
  put_all(*writer, count, size);
  const StoreStats stats = must(writer->stats());
  require(stats.total_objects == count, "objects were evicted");
  const Usage stored = usage_of(daemon.pid());
  get_all(*writer, count);
  const Usage with_one = usage_of(daemon.pid());
  const auto reader = daemon.connect();
  get_all(*reader, count);
  const Usage with_two = usage_of(daemon.pid());

  const auto each = [&](const std::string& name, double bytes, const std::string& goal) {
    report.add({what + ": " + name, "", bytes / objects, "B", {}, 0, {}, goal});
  };
  each("one client, which got each", with_one.total() - least.total(), "<= 128, aim 100");
  each("  of it index and pin table", with_one.shared - least.shared, "");
  each("  of it the daemon's heap", with_one.anonymous - least.anonymous, "");
  each("one client, which only put", stored.total() - least.total(), "");
  each("a further client that got each", with_two.total() - with_one.total(), "<= 16");
  each("Store::bookkeeping_bytes(), nothing got",
       counted_bytes({.capacity = capacity, .max_objects = static_cast<std::uint32_t>(count)}, count, size), "");
  each("padding, apart", static_cast<double>(stats.padding_bytes), "");
  each("page tables of the daemon, apart", with_one.page_tables - least.page_tables, "");
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "overhead: bytes of bookkeeping an object");
  if (report.smoke()) return measure(report, "2,000 of 1 KiB", 2'000, kKiB), 0;
  measure(report, "100,000 of 1 KiB", 100'000, kKiB);
  if (report.quick())
    measure(report, "200,000 of 100 B", 200'000, 100);
  else
    measure(report, "1,000,000 of 100 B", 1'000'000, 100);
}
