#include "daemon/process/keeper_log.h"

#include <utility>

#include "daemon/process/logging.h"

namespace dolium::daemon {

KeeperLog::KeeperLog(std::shared_ptr<spdlog::logger> log, const Config& config)
    : key_(key_of(config)), file_(text_of(config)) {
  take(std::move(log));
}

/// Never 0, which older servers send.
std::uint64_t KeeperLog::key_of(const Config& config) noexcept {
  return 1 + static_cast<std::uint64_t>(config.log_level);
}

void KeeperLog::take(std::shared_ptr<spdlog::logger> log) {
  without_memory_.reset();  // it refers to the old writer
  if (log_ != nullptr) writer_of(*log).count_lost(writer_of(*log_).finish());
  log_ = std::move(log);
  without_memory_ = std::make_unique<LinesWithoutMemory>(writer_of(*log_));
}

void KeeperLog::follow(const KeeperMessage& ready) {
  const std::uint64_t key = ready.item.key;
  if (key == 0 || key > key_of({.log_level = LogLevel::off})) return;
  if (key == key_ && ready.item.text == file_) return reopen();  // as the server has done
  Config config;
  config.log_level = static_cast<LogLevel>(key - 1);
  config.log_file = ready.item.text;
  auto log = open_log(config);
  if (!log) return log_->error("the keeper keeps its old log: {}", log.error().message);
  take(*std::move(log));
  key_ = key;
  file_ = config.log_file;
}

void KeeperLog::last_words(const std::string& what) const {
  writer_of(*log_).write_last(what);
}

void KeeperLog::reopen() const noexcept {
  writer_of(*log_).reopen();
}

}  // namespace dolium::daemon
