#pragma once
// The daemon's configuration, from built-in defaults, a TOML file and flags.
//
// Model: flags override the file, and the file overrides the defaults. Every option is a key of the file and a flag.
// One table (config_options.cc) describes all options; the readers of file and flags, --help and to_toml() use it. The
// result of load() is complete and in range, but not yet checked against this machine: shm/table/host_check.h compares
// it with the machine's memory, and access_list.h turns names into ids.
//
// Values; no state.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/result.h>
#include <dolium/store_config.h>

namespace dolium::daemon {

enum class LogLevel : std::uint8_t { trace, debug, info, warning, error, critical, off };
inline constexpr std::array<std::string_view, 7> kLogLevels = {"trace", "debug",    "info", "warning",
                                                               "error", "critical", "off"};
[[nodiscard]] constexpr std::string_view name_of(LogLevel level) noexcept {
  return kLogLevels.at(static_cast<std::size_t>(level));
}

/// How the spill process does its I/O.
enum class SpillIo : std::uint8_t {
  automatic,  ///< io_uring, or threads where it is not allowed
  io_uring,
  threads,
};

/// The defaults are the same as in conf/doliumd.toml; a test compares them.
struct Config {
  StoreConfig store = {};  ///< includes the limits on unsealed and pinned bytes

  /// Empty: use default_socket_path(). Never empty after load().
  std::string socket_path = {};
  /// Permission bits of the socket.
  std::uint32_t socket_mode = 0600;
  /// Name or number of the socket's group; empty: the daemon's own.
  std::string socket_group = {};

  /// Trust the socket's directory, regardless of its owner and mode.
  bool trust_directory = false;

  /// Users that may read, and users that may read and write, in addition to root and the daemon's user: user names or
  /// numbers, '@' and a group's name or number, or "*" for all users. AccessList resolves them.
  std::vector<std::string> readers = {};
  std::vector<std::string> writers = {};

  /// Busy-polling time after each request, in microseconds. Server::patience_with() has exceptions for clients that
  /// write.
  std::uint32_t busy_poll_us = 50;

  /// In idle moments, free memory beyond so many bytes is given back to the system; 0: never.
  std::uint64_t trim_above = 0;

  std::uint32_t max_connections = 1024;
  std::uint32_t max_connections_per_user = 0;  ///< 0: no limit but max_connections

  /// The spill tier's directory; empty: there is none, and store.spill is off.
  std::string spill_directory = {};
  /// Maximum number of bytes that are allocated there; 0: as much as the file system has.
  std::uint64_t spill_capacity = 0;
  /// Objects are written to disk ahead of need, until this share of the capacity can be evicted without waiting for it.
  double spill_ahead = 0.125;
  /// A dirty object is written to disk this long after its seal, when the disk has nothing else to do.
  std::chrono::milliseconds spill_write_after{10'000};
  /// Maximum time for which a stop writes what is dirty; 0: it does not.
  std::chrono::milliseconds spill_drain{60'000};
  SpillIo spill_io = SpillIo::automatic;

  LogLevel log_level = LogLevel::info;
  std::string log_file = {};  ///< empty: standard error
  /// Maximum number of log lines per minute, of each kind that clients can cause; 0: no limit.
  std::uint32_t log_lines_per_minute = 60;
};

/// The action that the command line requests.
enum class Action : std::uint8_t {
  run,
  check_config,  ///< check this configuration against the machine, print it, and stop
  replace,       ///< make the running daemon replace its server, and stop; only with --socket and --config
  help,          ///< print Invocation::text and stop
  version,       ///< print Invocation::text and stop
};

struct Invocation {
  Action action = Action::run;
  Config config;
  std::string config_file;            ///< as given; empty: none
  int starter_fd = -1;                ///< see Starter; -1: none. Only from the command line
  std::string text;                   ///< text of help and version
  std::vector<std::string> warnings;  ///< valid but suspicious settings, to be logged after the log is open
};

/// Reads the command line and the file that it names. Errors (invalid_argument, system_error) name the flag, or the
/// file with line and column, and say what to do.
[[nodiscard]] Result<Invocation> load(int argc, const char* const* argv);

/// The whole configuration as a TOML file. load() of that file gives the same configuration.
[[nodiscard]] std::string to_toml(const Config& config);

}  // namespace dolium::daemon
