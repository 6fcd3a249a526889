#pragma once
// The options of create(), put() and similar calls, and their buffer arguments.

#include <algorithm>
#include <limits>
#include <string>

#include "arguments.h"
#include "python.h"
#include "waiting.h"

namespace dolium::python {

/// A C-contiguous buffer of the caller, for the duration of a call. Neither copies nor moves.
class InputBuffer {
 public:
  explicit InputBuffer(py::handle source) {
    if (PyObject_GetBuffer(source.ptr(), &view_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  }
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;
  ~InputBuffer() { PyBuffer_Release(&view_); }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)};
  }

 private:
  Py_buffer view_{};
};

/// A grace in seconds or as a timedelta, rounded up to whole milliseconds. Without limit: more than is allowed, so that
/// the call fails with an error that names the limit.
inline std::chrono::milliseconds grace_of(const py::object& duration) {
  const Timeout given = timeout_of(duration);
  if (given.is_no_wait()) throw py::value_error("a grace must be above 0");
  const std::chrono::milliseconds too_long = kMaxGrace + std::chrono::milliseconds{1};
  return given.is_forever() ? too_long
                            : std::min(too_long, std::chrono::ceil<std::chrono::milliseconds>(given.duration()));
}

inline std::uint32_t grace_readers_of(std::uint64_t readers) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(readers, std::numeric_limits<std::uint32_t>::max()));
}

/// The Python arguments; `options()` views them.
struct OptionArguments {
  InputBuffer metadata;
  std::uint64_t type_tag;
  std::string type_name;
  bool pinned;
  py::object time_to_live, time_to_idle;
  Timeout timeout;
  std::string label;
  py::object grace;
  std::uint64_t grace_readers;

  [[nodiscard]] CreateOptions options() const {
    return {.metadata = metadata.bytes(),
            .type_tag = type_tag,
            .type_name = type_name,
            .pinned = pinned,
            .time_to_live = milliseconds(time_to_live),
            .time_to_idle = milliseconds(time_to_idle),
            .grace = grace.is_none() ? std::chrono::milliseconds{0} : grace_of(grace),
            .grace_readers = grace_readers_of(grace_readers),
            .timeout = timeout,
            .label = label};
  }

 private:
  /// None means "never". Other values are rounded up to whole milliseconds.
  static std::chrono::milliseconds milliseconds(const py::object& duration) {
    if (duration.is_none()) return std::chrono::milliseconds{0};
    const Timeout given = timeout_of(duration);
    if (given.is_no_wait()) throw py::value_error("a time to live must be above 0; None means no limit");
    if (given.is_forever()) return std::chrono::milliseconds{0};
    return std::chrono::ceil<std::chrono::milliseconds>(given.duration());
  }
};

}  // namespace dolium::python
