// Combines the sources, and checks combinations of options. The table of options checks single values.

#include "daemon/config/config.h"

#include <dolium/socket_path.h>
#include <fmt/format.h>

#include "daemon/config/config_options.h"
#include "shm/text/size_text.h"

namespace dolium::daemon {
namespace {

/// Sets the default path. It comes from the environment, so the table has not checked it yet.
Result<void> complete(Config& config) {
  if (!config.socket_path.empty()) return {};
  config.socket_path = default_socket_path();
  for (const Option& option : options()) {
    if (option.flag != "--socket") continue;
    Config scratch;
    if (Result<void> done = option.assign(scratch, {config.socket_path}); !done)
      return Error{Errc::invalid_argument, fmt::format("the default socket path is invalid: {}", done.error().message)};
  }
  return {};
}

/// The store spills if there is a directory.
Result<void> check_spill(Config& config) {
  config.store.spill = !config.spill_directory.empty();
  if (config.store.retention == Retention::keep && !config.store.spill)
    return Error{Errc::invalid_argument,
                 "[spill] retention is \"keep\", but there is no [spill] directory: name one (--spill-directory), or "
                 "choose \"cache\""};
  if (!config.spill_directory.empty() && config.spill_directory.front() != '/')
    return Error{Errc::invalid_argument,
                 fmt::format("the spill directory {} is not absolute: give its whole path", config.spill_directory)};
  constexpr std::uint64_t kLeast = std::uint64_t{512} << 20;  // a file to write to, and a spare one for compaction
  if (config.spill_capacity != 0 && config.spill_capacity < kLeast)
    return Error{
        Errc::invalid_argument,
        fmt::format("[spill] capacity is {}, but the spill directory needs two files of 256 MiB: give at least "
                    "512 MiB, or 0 for all that the file system has",
                    format_size(config.spill_capacity))};
  return {};
}

/// Memory that was reserved for good is not given back.
Result<void> check_trim(const Config& config) {
  if (config.trim_above == 0 || (!config.store.preallocate && !config.store.huge_pages)) return {};
  return Error{Errc::invalid_argument,
               fmt::format("[store] trim_above gives free memory back to the system, and {} reserves all memory for "
                           "good: set one of them only",
                           config.store.preallocate ? "preallocate" : "huge_pages")};
}

std::vector<std::string> doubts(const Config& config) {
  std::vector<std::string> result;
  constexpr std::uint32_t kWritableByOthers = 0022;  // connect(2) wants write permission
  const bool shared = !config.readers.empty() || !config.writers.empty();
  if (shared && (config.socket_mode & kWritableByOthers) == 0)
    result.push_back(
        fmt::format("readers or writers name other users, but with socket mode {:04o} they cannot "
                    "connect; use 0660 with a socket group, or 0666",
                    config.socket_mode));
  if (config.max_connections_per_user > config.max_connections)
    result.push_back(fmt::format("max_connections_per_user ({}) is more than max_connections ({})",
                                 config.max_connections_per_user, config.max_connections));
  return result;
}

/// Refuses options with --replace: the next server gets the command line of the running daemon, not this one.
Result<void> check_replace(const CommandLine& line) {
  for (const CommandLine::Given& given : line.given) {
    const Option& option = *given.option;
    if (option.flag == "--socket") continue;
    return Error{
        Errc::invalid_argument,
        fmt::format("{0} cannot be used with --replace: the next server gets the flags with which doliumd was "
                    "started; {1}stop doliumd and start it with {0}",
                    option.flag, option.for_life ? "" : "change its configuration file before --replace, or ")};
  }
  return {};
}

}  // namespace

Result<Invocation> load(int argc, const char* const* argv) {
  Result<CommandLine> line = read_flags(argc, argv);
  if (!line) return line.error();
  Invocation invocation;
  invocation.action = line->action;
  invocation.text = std::move(line->text);
  if (line->action == Action::help || line->action == Action::version) return invocation;

  if (line->action == Action::replace)
    if (Result<void> done = check_replace(*line); !done) return done.error();
  Config& config = invocation.config;
  invocation.config_file = line->config_file;
  invocation.starter_fd = line->starter_fd;
  if (!line->config_file.empty())
    if (Result<void> done = read_file(line->config_file, config); !done) return done.error();
  for (const CommandLine::Given& given : line->given)
    if (Result<void> done = given.option->assign(config, given.words); !done)
      return Error{Errc::invalid_argument, fmt::format("{}: {}", given.option->flag, done.error().message)};
  if (Result<void> done = complete(config); !done) return done.error();
  if (Result<void> done = check_spill(config); !done) return done.error();
  if (Result<void> done = check_trim(config); !done) return done.error();
  invocation.warnings = doubts(config);
  return invocation;
}

std::string to_toml(const Config& config) {
  std::string text;
  std::string_view section;
  for (const Option& option : options()) {
    if (option.section != section) text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", option.section);
    section = option.section;
    text += fmt::format("{} = {}\n", option.key, option.show(config));
  }
  return text;
}

}  // namespace dolium::daemon
