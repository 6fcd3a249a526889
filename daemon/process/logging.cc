#include "daemon/process/logging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <utility>

#include "shm/os/last_words.h"
#include "shm/os/system_error.h"
#include "shm/text/printable.h"

namespace dolium::daemon {
namespace {

namespace fs = std::filesystem;

/// The line's text, with control characters escaped: clients choose their names.
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

std::string warning_line(const std::string& text) {
  spdlog::memory_buf_t line;
  line_format()->format(spdlog::details::log_msg("doliumd", spdlog::level::warn, text), line);
  return fmt::to_string(line);
}

/// Formats on the caller's thread; the writer has its own.
class WriterSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit WriterSink(std::unique_ptr<LogWriter> writer) : writer_(std::move(writer)) {}
  [[nodiscard]] LogWriter& writer() const noexcept { return *writer_; }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    writer_->write({line.data(), line.size()});
  }
  void flush_() override { static_cast<void>(writer_->settle()); }

  std::unique_ptr<LogWriter> writer_;
};

/// Fails if there is no such file, or this user may not access it in that way.
Result<void> check_may(const fs::path& path, int access, const std::string& doing) {
  if (::faccessat(AT_FDCWD, path.c_str(), access, AT_EACCESS) == 0) return {};
  return shm::system_error(doing);
}

}  // namespace

Result<std::shared_ptr<spdlog::logger>> open_log(const Config& config) {
  Result<std::unique_ptr<LogWriter>> writer =
      LogWriter::open(config.log_file, [](std::string_view text) { return warning_line(std::string(text)); });
  if (!writer) return std::move(writer).error();
  LogWriter& lines = **writer;
  auto logger = std::make_shared<spdlog::logger>("doliumd", std::make_shared<WriterSink>(*std::move(writer)));
  logger->set_level(spdlog_level(config.log_level));
  logger->set_formatter(line_format());
  logger->flush_on(spdlog::level::info);
  // spdlog's own handler prints to standard error, and waits for it.
  logger->set_error_handler(
      [&lines](const std::string& what) { lines.write(warning_line("a line was lost: " + what)); });
  return logger;
}

Result<void> foresee_log(const Config& config) {
  if (config.log_file.empty()) return {};
  const std::string doing = fmt::format("open the log {}", config.log_file);
  std::error_code error;
  const fs::path file = fs::absolute(config.log_file, error);
  if (error) return shm::system_error("find the working directory", error.value());
  struct stat info {};
  if (::stat(file.c_str(), &info) == 0)
    return S_ISDIR(info.st_mode) ? shm::system_error(doing, EISDIR) : check_may(file, W_OK, doing);
  if (errno != ENOENT) return shm::system_error(doing);
  // open_log() would create it.
  if (::stat(file.parent_path().c_str(), &info) != 0) return explain_log_error(config.log_file, errno);
  return S_ISDIR(info.st_mode) ? check_may(file.parent_path(), W_OK | X_OK, doing) : shm::system_error(doing, ENOTDIR);
}

LogWriter& writer_of(const spdlog::logger& log) {
  return dynamic_cast<const WriterSink&>(*log.sinks().front()).writer();
}

void say_on_standard_error(const std::string& text) {
  const std::string line = fmt::format("doliumd: {}\n", printable(text));
  if (const auto writer = LogWriter::open({}, [](std::string_view note) { return fmt::format("doliumd: {}\n", note); }))
    (*writer)->write(line);
  else
    shm::last_words(line);
}

}  // namespace dolium::daemon
