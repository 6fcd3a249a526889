#include "daemon/logging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "client/types/printable.h"
#include "shm/system_error.h"

namespace dolium::daemon {
namespace {

namespace fs = std::filesystem;

/// The log names clients, users and objects: while this lives, files and directories are made for their owner alone.
/// (spdlog has no say in modes. Only at start: the umask is the whole process's.)
class PrivateFiles {
 public:
  PrivateFiles() : before_(::umask(0077)) {}
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;
  ~PrivateFiles() { ::umask(before_); }

 private:
  mode_t before_;
};

/// The line's text, on one line whatever a client calls itself.
class PrintableText : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string text = printable({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableText>();
  }
};

std::unique_ptr<spdlog::pattern_formatter> line_format() {
  auto format = std::make_unique<spdlog::pattern_formatter>();
  format->add_flag<PrintableText>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %*");
  return format;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return spdlog::level::trace;
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
    case LogLevel::critical: return spdlog::level::critical;
    case LogLevel::off: return spdlog::level::off;
  }
  return spdlog::level::info;
}

spdlog::sink_ptr open_sink(const std::string& file) {
  if (file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  const PrivateFiles private_files;
  return std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
}

/// Whether this user may do that, and there is such a thing.
Result<void> check_may(const fs::path& path, int access, const std::string& doing) {
  if (::faccessat(AT_FDCWD, path.c_str(), access, AT_EACCESS) == 0) return {};
  return shm::system_error(doing);
}

}  // namespace

Result<std::shared_ptr<spdlog::logger>> open_log(const Config& config) {
  try {
    auto logger = std::make_shared<spdlog::logger>("doliumd", open_sink(config.log_file));
    logger->set_level(spdlog_level(config.log_level));
    logger->set_formatter(line_format());
    logger->flush_on(spdlog::level::info);
    return logger;
  } catch (const spdlog::spdlog_ex& error) {
    return Error{Errc::system_error, fmt::format("cannot open the log: {}", error.what())};
  }
}

Result<void> foresee_log(const Config& config) {
  if (config.log_file.empty()) return {};
  const std::string doing = fmt::format("open the log {}", config.log_file);
  std::error_code error;
  fs::path here = fs::absolute(config.log_file, error);
  if (error) return shm::system_error("find the working directory", error.value());
  struct stat info {};
  if (::stat(here.c_str(), &info) == 0)
    return S_ISDIR(info.st_mode) ? shm::system_error(doing, EISDIR) : check_may(here, W_OK, doing);
  // It would be made, and missing directories with it: in the last one that there is.
  while (errno == ENOENT && here.has_relative_path()) {
    here = here.parent_path();
    if (::stat(here.c_str(), &info) == 0)
      return S_ISDIR(info.st_mode) ? check_may(here, W_OK | X_OK, doing) : shm::system_error(doing, ENOTDIR);
  }
  return shm::system_error(doing);
}

}  // namespace dolium::daemon
