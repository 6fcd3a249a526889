#pragma once
// Waiting calls for Python. They release the GIL. In the main thread, which alone runs Python's signal handlers, Ctrl-C
// ends them. In every thread, the store's close() ends them. Gets and creates wait as asynchronous operations beside a
// poll(), which a signal interrupts. Each counts once, and is cancelled in the daemon. Other calls wait in slices.

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "python.h"

namespace dolium::python {

/// Maximum delay of a signal, or of close(), by a waiting call.
inline constexpr std::chrono::milliseconds kSlice{500};

/// True in the thread in which Python runs signal handlers.
[[nodiscard]] bool is_main_thread() noexcept;

/// Called with the GIL, for the Python store `self`. Throws error_already_set if a signal handler raised.
[[nodiscard]] Result<Object> get_waiting(PyObject* self, ObjectStore& store, const ObjectId& id, Timeout timeout);
/// get_many(): ends when `count` of the objects are there. nullopt for an object that is missing then, or when the time
/// is over.
[[nodiscard]] Result<std::vector<std::optional<Object>>> get_many_waiting(PyObject* self, ObjectStore& store,
                                                                          const std::vector<ObjectId>& ids,
                                                                          std::size_t count, Timeout timeout);
[[nodiscard]] Result<ObjectBuilder> create_waiting(PyObject* self, ObjectStore& store, const ObjectId& id,
                                                   std::uint64_t size, const CreateOptions& options);

/// Which threads wait in slices: only the main thread, for signals; or any thread, if another thread may end the call.
enum class Sliced : std::uint8_t { for_signals, always };
/// Calls `attempt` without the GIL, with a slice of the timeout each time, until it returns true (done) or the time is
/// over.
void wait_in_slices(Timeout timeout, const std::function<bool(Timeout)>& attempt, Sliced sliced = Sliced::for_signals);

/// Seconds, not negative, of a number or a timedelta. The errors call it `what`, "a timeout", and add `about_none`:
/// what None means.
[[nodiscard]] double seconds_of(py::handle value, const char* what, const char* about_none = "");
/// From seconds, a timedelta, or None (no limit).
[[nodiscard]] Timeout timeout_of(py::handle value);

}  // namespace dolium::python

template <>
struct pybind11::detail::type_caster<dolium::Timeout> {
 public:
  static constexpr auto name = const_name("Timeout");
  template <class T>
  using cast_op_type = dolium::Timeout;
  operator dolium::Timeout() const { return value_; }
  bool load(handle source, bool) {
    value_ = dolium::python::timeout_of(source);
    return true;
  }

 private:
  dolium::Timeout value_ = dolium::no_wait;
};
