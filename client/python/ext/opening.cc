// How a Store comes by what is behind it: a daemon's socket, or a store in this process.

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
}

void connect(py::handle self, const std::string& path, bool read_only, const std::string& name, Timeout timeout) {
  const ConnectOptions options{
      .access = read_only ? Access::read_only : Access::read_write, .name = name, .connect_timeout = timeout};
  Result<std::shared_ptr<Client>> client = Error{Errc::disconnected, ""};
  {
    const py::gil_scoped_release others_run;
    client = Client::connect(path, options);
  }
  keep(self, value_or_throw(std::move(client)));
}

EvictionPolicy policy_of(const std::string& name) {
  if (name == "lru") return EvictionPolicy::lru;
  if (name == "lfu") return EvictionPolicy::lfu;
  if (name == "fifo") return EvictionPolicy::fifo;
  throw py::value_error("there is no eviction policy '" + name + "': 'lru', 'lfu' or 'fifo'");
}

void open_in_process(py::handle self, std::uint64_t capacity, std::uint32_t max_objects, const std::string& policy,
                     double low_water_mark, bool relocation, bool preallocate, bool prefault, bool huge_pages) {
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
    const py::gil_scoped_release others_run;
    store = InProcessStore::open(config);
  }
  keep(self, value_or_throw(std::move(store)));
}

Client& client_of(const std::shared_ptr<ObjectStore>& store) {
  auto* const client = dynamic_cast<Client*>(store.get());
  if (client == nullptr) throw py::type_error("this store has no daemon");
  return *client;
}

}  // namespace

void bind_opening(py::module_& module) {
  module.def("connect", connect);
  module.def("open_in_process", open_in_process);
  module.def("default_socket_path", default_socket_path);
  module.def("session_id", [](const std::shared_ptr<ObjectStore>& store) { return client_of(store).session_id(); });
  module.def("is_read_only",
             [](const std::shared_ptr<ObjectStore>& store) { return client_of(store).access() == Access::read_only; });
  module.def("ping", [](const std::shared_ptr<ObjectStore>& store) {
    Client& client = client_of(store);
    Result<void> answered;
    {
      const py::gil_scoped_release others_run;
      answered = client.ping();
    }
    value_or_throw(std::move(answered));
  });
}

}  // namespace dolium::python
