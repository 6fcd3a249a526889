#pragma once
// The identity of the peer of a Unix connection, as the kernel knows it. The peer can neither forge nor withhold it. A
// client is seen as it was when it connected; a daemon as the server that called listen() last. Thread-safe; no
// function blocks.

#include <sys/types.h>

#include <string>
#include <vector>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::protocol {

struct PeerCredentials {
  pid_t pid;  ///< 0 if the peer is in a PID namespace that is not visible here
  uid_t uid;
  gid_t gid;
};
[[nodiscard]] Result<PeerCredentials> peer_credentials(int fd);

/// The peer's supplementary groups. Its primary group is in the credentials.
[[nodiscard]] Result<std::vector<gid_t>> peer_groups(int fd);

/// A pidfd of the process that connected: readable once that process has exited. not_found if it is gone already.
/// Kernels before 6.5 look it up by pid, which may belong to another process by then: trust it only while the
/// connection is open. There, a process of a PID namespace that is not visible here has no pid, and the result is an
/// invalid descriptor: then only the end of the connection shows that it is gone.
[[nodiscard]] Result<shm::UniqueFd> peer_process(int fd);

/// Makes the kernel report the sending process with all bytes of this socket: FrameReader::sender(). For a connection
/// that is handed to another process: peer_credentials() only knows the process that connected.
[[nodiscard]] Result<void> report_senders(int fd);

/// The name of a process, for messages; "?" if it is unknown.
[[nodiscard]] std::string command_of(pid_t pid);

/// A process in a sentence: "process 17"; 0 gives "a process of another PID namespace", whose pid is unknown here.
[[nodiscard]] std::string process_text(pid_t pid);

/// The PID namespace of this process, as the inode of /proc/self/ns/pid. Pids of two processes on one host can be
/// compared if these numbers are equal. 0: unknown.
[[nodiscard]] std::uint64_t own_pid_namespace();

/// A pidfd of `pid`. not_found if there is no such process.
[[nodiscard]] Result<shm::UniqueFd> process_by_number(pid_t pid);

}  // namespace dolium::protocol
