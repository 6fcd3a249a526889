// The same gets in C++, for benches/get.rs: reads a number of gets from standard input, and prints their nanoseconds.
//   get SOCKET NAME...     gets the objects with the ids of these names, in turn

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <vector>

#include <dolium/dolium.h>

int main(int argc, char** argv) {
  const auto client = dolium::Client::connect(argv[1]).value();
  std::vector<dolium::ObjectId> ids;
  for (int i = 2; i < argc; ++i) ids.push_back(dolium::ObjectId::from_name(argv[i]));
  std::size_t next = 0;
  const auto get = [&] {
    const auto object = client->get_raw(ids[next]);
    if (!object || object->data().size() != 1024) std::exit(1);
    next = next + 1 == ids.size() ? 0 : next + 1;  // a division would take a fifth of the get
  };
  std::uint64_t gets = 0;
  while (std::cin >> gets) {
    for (std::size_t i = 0; i < ids.size(); ++i) get();  // warms up: the process has slept since the last round
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < gets; ++i) get();
    const auto took = std::chrono::steady_clock::now() - begin;
    std::cout << std::chrono::duration_cast<std::chrono::nanoseconds>(took).count() << std::endl;
  }
}
