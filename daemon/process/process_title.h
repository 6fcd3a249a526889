#pragma once
// What the daemon's processes are called: "doliumd: keeper" and "doliumd: server SOCKET", in front of their arguments
// as they were given (ps, /proc/PID/cmdline), and the first two words where there is room for 15 bytes (top, ps -e).
//
// A program's title is what it was executed with: nothing else leaves its arguments readable for ps. So the keeper
// executes itself once more, before there is anything to lose, and the server is executed anyway.

#include <string>
#include <vector>

namespace dolium::daemon {

/// The program that this process executes, whatever stands under its name by now.
inline constexpr const char* kAsItWas = "/proc/self/exe";
/// The program's file as it was named when this process began: a new version may stand there by now.
[[nodiscard]] std::string own_program();

inline constexpr const char* kKeeperTitle = "doliumd: keeper";

/// Arguments for execv() with this title in place of the first. Both must outlive them.
[[nodiscard]] std::vector<char*> with_title(std::string& title, char** argv);

/// The short name, of which the kernel keeps 15 bytes.
void name_process(const char* name) noexcept;

/// Executes this program again as "doliumd: keeper", once: a mark in the environment tells. Returns in the new image,
/// or when the program cannot be executed.
void become_keeper(char** argv);

}  // namespace dolium::daemon
