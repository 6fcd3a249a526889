// README's example, as a user's own program: one object made by hand, one by its type, both read back.
//   consumer           in a store of this process alone
//   consumer SOCKET    in a daemon's, shared with every other process

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dolium/dolium.h>

namespace {

// Both stores have one interface. value() throws when a call failed: for a program that cannot go on then.
std::shared_ptr<dolium::ObjectStore> open_store(int argc, char** argv) {
  if (argc > 1) return dolium::Client::connect(argv[1]).value();
  dolium::StoreConfig config;
  config.capacity = 64 << 20;  // bytes
  return dolium::InProcessStore::open(config).value();
}

// In a template on purpose: the names of the enumerations must be usable there with Debian 12's g++ too.
template <class Anything>
bool is_arrival(const Anything& event) {
  return event.kind == dolium::Event::sealed;
}

void run(dolium::ObjectStore& store) {
  dolium::Subscription events = store.subscribe().value();
  // create -> write -> seal. Nobody sees the object before seal(), nobody can change it afterwards.
  const auto id = dolium::ObjectId::random();
  dolium::ObjectBuilder builder = store.create(id, 1 << 20).value();
  std::ranges::fill(builder.data(), std::byte{42});
  builder.seal().value();

  // get: a read-only view of the same memory, without a copy. It holds the object until it is destroyed.
  const dolium::Object object = store.get_raw(id).value();
  std::cout << "object " << object.id().hex() << ": " << object.data().size() << " bytes, the first is "
            << std::to_integer<int>(object.data().front()) << '\n';

  // Typed: another type than the one that was put is an error, never a reinterpretation.
  const auto name = dolium::ObjectId::from_name("primes");
  store.put(name, std::vector<int>{2, 3, 5, 7}).value();
  const auto primes = store.get<std::vector<int>>(name).value();
  const auto wrong = store.get<std::string>(name);
  std::cout << primes.size() << " primes; as a string: " << (wrong ? "no error!" : dolium::to_string(wrong.error()))
            << '\n';

  // An outcome is a value: nobody has sealed this one.
  const auto none = store.get_raw(dolium::ObjectId::random());
  std::cout << "another id: " << dolium::to_string(none.error().code) << '\n';

  if (object.data().size() != 1 << 20 || primes.back() != 7 || wrong || none ||
      !is_arrival(events.next(std::chrono::seconds(5)).value()))
    std::exit(EXIT_FAILURE);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(*open_store(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
