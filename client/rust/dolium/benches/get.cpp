// The same gets in C++, for benches/get.rs: reads a number of gets from standard input, and prints their nanoseconds.
//   get SOCKET NAME...     gets the objects with the ids of these names, in turn

#include <chrono>
#include <cstdint>
#include <iostream>
#include <vector>

#include <dolium/dolium.h>

int main(int argc, char** argv) {
  const auto client = dolium::Client::connect(argv[1]).value();
  std::vector<dolium::ObjectId> ids;
  for (int i = 2; i < argc; ++i) ids.push_back(dolium::ObjectId::from_name(argv[i]));
  std::uint64_t gets = 0;
  while (std::cin >> gets) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < gets; ++i) {
      const auto object = client->get_raw(ids[i % ids.size()]);
      if (!object || object->data().size() != 1024) return 1;
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    std::cout << std::chrono::duration_cast<std::chrono::nanoseconds>(took).count() << std::endl;
  }
}
