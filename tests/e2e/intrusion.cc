#include "tests/e2e/intrusion.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "shm/os/unique_fd.h"

namespace dolium::e2e {
namespace {

using shm::UniqueFd;

constexpr std::size_t kPage = 4096;
constexpr off_t kHuge = off_t{1} << 40;

using Way = std::pair<std::string, std::function<bool()>>;

std::string those_that_lead(const std::vector<Way>& ways) {
  std::string names;
  for (const auto& [name, leads] : ways)
    if (leads()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

std::string link_of(int fd, const std::string& process = "self") {
  return fmt::format("/proc/{}/fd/{}", process, fd);
}

bool opens(const std::string& path, int flags) {
  return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC)).valid();
}

/// Runs `leads` where a failure, or what it does to the process, harms nobody.
bool in_child(const std::function<bool()>& leads) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(leads() ? 0 : 1);
  int status = -1;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

/// A page of `fd`, mapped shared for reading.
struct View {
  explicit View(int fd) : data(::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0)) {}
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() {
    if (data != MAP_FAILED) ::munmap(data, kPage);
  }
  [[nodiscard]] bool becomes_writable(void* at) const {
    return at != MAP_FAILED && ::mprotect(at, kPage, PROT_READ | PROT_WRITE) == 0;
  }
  void* data;
};

/// mremap() with an old size of 0 makes a second mapping of shared memory.
bool second_mapping_is_writable(const View& view) {
  void* second = ::mremap(view.data, 0, kPage, MREMAP_MAYMOVE);
  const bool writable = view.becomes_writable(second);
  if (second != MAP_FAILED) ::munmap(second, kPage);
  return writable;
}

bool maps_for_writing(int fd) {
  void* data = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return false;
  ::munmap(data, kPage);
  return true;
}

/// /proc/self/mem writes where mprotect() does not let us: into read-only pages, too.
bool writes_through_proc_mem(const View& view) {
  const UniqueFd memory(::open("/proc/self/mem", O_RDWR | O_CLOEXEC));
  const auto at = reinterpret_cast<std::uintptr_t>(view.data);
  return memory.valid() && ::pwrite(memory.get(), view.data, 1, static_cast<off_t>(at)) == 1;
}

bool map_file_opens(const View& view) {
  const auto begin = reinterpret_cast<std::uintptr_t>(view.data);
  return opens(fmt::format("/proc/self/map_files/{:x}-{:x}", begin, begin + kPage), O_RDWR);
}

/// Root in a user namespace of our own has every capability, over what is mapped there.
bool reopens_as_root_of_a_namespace(int fd) {
  return in_child([fd] { return ::unshare(CLONE_NEWUSER) == 0 && opens(link_of(fd), O_RDWR); });
}

bool reopens_by_path_descriptor(int fd) {
  const UniqueFd path(::open(link_of(fd).c_str(), O_PATH | O_CLOEXEC));
  return path.valid() && opens(link_of(path.get()), O_RDWR);
}

bool receives_from_file(int fd) {
  const UniqueFd source(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  off_t from = 0;
  off_t to = 0;
  return ::sendfile(fd, source.get(), &from, 1) == 1 || ::copy_file_range(source.get(), &from, fd, &to, 1, 0) == 1;
}

bool attaches(pid_t pid) {
  return ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0;
}

bool reads_memory_of(pid_t pid) {
  char byte = 0;
  const iovec here{&byte, 1};
  const iovec there{&byte, 1};  // no matter where: permission comes first
  return ::process_vm_readv(pid, &here, 1, &there, 1, 0) >= 0 || errno != EPERM ||
         ::process_vm_writev(pid, &here, 1, &there, 1, 0) >= 0 || errno != EPERM;
}

bool takes_descriptor_of(pid_t pid) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  for (int fd = 0; fd < 64; ++fd)
    if (UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0))).valid()) return true;
  return false;
}

}  // namespace

std::string ways_to_write(int fd) {
  const View view(fd);
  if (view.data == MAP_FAILED) return "cannot even be mapped for reading";
  const std::string own = std::to_string(::getpid());
  return those_that_lead({
      {"write", [&] { return ::pwrite(fd, view.data, 1, 0) == 1; }},
      {"sendfile", [&] { return receives_from_file(fd); }},
      {"map for writing", [&] { return maps_for_writing(fd); }},
      {"mprotect", [&] { return view.becomes_writable(view.data); }},
      {"mremap", [&] { return second_mapping_is_writable(view); }},
      {"/proc/self/mem", [&] { return writes_through_proc_mem(view); }},
      {"map_files", [&] { return map_file_opens(view); }},
      {"reopen", [&] { return opens(link_of(fd), O_RDWR) || opens(link_of(fd), O_WRONLY); }},
      {"reopen by number", [&] { return opens(link_of(fd, own), O_RDWR); }},
      {"reopen O_PATH", [&] { return reopens_by_path_descriptor(fd); }},
      {"user namespace", [&] { return reopens_as_root_of_a_namespace(fd); }},
      {"punch a hole", [&] { return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage) == 0; }},
      {"remove pages", [&] { return ::madvise(view.data, kPage, MADV_REMOVE) == 0; }},
      // Last: after it there is no page left to try the others on.
      {"reopen and truncate", [&] { return opens(link_of(fd), O_RDONLY | O_TRUNC); }},
  });
}

std::string ways_to_resize(int fd) {
  return those_that_lead({
      {"shrink", [&] { return ::ftruncate(fd, 0) == 0; }},
      {"grow", [&] { return ::ftruncate(fd, kHuge) == 0; }},
      {"allocate behind the end", [&] { return ::fallocate(fd, 0, kHuge, kPage) == 0; }},
      {"truncate by name", [&] { return ::truncate(link_of(fd).c_str(), 0) == 0; }},
      {"seal", [&] { return ::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0; }},
      {"seal future writes", [&] { return ::fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0; }},
      {"change the mode", [&] { return ::fchmod(fd, 0666) == 0 || ::chmod(link_of(fd).c_str(), 0666) == 0; }},
      {"change the owner", [&] { return ::fchown(fd, ::getuid(), ::getgid()) == 0; }},
  });
}

std::string ways_into(pid_t pid) {
  std::vector<Way> ways = {
      {"memory by call", [=] { return reads_memory_of(pid); }},
      {"descriptors by call", [=] { return takes_descriptor_of(pid); }},
      {"ptrace", [=] { return in_child([=] { return attaches(pid); }); }},
      {"descriptors", [=] { return opens(fmt::format("/proc/{}/fd", pid), O_RDONLY | O_DIRECTORY); }},
      {"mapped files", [=] { return opens(fmt::format("/proc/{}/map_files", pid), O_RDONLY | O_DIRECTORY); }},
  };
  for (const char* name : {"mem", "maps", "environ"})
    ways.emplace_back(name, [=] { return opens(fmt::format("/proc/{}/{}", pid, name), O_RDONLY); });
  return those_that_lead(ways);
}

}  // namespace dolium::e2e
