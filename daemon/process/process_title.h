#pragma once
// The titles of the daemon's processes: "doliumd: keeper" and "doliumd: server SOCKET", followed by their arguments
// (ps, /proc/PID/cmdline); the first two words where there is room for 15 bytes (top, ps -e).
//
// ps shows the arguments with which a program was executed: no other way leaves them readable. So the keeper executes
// itself once more, before there is anything to lose; the server is executed anyway.

#include <string>
#include <vector>

namespace dolium::daemon {

/// The program of this process, even if its file has been replaced.
inline constexpr const char* kAsItWas = "/proc/self/exe";
/// The path of the program when this process began: it may hold a new version by now.
[[nodiscard]] std::string own_program();

inline constexpr const char* kKeeperTitle = "doliumd: keeper";

/// Arguments for execv() with this title in place of the first. Both parameters must outlive the result.
[[nodiscard]] std::vector<char*> with_title(std::string& title, char** argv);

/// Sets the short name; the kernel keeps 15 bytes.
void name_process(const char* name) noexcept;

/// Executes this program again as "doliumd: keeper", once: an environment variable marks the second time. Returns in
/// the new image, or if the program cannot be executed.
void become_keeper(char** argv);

}  // namespace dolium::daemon
