#pragma once
// LogWriter: a log's descriptor, and the thread that writes to it. If a pipe or a terminal has no reader, or a disk is
// full or hangs, the thread waits, and callers do not.
//
// Lines wait in a ring of fixed size. A line is dropped, and counted, if it does not fit, or if the descriptor does not
// take it (ENOSPC, EPIPE). After the next line that was written, as soon as none waits, the writer logs how many were
// dropped.
//
// spdlog's async_logger does not serve: its pool waits without bound for a stuck writing thread, at its end and when
// its queue is full; it prints a failed write to standard error, from that thread; and it does not tell whether a line
// was written.
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

/// The error of a log that cannot be opened, with what to do.
[[nodiscard]] Error explain_log_error(const std::string& path, int reason);

class LogWriter {
 public:
  /// Maximum number of bytes that wait to be written.
  static constexpr std::size_t kMaxQueuedBytes = std::size_t{64} * 1024;
  /// Maximum length of a line; longer ones are cut. PIPE_BUF: lines of several processes stay whole in one pipe.
  static constexpr std::size_t kMaxLineBytes = 4096;
  /// Longest wait of settle(); and of finish(), for each line and in total.
  static constexpr std::chrono::milliseconds kMoment{50};
  static constexpr std::chrono::milliseconds kLastPatience{500};
  static constexpr std::chrono::milliseconds kLongestEnd{2000};

  /// Makes a line, with its newline, of the writer's own text. Called on the writer's thread.
  using Formatter = std::function<std::string(std::string_view text)>;

  /// Appends to the file. Creates it, for its owner alone, if it does not exist; its directory must exist. An empty
  /// path: a copy of standard error.
  [[nodiscard]] static Result<std::unique_ptr<LogWriter>> open(const std::string& path, Formatter format);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  /// Calls finish(), if that was not called.
  ~LogWriter();

  /// Waits for queued lines as long as lines are being written; leaves a stuck thread behind. Nothing is written after
  /// that. Returns the number of lost lines that are not logged yet: dropped, or still queued.
  std::uint64_t finish() noexcept;
  /// Counts lines that another writer has lost as dropped by this one.
  void count_lost(std::uint64_t lines) noexcept;

  /// Queues one line, which ends with its only newline.
  void write(std::string_view line) noexcept;
  /// For a forked child that is about to end, and does not have the writer's thread: writes a line of this text
  /// straight to the descriptor. See shm::last_words().
  void write_last(std::string_view text) const;
  /// Waits a moment for the queue to be written. Returns whether it is empty. After a wait that was too short, does not
  /// wait again until the queue has been empty.
  bool settle() noexcept;
  /// Opens the file anew, on the writer's thread, after it was renamed for rotation. If that fails, the writer logs the
  /// error to the old file and continues there. Does nothing with standard error.
  void reopen() noexcept;

 private:
  struct State;
  explicit LogWriter(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;  // shared with the thread, which may be left behind
  std::thread thread_;
};

}  // namespace dolium::daemon
