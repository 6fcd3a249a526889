#include "daemon/logging.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>

#include "client/types/printable.h"

namespace dolium::daemon {
namespace {

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

}  // namespace dolium::daemon
