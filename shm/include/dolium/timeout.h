#pragma once
// Timeout: how long a call may wait. Converts from any std::chrono::duration.

#include <chrono>
#include <cstdint>
#include <limits>

#include <dolium/export.h>

namespace dolium {

class Timeout {
 public:
  using Nanoseconds = std::chrono::duration<std::int64_t, std::nano>;

  /// Zero or less: do not wait. More than 292 years: no deadline.
  template <class Rep, class Period>
  constexpr Timeout(std::chrono::duration<Rep, Period> duration) : nanoseconds_(saturate(duration)) {}

  [[nodiscard]] static constexpr Timeout forever() { return Timeout(kForever); }

  [[nodiscard]] constexpr bool is_no_wait() const noexcept { return nanoseconds_ == 0; }
  [[nodiscard]] constexpr bool is_forever() const noexcept { return nanoseconds_ == kForever; }
  /// Precondition: !is_forever().
  [[nodiscard]] constexpr Nanoseconds duration() const noexcept { return Nanoseconds(nanoseconds_); }

  friend constexpr bool operator==(Timeout, Timeout) = default;

 private:
  static constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

  constexpr explicit Timeout(std::int64_t nanoseconds) : nanoseconds_(nanoseconds) {}

  template <class Rep, class Period>
  static constexpr std::int64_t saturate(std::chrono::duration<Rep, Period> duration) {
    using Seconds = std::chrono::duration<long double>;
    if (!(duration > duration.zero())) return 0;
    if (std::chrono::duration_cast<Seconds>(duration) >= std::chrono::duration_cast<Seconds>(Nanoseconds(kForever)))
      return kForever;
    const std::int64_t count = std::chrono::duration_cast<Nanoseconds>(duration).count();
    return count > 0 ? count : 1;  // a wait shorter than a nanosecond is still a wait
  }

  std::int64_t nanoseconds_;
};

inline constexpr Timeout no_wait = Timeout(std::chrono::nanoseconds(0));
inline constexpr Timeout wait_forever = Timeout::forever();

}  // namespace dolium
