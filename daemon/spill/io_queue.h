#pragma once
// IoQueue: operations on files, each with a callback for its end. It completes short reads and writes, repeats what a
// signal interrupted, and bounds how many operations are under way.
//
// Callbacks run in run(), never inside read(), write() or sync(). One thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>

#include "daemon/spill/file_layer.h"

namespace dolium::spill {

class IoQueue {
 public:
  /// Maximum number of operations that the layer carries out at a time.
  static constexpr std::size_t kDepth = 32;
  /// Maximum number of results in a row that carry an operation no block further.
  static constexpr int kMaxVain = 16;

  /// `error` is an errno; 0: the whole operation succeeded.
  using Done = std::function<void(int error)>;

  explicit IoQueue(FileLayer& layer) : layer_(layer) {}
  IoQueue(const IoQueue&) = delete;
  IoQueue& operator=(const IoQueue&) = delete;
  /// Waits for what is under way: the disk uses its memory. Runs no callbacks.
  ~IoQueue();

  void read(FilePtr file, std::uint64_t offset, std::span<std::byte> into, Done done);
  void write(FilePtr file, std::uint64_t offset, std::span<const std::byte> bytes, Done done);
  void sync(FilePtr file, Done done);

  /// Runs the callbacks of operations that have ended. With `wait`, waits for one if any is under way. Returns whether
  /// there was one.
  bool run(bool wait);
  [[nodiscard]] bool is_idle() const noexcept { return under_way_.empty() && waiting_.empty(); }

 private:
  struct Operation {
    Io io;
    Done done;
    int vain = 0;
  };
  void begin(Operation operation);
  void start_waiting();
  void settle(const IoResult& result);
  [[nodiscard]] static int advance(Operation& operation, std::int64_t result);

  FileLayer& layer_;
  std::uint64_t last_token_ = 0;
  std::unordered_map<std::uint64_t, Operation> under_way_;
  std::deque<Operation> waiting_;
  std::vector<IoResult> ended_;
};

}  // namespace dolium::spill
