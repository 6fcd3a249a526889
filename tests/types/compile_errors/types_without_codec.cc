// Programs that must not compile, one a CASE, each with what the first error must say; CASE 0 must compile. A template
// in between, where this mistake is often made, changes nothing.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <dolium/dolium.h>

namespace demo {
struct Graph {
  std::vector<int> nodes;
};
}  // namespace demo

template <class T>
void put_it(dolium::ObjectStore& store, const T& value) {
  store.put(dolium::ObjectId::random(), value).value();
}

void use(dolium::ObjectStore& store, const dolium::ObjectId& id) {
  const std::vector<std::byte> bytes(8);
#if CASE == 0
  put_it(store, std::string("text"));
  put_it(store, std::vector<double>{1.5});
  put_it(store, std::span<const std::byte>(bytes));
  store.put(id, bytes).value();
  store.put("a literal").value();
  store.put(id, std::vector<bool>{true}).value();
  dolium::ObjectRef<int> ref = store.put(5).value();
  ref = store.ref<int>(id);
  static_cast<void>(store.get<std::vector<double>>(id).value().size());
#elif CASE == 1  // dolium: this type has no codec, so it cannot be put
  store.put(demo::Graph{}).value().get().value();
#elif CASE == 2  // dolium: this type has no codec, so it cannot be put
  put_it(store, demo::Graph{});
#elif CASE == 3  // dolium: this type has no codec, so it cannot be put
  store.put(id, std::vector<demo::Graph>(1)).value();
#elif CASE == 4  // dolium: this type has no codec, so it cannot be put
  store.put(id, &bytes).value();
#elif CASE == 5  // dolium: raw bytes are put under an id: put(ObjectId::random(), bytes)
  store.put(bytes).value();
#elif CASE == 6  // dolium: this type has no codec, so it cannot be got
  store.get<demo::Graph>(id).value().nodes.clear();
#elif CASE == 7  // dolium: this type has no codec, so it cannot be got
  dolium::ObjectRef<demo::Graph> ref = store.ref<demo::Graph>(id);
#elif CASE == 8  // dolium: this type has no codec, so it cannot be got
  static_cast<void>(store.get<std::span<const float>>(id).value().size());
#endif
}
