#pragma once
// Faults: while it exists, programs that the test starts run under the interposer, and follow the plan that the test
// arms here.
//
//   Faults faults;
//   Daemon daemon;
//   faults.arm({.call = Call::mmap, .role = Role::server, .error = ENOMEM, .n = 3});
//   ...
//   const bool reached = faults.disarm() != 0;

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/e2e/daemon_fixture.h"
#include "tests/faults/plan.h"

namespace dolium::faults {

struct Fault {
  Call call = Call::none;
  Role role = Role::server;
  std::int32_t error = 0;  // or kShort
  std::int64_t n = 1;      // the n-th call from now on
  Span span = Span::once;

  /// "the 3rd mmap: Cannot allocate memory".
  [[nodiscard]] std::string text() const;
};

class Faults {
 public:
  Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;
  ~Faults();

  void arm(const Fault& fault);
  /// All but to arm it: the process under test does that.
  void prepare(const Fault& fault);
  /// How often it has struck.
  std::uint64_t disarm();
  [[nodiscard]] std::uint64_t struck() const { return plan_->struck.load(); }
  /// The wall clock of everybody under the interposer, from now on.
  void shift_wall_clock(std::int64_t seconds) { plan_->wall_shift_s.store(seconds); }

 private:
  e2e::TemporaryDirectory directory_;
  Plan* plan_ = nullptr;
};

/// The next n to try: all of them with DOLIUM_FAULTS_ALL=1, a growing sample without.
[[nodiscard]] std::int64_t next_n(std::int64_t n);

/// Interruptions, and bytes that come one by one, must have no effect.
[[nodiscard]] inline bool is_harmless(const Fault& fault) {
  return fault.error == EINTR || fault.error == kShort;
}

/// What the operating system says of an errno, as all of our messages quote it.
[[nodiscard]] std::string words_for(std::int32_t error);

/// Which errnos to try with which call, beside those that are tried everywhere.
struct Row {
  Call call;
  std::vector<std::int32_t> errors;
};

/// Everything that the daemon, or the library, calls in the kernel, and what each may say there.
[[nodiscard]] const std::vector<Row>& fault_table();

}  // namespace dolium::faults
