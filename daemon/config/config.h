#pragma once
// What the operator says: the daemon's configuration, from built-in defaults, a TOML file and flags.
//
// Model: flags win over the file, the file over the defaults. Every option exists as a key of the file and as
// a flag; one table (config_options.cc) describes them all, and file, flags, --help and to_toml() are read off
// it. Whatever leaves load() is in range and complete, but nothing in here has looked at the machine yet:
// shm/table/host_check.h compares it with the memory there is, access_list.h turns the names into numbers.
//
// Values; no state is kept.

#include <cstdint>
#include <string>
#include <vector>

#include <dolium/result.h>
#include <dolium/store_config.h>

namespace dolium::daemon {

enum class LogLevel : std::uint8_t { trace, debug, info, warning, error, critical, off };

/// Defaults are those of conf/doliumd.toml; a test compares them.
struct Config {
  StoreConfig store = {};  ///< with the limits on unsealed and pinned bytes

  /// Empty: default_socket_path(). Never empty after load().
  std::string socket_path = {};
  /// Permission bits of the socket.
  std::uint32_t socket_mode = 0600;
  /// A group's name or number; empty: the daemon's own.
  std::string socket_group = {};

  /// The socket's directory is taken as it is, whoever owns it or may write there.
  bool trust_directory = false;

  /// Who, besides root and the daemon's own user, may read; and who may read and write. User names or
  /// numbers, '@' and a group's, or "*" for anyone. resolve() of AccessList understands them.
  std::vector<std::string> readers = {};
  std::vector<std::string> writers = {};

  /// How long the daemon looks for the next request after the last one before it sleeps; Server::patience_with() has
  /// the exceptions, for who is writing.
  std::uint32_t busy_poll_us = 50;

  std::uint32_t max_connections = 1024;
  std::uint32_t max_connections_per_user = 0;  ///< 0: no limit but max_connections

  LogLevel log_level = LogLevel::info;
  std::string log_file = {};  ///< empty: standard error
  /// Of each kind of line that clients can provoke; 0: no limit.
  std::uint32_t log_lines_per_minute = 60;
};

/// What the command line asks for.
enum class Action : std::uint8_t {
  run,
  check_config,  ///< check this configuration against the machine, print it, and stop
  replace,       ///< have the running daemon's server replaced, and stop; only --socket and --config go with it
  help,          ///< print Invocation::text and stop
  version,       ///< likewise
};

struct Invocation {
  Action action = Action::run;
  Config config;
  std::string config_file;            ///< as it was named; empty: none
  int starter_fd = -1;                ///< see Starter; -1: none. Of the command line only
  std::string text;                   ///< what to print, for help and version
  std::vector<std::string> warnings;  ///< what is allowed, but is hardly meant: to be logged once there is a log
};

/// Reads the command line and the file that it names. Errors (invalid_argument, system_error) name the flag, or
/// the file with line and column, and say what would do instead.
[[nodiscard]] Result<Invocation> load(int argc, const char* const* argv);

/// The whole configuration as a file that load() reads back into the same configuration.
[[nodiscard]] std::string to_toml(const Config& config);

}  // namespace dolium::daemon
