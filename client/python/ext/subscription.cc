// A subscription, and its events as tuples (kind, id, data_size, metadata_size, cause).

#include <atomic>
#include <mutex>

#include "bindings.h"
#include "errors.h"
#include "object_id_type.h"
#include "store_type.h"
#include "waiting.h"

namespace dolium::python {
namespace {

/// A C++ subscription is for one thread at a time; Python's threads take turns. close() waits for nobody: who is
/// waiting for an event notices within a slice.
class PySubscription {
 public:
  explicit PySubscription(Subscription subscription) : stream_(std::move(subscription)) {}

  /// None when nothing came in time.
  py::object next(Timeout timeout) {
    std::optional<Result<Event>> event;
    const auto attempt = [&](Timeout slice) {
      const std::lock_guard turn(mutex_);
      if (closed_) stream_.reset();
      if (!stream_) return event = Error{Errc::disconnected, "this subscription is closed"}, true;
      event = stream_->next(slice);
      return event->has_value() || event->error().code != Errc::timed_out;
    };
    wait_in_slices(timeout, attempt, Sliced::always);
    if (event->has_value()) return tuple_of(**event);
    if (event->error().code == Errc::timed_out) return py::none();
    throw StoreError(event->error());
  }

  void close() {
    const py::gil_scoped_release others_run;
    closed_ = true;
    const std::unique_lock turn(mutex_, std::try_to_lock);
    if (turn) stream_.reset();
  }

 private:
  static py::object tuple_of(const Event& event) {
    const bool lost = event.kind == Event::Kind::overflow;
    return py::make_tuple(
        std::string(to_string(event.kind)), lost ? py::none() : py::cast(event.id), event.data_size,
        event.metadata_size,
        event.kind == Event::Kind::removed ? py::cast(std::string(to_string(event.cause))) : py::object(py::none()));
  }

  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::optional<Subscription> stream_;  // guarded by mutex_
};

}  // namespace

void bind_subscription(py::module_& module) {
  py::class_<PySubscription>(module, "Subscription")
      .def("next", &PySubscription::next)
      .def("close", &PySubscription::close);
  module.def("subscribe", [](const std::shared_ptr<ObjectStore>& store) {
    Result<Subscription> begun = Error{Errc::disconnected, ""};
    {
      const py::gil_scoped_release others_run;
      begun = store->subscribe();
    }
    return std::make_unique<PySubscription>(value_or_throw(std::move(begun)));
  });
}

}  // namespace dolium::python
