// Operations that answer by callback: callback(value, None) or callback(None, exception). The thread that processes the
// store's events calls it, with the GIL.

#include "bindings.h"
#include "builder_type.h"
#include "errors.h"
#include "object_id_type.h"
#include "object_type.h"
#include "options.h"
#include "store_type.h"

namespace dolium::python {
namespace {

using StorePtr = std::shared_ptr<ObjectStore>;

py::object to_python(Object object) {
  return py::cast(std::move(object));
}
py::object to_python(ObjectBuilder builder) {
  return py::cast(std::move(builder));
}
py::object to_python(std::vector<std::optional<Object>> objects) {
  return new_objects(std::move(objects));
}

/// A Python function that C++ owns. It may be destroyed in any thread, with or without the GIL.
class Callback {
 public:
  explicit Callback(py::object function) : function_(std::move(function)) {}
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  ~Callback() {
    if (Py_IsInitialized() == 0) {  // the interpreter is gone, and its objects with it
      function_.release();
      return;
    }
    const WithGil back;
    function_ = py::object();
  }

  template <class T>
  void operator()(Result<T> result) const {
    const WithGil back;
    try {
      if (result)
        function_(to_python(*std::move(result)), py::none());
      else
        function_(py::none(), exception_of(result.error()));
    } catch (py::error_already_set& raised) {
      raised.discard_as_unraisable(function_);  // no caller can catch it
    }
  }

 private:
  py::object function_;
};

class Handle {
 public:
  explicit Handle(AsyncHandle handle) : handle_(std::move(handle)) {}
  /// True: the callback has not been called and will not be called.
  bool cancel() {
    const WithoutGil others_run;
    return handle_.cancel();
  }

 private:
  AsyncHandle handle_;
};

/// `Begin`: ObjectStore::get_async, or take_async.
template <auto Begin>
Handle get_async(const StorePtr& store, const ObjectId& id, Timeout timeout, py::object function) {
  const auto callback = std::make_shared<const Callback>(std::move(function));
  const WithoutGil others_run;
  return Handle(((*store).*Begin)(id, timeout, [callback](Result<Object> result) { (*callback)(std::move(result)); }));
}

/// `count`: None for all.
Handle get_many_async(const StorePtr& store, const std::vector<ObjectId>& ids, const py::object& count, Timeout timeout,
                      py::object function) {
  const std::size_t enough = count.is_none() ? ids.size() : number_of(count, "count");
  const auto callback = std::make_shared<const Callback>(std::move(function));
  const WithoutGil others_run;
  return Handle(store->get_many_async(ids, enough, timeout, [callback](Result<std::vector<std::optional<Object>>> got) {
    (*callback)(std::move(got));
  }));
}

Handle create_async(const StorePtr& store, const ObjectId& id, Number<"size"> size, const py::tuple& options,
                    py::object function) {
  const OptionArguments given(options);
  const auto callback = std::make_shared<const Callback>(std::move(function));
  const WithoutGil others_run;
  return Handle(store->create_async(id, size, given.options(),
                                    [callback](Result<ObjectBuilder> result) { (*callback)(std::move(result)); }));
}

}  // namespace

void bind_async_calls(py::module_& module) {
  py::class_<Handle>(module, "AsyncHandle").def("cancel", &Handle::cancel);
  module.def("get_async", get_async<&ObjectStore::get_async>);
  module.def("take_async", get_async<&ObjectStore::take_async>);
  module.def("get_many_async", get_many_async);
  module.def("create_async", create_async);
  module.def("event_fd", [](const StorePtr& store) { return store->event_fd(); });
  module.def("process_events", [](py::handle self) {
    const StorePtr store = store_of(self.ptr());
    Result<void> processed;
    {
      const WithoutGil others_run;
      processed = process_events(*store, self.ptr());
    }
    value_or_throw(std::move(processed));
  });
}

}  // namespace dolium::python
