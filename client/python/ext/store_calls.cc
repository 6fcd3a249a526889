// The calls that ask the daemon: writing, reading many objects, pinning, removing. Each is a module function whose
// first argument is the store. It releases the GIL while it waits or copies.

#include <algorithm>
#include <optional>

#include "bindings.h"
#include "builder_type.h"
#include "errors.h"
#include "object_id_type.h"
#include "object_type.h"
#include "options.h"
#include "store_type.h"
#include "waiting.h"

namespace dolium::python {
namespace {

using StorePtr = std::shared_ptr<ObjectStore>;

/// Calls without the GIL, and throws the error.
template <class Call>
auto ask(Call&& call) {
  auto result = [&] {
    const WithoutGil others_run;
    return call();
  }();
  return value_or_throw(std::move(result));
}

ObjectBuilder create(py::handle self, const ObjectId& id, Number<"size"> size, const py::tuple& options) {
  const StorePtr store = store_of(self.ptr());
  const OptionArguments given(options);
  return value_or_throw(create_waiting(self.ptr(), *store, id, size, given.options()));
}

void put(py::handle self, const ObjectId& id, py::handle data, const py::tuple& how) {
  const StorePtr store = store_of(self.ptr());
  const InputBuffer bytes(data);
  const OptionArguments given(how);
  const CreateOptions& options = given.options();
  if (options.timeout.is_no_wait()) return ask([&] { return store->put(id, bytes.bytes(), options); });
  ObjectBuilder builder = value_or_throw(create_waiting(self.ptr(), *store, id, bytes.bytes().size(), options));
  ask([&]() -> Result<void> {
    if (auto written = builder.write(bytes.bytes()); !written) return written;
    const Result<ObjectId> sealed = builder.seal();
    return sealed ? Result<void>() : Result<void>(sealed.error());
  });
}

/// One exception, or None, for each item. Label, grace and retention are those of all.
py::list put_many(const StorePtr& store, const py::sequence& items, Text<"label"> label, const py::object& grace,
                  Number<"grace_readers"> readers, const py::object& retention) {
  const std::chrono::milliseconds duration = grace.is_none() ? std::chrono::milliseconds{0} : grace_of(grace);
  const Retention retained = retention_of(retention);
  const std::size_t count = items.size();
  std::vector<std::unique_ptr<InputBuffer>> buffers;
  std::vector<std::string> names;  // reserved: string_views point into it
  std::vector<PutItem> puts;
  names.reserve(count);
  for (const py::handle each : items) {
    const auto item = py::cast<py::tuple>(each);  // (id, data, metadata, type_tag, type_name)
    const auto& data = *buffers.emplace_back(std::make_unique<InputBuffer>(item[1]));
    const auto& metadata = *buffers.emplace_back(std::make_unique<InputBuffer>(item[2]));
    if (names.size() == names.capacity()) throw py::value_error("the items changed while they were read");
    names.push_back(text_of(item[4], "type_name"));
    PutItem next{.id = py::cast<ObjectId>(item[0]), .data = data.bytes()};
    next.options.metadata = metadata.bytes();
    next.options.type_tag = number_of(item[3], "type_tag");
    next.options.type_name = names.back();
    next.options.label = label.value;
    next.options.grace = duration;
    next.options.grace_readers = grace_readers_of(readers);
    next.options.retention = retained;
    puts.push_back(next);
  }
  const auto outcomes = ask([&] { return store->put_many(puts); });
  py::list answer;
  for (const Result<void>& each : outcomes) answer.append(each ? py::none() : exception_of(each.error()));
  return answer;
}

/// Calls `attempt(slice)` in slices of the timeout, so that Ctrl-C and close() end it, until it returns true. It throws
/// errors of its own.
template <class Attempt>
void until_done(py::handle self, Timeout timeout, Attempt&& attempt) {
  const auto closed = reinterpret_cast<PyStore*>(self.ptr())->closed;
  const auto unless_closed = [&](Timeout slice) {
    if (*closed) throw StoreError({Errc::disconnected, "the store was closed while this call waited"});
    return attempt(slice);
  };
  wait_in_slices(timeout, unless_closed, Sliced::always);
}

py::list get_many_raw(py::handle self, const std::vector<ObjectId>& ids, Timeout timeout, const py::object& count) {
  const StorePtr store = store_of(self.ptr());
  const std::size_t enough = count.is_none() ? ids.size() : number_of(count, "count");
  if (!timeout.is_no_wait())
    return new_objects(value_or_throw(get_many_waiting(self.ptr(), *store, ids, enough, timeout)));
  return new_objects(
      ask([&] { return count.is_none() ? store->get_many(ids, no_wait) : store->get_many(ids, enough, no_wait); }));
}

/// In slices: a slice that took nothing has an end that is known, and an interrupted one would lose the object.
py::object take_raw(py::handle self, const ObjectId& id, Timeout timeout) {
  const StorePtr store = store_of(self.ptr());
  Result<Object> taken = Error{Errc::not_found, {}};
  until_done(self, timeout, [&](Timeout slice) {
    const bool over = slice.is_no_wait() && !timeout.is_no_wait();
    taken = store->take_raw(id, over ? Timeout(std::chrono::nanoseconds(1)) : slice);  // else it is not a timeout
    return taken || (taken.error().code != Errc::timed_out && taken.error().code != Errc::not_found);
  });
  return py::reinterpret_steal<py::object>(new_object(value_or_throw(std::move(taken))));
}

std::vector<bool> wait(py::handle self, const py::iterable& which, const py::object& how_many, Timeout timeout) {
  const StorePtr store = store_of(self.ptr());
  const auto ids = py::cast<std::vector<ObjectId>>(py::list(which));
  const std::size_t count = how_many.is_none() ? ids.size() : number_of(how_many, "count");
  std::vector<bool> there(ids.size());
  until_done(self, timeout, [&](Timeout slice) {
    const Result<std::vector<bool>> seen = store->wait(ids, count, slice);
    if (!seen) throw StoreError(seen.error());
    for (std::size_t i = 0; i < ids.size(); ++i) there[i] = there[i] || (*seen)[i];
    return static_cast<std::size_t>(std::ranges::count(there, true)) >= count;
  });
  return there;
}

constexpr const char* kWaitDoc =
    R"(Waits until `count` of the objects (None: all) are there, or until the timeout. Returns a list of bools: which objects
were there at some moment of the call, in the order of `ids`; fewer than `count` after the timeout. Takes no references:
an object can be evicted or removed again before it is got. InvalidArgument if an id occurs twice.

>>> store = InProcessStore("16MiB")
>>> store.wait([store.put(1), ObjectId.from_name("nobody")], count=1)
[True, False])";

}  // namespace

void bind_store_calls(py::module_& module) {
  const py::object type = module.attr("Store");
  type.attr("wait") = py::cpp_function(wait, py::name("wait"), py::is_method(type), py::arg("ids"),
                                       py::arg("count") = py::none(), py::arg("timeout") = 0, kWaitDoc);
  module.def("create", create);
  module.def("put", put);
  module.def("put_many", put_many);
  module.def("get_many_raw", get_many_raw);
  module.def("take_raw", take_raw);
  module.def("exists_many", [](const StorePtr& store, const std::vector<ObjectId>& ids) {
    return ask([&] { return store->exists_many(ids); });
  });
  module.def("pin", [](const StorePtr& store, const ObjectId& id) { ask([&] { return store->pin(id); }); });
  module.def("unpin", [](const StorePtr& store, const ObjectId& id) { ask([&] { return store->unpin(id); }); });
  module.def("extend_grace",
             [](const StorePtr& store, const ObjectId& id, const py::object& duration, Number<"readers"> readers) {
               const std::chrono::milliseconds grace = grace_of(duration);
               ask([&] { return store->extend_grace(id, grace, grace_readers_of(readers)); });
             });
  module.def("remove",
             [](const StorePtr& store, const ObjectId& id) { return ask([&] { return store->remove(id); }); });
  module.def("remove_described", [](const StorePtr& store, const ObjectId& id, Number<"seal_stamp"> stamp) {
    ObjectMetadata described;
    described.id = id;
    described.seal_stamp = stamp;
    return ask([&] { return store->remove(described); });
  });
  module.def("trim", [](const StorePtr& store) { return ask([&] { return store->trim(); }); });
  module.def("evict",
             [](const StorePtr& store, Number<"size"> bytes) { return ask([&] { return store->evict(bytes); }); });
  module.def("evict_and_count", [](const StorePtr& store, Number<"size"> bytes) {
    const Evicted evicted = ask([&] { return store->evict_and_count(bytes); });
    return std::pair(evicted.freed_bytes, evicted.object_bytes);
  });
  module.def("clear", [](const StorePtr& store) { ask([&] { return store->clear(); }); });
  module.def("make_ticket", [](const StorePtr& store, const ObjectId& id, Text<"type_name"> type_name) {
    Ticket ticket = value_or_throw(Ticket::parse(store->ref<std::vector<std::byte>>(id).ticket()));
    ticket.type_name = std::move(type_name.value);
    return ticket.text();
  });
  module.def("read_ticket", [](Text<"ticket"> ticket) {
    const Ticket read = value_or_throw(Ticket::parse(ticket.value));
    return py::make_tuple(read.id, text(read.type_name), read.store);
  });
  module.def("ping", [](const StorePtr& store) { ask([&] { return store->ping(); }); });
}

}  // namespace dolium::python
