// A subscription, and its events as tuples (kind, id, data_size, metadata_size, cause, label).

#include <atomic>
#include <mutex>

#include "bindings.h"
#include "errors.h"
#include "object_id_type.h"
#include "store_type.h"
#include "waiting.h"

namespace dolium::python {
namespace {

/// A C++ subscription is for one thread at a time, so Python's threads take turns. close(), also that of the store,
/// does not wait: a thread that waits for an event notices it within a slice.
class PySubscription {
 public:
  PySubscription(Subscription subscription, std::shared_ptr<const std::atomic<bool>> store_closed)
      : store_closed_(std::move(store_closed)), stream_(std::move(subscription)) {}

  /// Returns None if no event came in time.
  py::object next(Timeout timeout) {
    std::optional<Result<Event>> event;
    const auto attempt = [&](Timeout slice) {
      const std::lock_guard turn(mutex_);
      if (*store_closed_) return event = Error{Errc::disconnected, "the store was closed"}, true;
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
    const WithoutGil others_run;
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
        event.kind == Event::Kind::removed ? py::cast(std::string(to_string(event.cause))) : py::object(py::none()),
        text(event.label));
  }

  const std::shared_ptr<const std::atomic<bool>> store_closed_;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::optional<Subscription> stream_;  // guarded by mutex_
};

}  // namespace

void bind_subscription(py::module_& module) {
  py::class_<PySubscription>(module, "Subscription")
      .def("next", &PySubscription::next)
      .def("close", &PySubscription::close);
  module.def("subscribe", [](py::handle self) {
    const std::shared_ptr<ObjectStore> store = store_of(self.ptr());
    const auto closed = reinterpret_cast<PyStore*>(self.ptr())->closed;
    Result<Subscription> begun = Error{Errc::disconnected, ""};
    {
      const WithoutGil others_run;
      begun = store->subscribe();
    }
    return std::make_unique<PySubscription>(value_or_throw(std::move(begun)), closed);
  });
}

}  // namespace dolium::python
