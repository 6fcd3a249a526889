#pragma once
// The output of `dolium watch`: each event as it comes, and the rates once per interval. There are three views: lines,
// JSON lines, and a screen that refreshes.

#include <chrono>
#include <memory>
#include <string>

#include <dolium/event.h>
#include <dolium/stats.h>

namespace dolium::cli {

/// Events between two reads of the stats, per second.
struct Rates {
  double seals = 0, evictions = 0, expiries = 0, removals = 0, gets = 0;
  double evicted_bytes = 0;
  std::uint64_t hits = 0, misses = 0;  ///< total, not per second
  // Of the spill tier: objects, and bytes on its disk.
  double spills = 0, read_backs = 0;
  double disk_writes = 0, disk_reads = 0;

  [[nodiscard]] static Rates between(const StoreStats& before, const StoreStats& after,
                                     std::chrono::nanoseconds time) noexcept;
  [[nodiscard]] bool any() const noexcept {
    return seals + evictions + expiries + removals + gets + spills + read_backs + disk_writes + disk_reads > 0;
  }
};

class WatchView {
 public:
  using Time = std::chrono::system_clock::time_point;
  enum class Kind : std::uint8_t { lines, json, screen };

  [[nodiscard]] static std::unique_ptr<WatchView> make(Kind kind, const std::string& socket);
  virtual ~WatchView() = default;

  virtual void show(Time time, const Event& event) = 0;
  virtual void show(Time time, const Rates& rates, const StoreStats& stats) = 0;
};

}  // namespace dolium::cli
