#pragma once
// KeeperLog: the keeper's log, in the same place as the server's. A changed configuration takes effect with the next
// server, which tells the keeper where it logs when it is ready.
//
// A resource: moves, before its first line.

#include <spdlog/logger.h>

#include <memory>
#include <optional>
#include <string>

#include "daemon/config/config.h"
#include "daemon/process/heap.h"
#include "daemon/process/keeper_link.h"

namespace dolium::daemon {

class KeeperLog {
 public:
  /// An open log, and the configuration with which it was opened.
  KeeperLog(std::shared_ptr<spdlog::logger> log, const Config& config);

  spdlog::logger* operator->() const noexcept { return log_.get(); }
  /// For a forked child that is about to end.
  void last_words(const std::string& what) const;
  /// Logs from now on where the server logs that has sent this `ready`, in a file that is opened anew. If that fails,
  /// logs the error and continues in the old place.
  void follow(const KeeperMessage& ready);
  /// For rotation: see LogWriter::reopen().
  void reopen() const noexcept;

  /// Key and text of a server's `ready`.
  [[nodiscard]] static std::uint64_t key_of(const Config& config) noexcept;
  [[nodiscard]] static std::string text_of(const Config& config) { return config.log_file; }

 private:
  void take(std::shared_ptr<spdlog::logger> log);

  std::shared_ptr<spdlog::logger> log_;
  std::uint64_t key_;
  std::string file_;
  std::unique_ptr<LinesWithoutMemory> without_memory_;
};

}  // namespace dolium::daemon
