#pragma once
// KeeperLog: the log of the keeper, which is where the server's is: a configuration that was changed takes effect with
// the next server, which says when it is ready where it logs to. A resource: moves, before its first line.

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
  /// A log that is open, and the configuration that it was opened with.
  KeeperLog(std::shared_ptr<spdlog::logger> log, const Config& config);

  spdlog::logger* operator->() const noexcept { return log_.get(); }
  /// Of a forked child that is about to end.
  void last_words(const std::string& what) const;
  /// Goes on where the server logs to that has sent this `ready`, in a file that is opened anew. Where that fails,
  /// stays and says so.
  void follow(const KeeperMessage& ready);
  /// For rotation: see LogWriter::reopen().
  void reopen() const noexcept;

  /// What a server's `ready` has as its key and its text.
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
