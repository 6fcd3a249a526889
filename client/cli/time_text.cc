#include "client/cli/time_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>

#include "client/cli/printable.h"

namespace dolium::cli {
namespace {

using std::chrono::milliseconds;

std::string format_fields(std::string_view format, const std::tm& fields,
                          std::chrono::system_clock::time_point moment) {
  const auto fraction = moment.time_since_epoch() - std::chrono::floor<std::chrono::seconds>(moment.time_since_epoch());
  return fmt::format("{}.{:03}", fmt::format(fmt::runtime(format), fields),
                     std::chrono::floor<milliseconds>(fraction).count());
}

std::time_t seconds_of(std::chrono::system_clock::time_point moment) {
  return std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(moment));
}

}  // namespace

Result<Timeout> parse_timeout(std::string_view text) {
  if (text == "forever") return wait_forever;
  const Result<milliseconds> duration = parse_duration(text);
  if (!duration) return duration.error();
  return Timeout(*duration);
}

std::string format_latency(std::chrono::nanoseconds latency) {
  const auto ns = static_cast<double>(latency.count());
  if (ns < 1e3) return fmt::format("{:.0f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.1f} ms", ns / 1e6);
  return fmt::format("{:.1f} s", ns / 1e9);
}

std::string format_utc(std::chrono::system_clock::time_point moment) {
  return format_fields("{:%FT%T}", fmt::gmtime(seconds_of(moment)), moment) + "Z";
}

Result<std::chrono::system_clock::time_point> parse_utc(std::string_view text) {
  const std::string copy(text);
  std::tm fields{};
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  double part = 0;
  if (rest != nullptr && *rest == '.') {
    char* end = nullptr;
    part = std::strtod(rest, &end);
    rest = end;
  }
  if (rest == nullptr || std::string_view(rest) != "Z")
    return Error{Errc::invalid_argument,
                 fmt::format("\"{}\" is not a time: write it like 2026-11-22T15:36:45Z", printable(text))};
  using Clock = std::chrono::system_clock;
  return Clock::from_time_t(::timegm(&fields)) +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(part));
}

std::string format_local(std::chrono::system_clock::time_point moment) {
  return format_fields("{:%F %T}", fmt::localtime(seconds_of(moment)), moment);
}

}  // namespace dolium::cli
