#pragma once
// Who is at the other end of a Unix connection, as the kernel knows it. The peer can neither forge nor withhold
// any of this. A client is seen as it was when it connected, a daemon as the server that called listen() last.
// Thread-safe; nothing here blocks.

#include <sys/types.h>

#include <string>
#include <vector>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::protocol {

struct PeerCredentials {
  pid_t pid;  ///< 0 when the peer lives in a pid namespace that we cannot see
  uid_t uid;
  gid_t gid;
};
[[nodiscard]] Result<PeerCredentials> peer_credentials(int fd);

/// The peer's supplementary groups; its first group is in the credentials.
[[nodiscard]] Result<std::vector<gid_t>> peer_groups(int fd);

/// A pidfd of the process that connected: readable once that process has exited. not_found when that process is
/// gone already. On kernels before 6.5 it is looked up by number, which may by then be another process's: believe it
/// only while the connection is open. There, a process of a pid namespace that we cannot see has no number, and the
/// result is an invalid descriptor: only the connection's end tells that it is gone.
[[nodiscard]] Result<shm::UniqueFd> peer_process(int fd);

/// From now on the kernel says with all that is sent to this socket which process sent it: FrameReader::sender(). For
/// a connection that changes hands, of which peer_credentials() knows only who made it.
[[nodiscard]] Result<void> report_senders(int fd);

/// The name of a process, for people; "?" when it cannot be known.
[[nodiscard]] std::string command_of(pid_t pid);

/// A process in a sentence: "process 17"; 0 is one "of another PID namespace", whose number is not known here.
[[nodiscard]] std::string process_text(pid_t pid);

/// The PID namespace of this process, as the inode of /proc/self/ns/pid: of two processes on one host, alike where
/// their numbers of processes mean the same. 0: unknown.
[[nodiscard]] std::uint64_t own_pid_namespace();

/// A pidfd of `pid`. not_found when there is no such process.
[[nodiscard]] Result<shm::UniqueFd> process_by_number(pid_t pid);

}  // namespace dolium::protocol
