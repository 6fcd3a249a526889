#include "daemon/process/spill_program.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/process/process_title.h"
#include "daemon/spill_home/spill_directory.h"
#include "shm/os/system_error.h"
#include "shm/text/size_text.h"

namespace dolium::daemon {
namespace {

namespace fs = std::filesystem;

std::string name_of(SpillIo io) {
  switch (io) {
    case SpillIo::automatic: return "auto";
    case SpillIo::io_uring: return "io_uring";
    case SpillIo::threads: break;
  }
  return "threads";
}

/// A log in the directory would make it one with other files.
Result<void> check_log(const Config& config) {
  std::error_code error;  // paths that cannot be compared count as different
  if (config.log_file.empty() ||
      !fs::equivalent(fs::path(config.log_file).parent_path(), config.spill_directory, error))
    return {};
  return Error{Errc::invalid_argument, fmt::format("the log {} lies in the spill directory {}: choose another place",
                                                   config.log_file, config.spill_directory)};
}

void add_doubts(const Config& config, const spill::DirectoryFindings& found, std::vector<std::string>& warnings) {
  if (config.spill_capacity > found.free_bytes)
    warnings.push_back(fmt::format("the spill directory {} may use {}, and its file system has {} free",
                                   config.spill_directory, format_size(config.spill_capacity),
                                   format_size(found.free_bytes)));
  struct stat log {};
  if (!config.log_file.empty() && ::stat(fs::path(config.log_file).parent_path().c_str(), &log) == 0 &&
      log.st_dev == found.device)
    warnings.push_back(
        fmt::format("the spill directory {} and the log {} are on one file system: when it is full, the log is not "
                    "written either",
                    config.spill_directory, config.log_file));
}

Result<void> check_program() {
  if (::access(spill_program().c_str(), X_OK) == 0) return {};
  Error error = shm::system_error(fmt::format("execute {}", spill_program()));
  error.message +=
      "; it does the I/O of the spill directory: install doliumd-spill beside doliumd, or start without "
      "a spill directory";
  return error;
}

/// What may pass by itself is no error: the spill process waits for it.
Result<std::vector<std::string>> warn_or_refuse(const Error& error) {
  if (spill::is_permanent(error)) return error;
  return std::vector<std::string>{error.message + "; the spill process waits for that"};
}

}  // namespace

std::string spill_program() {
  return (fs::path(own_program()).parent_path() / "doliumd-spill").string();
}

std::vector<std::string> spill_arguments(const Config& config) {
  if (!config.store.spill) return {};
  std::vector<std::string> out = {spill_program(),
                                  "--socket",
                                  config.socket_path,
                                  "--directory",
                                  config.spill_directory,
                                  "--capacity",
                                  std::to_string(config.spill_capacity),
                                  "--io",
                                  name_of(config.spill_io),
                                  "--log-level",
                                  std::string(daemon::name_of(config.log_level))};
  if (!config.log_file.empty()) out.insert(out.end(), {"--log-file", config.log_file});
  return out;
}

Result<std::vector<std::string>> check_spill_directory(const Config& config, pid_t own) {
  if (!config.store.spill) return std::vector<std::string>();
  if (auto log = check_log(config); !log) return std::move(log).error();
  if (auto program = check_program(); !program) return std::move(program).error();
  Result<spill::DirectoryFindings> found =
      spill::examine_spill_directory(config.spill_directory, spill::this_machine());
  if (!found) return warn_or_refuse(found.error());
  std::vector<std::string> warnings = std::move(found->warnings);
  if (found->holder && own != 0 && found->holder->daemon == own) {
    warnings.push_back(fmt::format("the spill directory {} is in use by the daemon that runs (process {})",
                                   config.spill_directory, own));
  } else if (found->holder) {
    Result<std::vector<std::string>> waits = warn_or_refuse(spill::locked(*found->holder, config.spill_directory));
    if (!waits) return waits;
    warnings.insert(warnings.end(), waits->begin(), waits->end());
  }
  add_doubts(config, *found, warnings);
  return warnings;
}

}  // namespace dolium::daemon
