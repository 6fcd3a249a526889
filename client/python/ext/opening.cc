// Opens a Store: connects it to a daemon, or makes a store in this process.

#include <algorithm>
#include <chrono>
#include <string>

#include "arguments.h"
#include "bindings.h"
#include "errors.h"
#include "store_type.h"
#include "waiting.h"

namespace dolium::python {
namespace {

void keep(py::handle self, std::shared_ptr<ObjectStore> opened) {
  auto* const instance = reinterpret_cast<PyStore*>(self.ptr());
  if (instance->store != nullptr) throw py::value_error("this store is open already");
  instance->store = std::move(opened);
  instance->closed = std::make_shared<std::atomic<bool>>(false);
}

/// Waits in slices, so that Ctrl-C ends it. If a slice was too short, the next slice tries again.
void connect(py::handle self, const py::bytes& path, Truth read_only, Text<"name"> name, Timeout timeout,
             bool reconnect) {
  ConnectOptions options{.access = read_only ? Access::read_only : Access::read_write, .name = name.value};
  const std::string where = path;
  Result<std::shared_ptr<Client>> client = Error{Errc::disconnected, ""};
  wait_in_slices(timeout, [&](Timeout slice) {
    options.connect_timeout = slice;
    const auto begin = std::chrono::steady_clock::now();
    client = Client::connect(where, options);
    const bool was_late =
        !client && (client.error().code == Errc::disconnected || client.error().code == Errc::timed_out);
    return !was_late || slice.is_forever() || std::chrono::steady_clock::now() - begin < slice.duration();
  });
  std::shared_ptr<ObjectStore> opened = value_or_throw(std::move(client));
  if (reconnect) {  // its timeout is the whole one, not a slice; the daemon is there
    options.connect_timeout = timeout;
    Result<std::shared_ptr<ReconnectingStore>> store = Error{Errc::disconnected, ""};
    {
      const WithoutGil others_run;
      store = ReconnectingStore::connect(where, options);
      opened.reset();
    }
    opened = value_or_throw(std::move(store));
  }
  keep(self, std::move(opened));
}

EvictionPolicy policy_of(const std::string& name) {
  const auto found = std::ranges::find(kEvictionPolicyNames, name);
  if (found != kEvictionPolicyNames.end())
    return static_cast<EvictionPolicy>(std::distance(kEvictionPolicyNames.begin(), found));
  std::string known;
  for (const std::string_view each : kEvictionPolicyNames)
    known += (known.empty() ? "'" : ", '") + std::string(each) + "'";
  throw py::value_error("there is no eviction policy '" + name + "': choose one of " + known);
}

void open_in_process(py::handle self, Number<"capacity"> capacity, Number<"max_objects", std::uint32_t> max_objects,
                     const Text<"eviction_policy">& policy, Real<"low_water_mark"> low_water_mark, Truth relocation,
                     Truth preallocate, Truth prefault, Truth huge_pages) {
  const StoreConfig config{.capacity = capacity,
                           .max_objects = max_objects,
                           .eviction_policy = policy_of(policy),
                           .low_water_mark = low_water_mark,
                           .relocation = relocation,
                           .preallocate = preallocate,
                           .prefault = prefault,
                           .huge_pages = huge_pages};
  Result<std::shared_ptr<InProcessStore>> store = Error{Errc::system_error, ""};
  {
    const WithoutGil others_run;
    store = InProcessStore::open(config);
  }
  keep(self, value_or_throw(std::move(store)));
}

/// `use` takes a Client or a ReconnectingStore: their common functions have the same names.
template <class Use>
auto with_daemon(const std::shared_ptr<ObjectStore>& store, Use&& use) -> std::invoke_result_t<Use, Client&> {
  if (auto* const client = dynamic_cast<Client*>(store.get())) return use(*client);
  if (auto* const reconnecting = dynamic_cast<ReconnectingStore*>(store.get())) return use(*reconnecting);
  throw py::type_error("this store has no daemon");
}

}  // namespace

void bind_opening(py::module_& module) {
  module.def("connect", connect);
  module.def("open_in_process", open_in_process);
  module.def("default_socket_path", [] { return py::bytes(default_socket_path()); });
  module.def("session_id", [](const std::shared_ptr<ObjectStore>& store) {
    return with_daemon(store, [](auto& client) { return client.session_id(); });
  });
  module.def("is_read_only", [](const std::shared_ptr<ObjectStore>& store) {
    return with_daemon(store, [](auto& client) { return client.access() == Access::read_only; });
  });
  module.def("is_connected", [](const std::shared_ptr<ObjectStore>& store) {
    return with_daemon(store, [](auto& client) { return client.connected(); });
  });
}

}  // namespace dolium::python
