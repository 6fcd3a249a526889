#pragma once
// The options of create(), put() and similar calls, and their buffer arguments.

#include <algorithm>
#include <limits>
#include <string>

#include "arguments.h"
#include "errors.h"
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

/// A grace in seconds or as a timedelta, rounded up to whole milliseconds.
inline std::chrono::milliseconds grace_of(const py::object& duration) {
  const double seconds = seconds_of(duration, "a grace");
  if (seconds == 0) throw py::value_error("a grace must be above 0");
  if (seconds > std::chrono::duration<double>(kMaxGrace).count())
    throw StoreError({Errc::invalid_argument, "a grace of " + std::string(py::str(py::float_(seconds))) +
                                                  " s: one hour is the limit: extend it later, or pin the object"});
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

inline std::uint32_t grace_readers_of(std::uint64_t readers) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(readers, std::numeric_limits<std::uint32_t>::max()));
}

/// None: the store's default.
inline Retention retention_of(const py::object& name) {
  if (name.is_none()) return Retention::store_default;
  const std::string text = text_of(name, "retention");
  for (const Retention each : {Retention::cache, Retention::keep})
    if (text == to_string(each)) return each;
  throw StoreError({Errc::invalid_argument, "retention='" + text + "': give \"cache\", \"keep\", or None"});
}

/// The options of a create or put, as store.py gives them: (metadata, type_tag, type_name, pinned, time_to_live,
/// time_to_idle, timeout, label, grace, grace_readers, retention). Neither copies nor moves.
class OptionArguments {
 public:
  explicit OptionArguments(const py::tuple& given)
      : metadata_(py::object(given[0])),
        type_name_(text_of(py::object(given[2]), "type_name")),
        label_(text_of(py::object(given[7]), "label")),
        options_({.metadata = metadata_.bytes(),
                  .type_tag = number_of(py::object(given[1]), "type_tag"),
                  .type_name = type_name_,
                  .pinned = truth_of(py::object(given[3])),
                  .time_to_live = lifetime_of(given[4], "a time to live"),
                  .time_to_idle = lifetime_of(given[5], "a time to idle"),
                  .grace = py::object(given[8]).is_none() ? std::chrono::milliseconds{0} : grace_of(given[8]),
                  .grace_readers = grace_readers_of(number_of(py::object(given[9]), "grace_readers")),
                  .timeout = timeout_of(py::object(given[6])),
                  .label = label_,
                  .retention = retention_of(py::object(given[10]))}) {}
  OptionArguments(const OptionArguments&) = delete;
  OptionArguments& operator=(const OptionArguments&) = delete;

  /// Valid while this object lives.
  [[nodiscard]] const CreateOptions& options() const noexcept { return options_; }

 private:
  /// None means "never". Other values are rounded up to whole milliseconds.
  static std::chrono::milliseconds lifetime_of(const py::object& duration, const char* what) {
    if (duration.is_none()) return std::chrono::milliseconds{0};
    const Timeout given = std::chrono::duration<double>(seconds_of(duration, what, "; None means no limit"));
    if (given.is_no_wait()) throw py::value_error(std::string(what) + " must be above 0; None means no limit");
    if (given.is_forever()) return std::chrono::milliseconds{0};
    return std::chrono::ceil<std::chrono::milliseconds>(given.duration());
  }

  InputBuffer metadata_;
  std::string type_name_;
  std::string label_;
  CreateOptions options_;  // views the others
};

}  // namespace dolium::python
