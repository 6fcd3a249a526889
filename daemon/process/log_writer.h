#pragma once
// LogWriter: a log's descriptor, and the thread that writes to it. A pipe or a terminal that nobody reads, a disk that
// is full or hangs: the thread waits for them, and its callers do not.
//
// Lines wait in a ring of fixed size. A line is dropped, and counted, when it does not fit, or when the descriptor does
// not take it (ENOSPC, EPIPE). A line of the writer's own says later how many: after the next one that was written, as
// soon as none waits.
//
// Why not spdlog's async_logger: its pool waits without bound for a writing thread that is stuck, at its end and at its
// overflow; a failed write is printed to standard error, by that thread; and nothing tells that a line was written.
//
// Thread-safe. write() takes no memory: it works where there is none (heap.h).

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <dolium/result.h>

namespace dolium::daemon {

/// Why a log cannot be opened, and what to do.
[[nodiscard]] Error explain_log_error(const std::string& path, int reason);

class LogWriter {
 public:
  /// Maximum number of bytes that wait to be written.
  static constexpr std::size_t kMaxQueuedBytes = std::size_t{64} * 1024;
  /// Maximum length of a line, which is cut. PIPE_BUF: lines of several processes stay whole in one pipe.
  static constexpr std::size_t kMaxLineBytes = 4096;
  /// How long settle() waits, once; and the destructor, for each next line and in all.
  static constexpr std::chrono::milliseconds kMoment{50};
  static constexpr std::chrono::milliseconds kLastPatience{500};
  static constexpr std::chrono::milliseconds kLongestEnd{2000};

  /// Makes a line, with its newline, of a text of the writer's own. Called on the writer's thread.
  using Formatter = std::function<std::string(std::string_view text)>;

  /// Appends to the file, which is made for its owner alone where there is none, in a directory that must exist.
  /// An empty path: a copy of standard error.
  [[nodiscard]] static Result<std::unique_ptr<LogWriter>> open(const std::string& path, Formatter format);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  /// finish(), if that was not called.
  ~LogWriter();

  /// Waits for what is queued as long as lines are being written; a thread that is stuck is left behind. Nothing is
  /// written after that. Returns how many lines were lost, and not told of: dropped, or still queued.
  std::uint64_t finish() noexcept;
  /// Counts lines that another writer has lost as dropped here: they are told of as its own.
  void count_lost(std::uint64_t lines) noexcept;

  /// Queues one line, which ends with its only newline.
  void write(std::string_view line) noexcept;
  /// For a forked child, which does not have the writer's thread, and is about to end: a line of this text, straight to
  /// the descriptor. See shm::last_words().
  void write_last(std::string_view text) const;
  /// Waits a moment for all that is queued to be written, and says whether it is. Does not wait while the writer is
  /// behind: from a moment that was too short until the queue is empty.
  bool settle() noexcept;
  /// Opens the file anew, on the writer's thread: after it was renamed, for rotation. When that fails, the writer goes
  /// on with the old one and says so there. Nothing happens with standard error.
  void reopen() noexcept;

 private:
  struct State;
  explicit LogWriter(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;  // shared with the thread, which may be left behind
  std::thread thread_;
};

}  // namespace dolium::daemon
