#include "protocol/peer.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

#include "shm/os/system_error.h"

namespace dolium::protocol {
namespace {

using shm::UniqueFd;

// SO_PEERPIDFD, since Linux 6.5; glibc 2.36 has no name for it.
constexpr int kPeerPidfdOption = 77;
// Most users have at most this number of groups; more cost a second call.
constexpr std::size_t kUsualGroups = 32;

Result<UniqueFd> pidfd_result(int fd) {
  if (fd >= 0) return UniqueFd(fd);
  if (errno == ESRCH) return Error{Errc::not_found, "the process is gone"};
  return shm::system_error("watch the process at the other end");
}

}  // namespace

Result<PeerCredentials> peer_credentials(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return shm::system_error("read the credentials of the other process");
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

Result<std::vector<gid_t>> peer_groups(int fd) {
  std::vector<gid_t> groups(kUsualGroups);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int result = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (result != 0 && errno != ERANGE) return shm::system_error("read the groups of the other process");
    groups.resize(size / sizeof(gid_t));  // after ERANGE, size is the number of bytes needed
    if (result == 0) return groups;
  }
}

Result<UniqueFd> peer_process(int fd) {
  int pidfd = -1;
  socklen_t size = sizeof(pidfd);
  if (::getsockopt(fd, SOL_SOCKET, kPeerPidfdOption, &pidfd, &size) == 0) return UniqueFd(pidfd);
  if (errno != ENOPROTOOPT) return pidfd_result(-1);
  return peer_credentials(fd).and_then(
      [](PeerCredentials peer) { return peer.pid == 0 ? Result<UniqueFd>(UniqueFd()) : process_by_number(peer.pid); });
}

Result<void> report_senders(int fd) {
  const int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0)
    return shm::system_error("make the kernel report the senders of messages");
  return {};
}

std::uint64_t own_pid_namespace() {
  struct stat info {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

std::string command_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name;
  std::getline(file, name);
  return name.empty() ? "?" : name;
}

std::string process_text(pid_t pid) {
  return pid == 0 ? "a process of another PID namespace" : fmt::format("process {}", pid);
}

// By syscall(): glibc 2.36 declares pidfd_open() without C linkage, so C++ cannot link to it.
Result<UniqueFd> process_by_number(pid_t pid) {
  return pidfd_result(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace dolium::protocol
