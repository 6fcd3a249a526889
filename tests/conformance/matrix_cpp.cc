// The matrix in C++: README.md has the objects.
//   matrix_cpp put LANGUAGE | get LANGUAGE | time LANGUAGE

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/dolium.h>

namespace {

using Bytes = std::vector<std::byte>;

const std::vector<double> kNumbers = {1.5, -2, 0.25};
const std::string kText = "grüße, 世界";

Bytes bytes_of(std::string_view text) {
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

Bytes all_bytes() {
  Bytes bytes(256);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

void put(dolium::ObjectStore& store, const std::string& language) {
  const auto id = [&](const char* name) { return dolium::ObjectId::from_name(language + '/' + name); };
  const Bytes metadata = bytes_of("about it");
  store.put(id("raw"), all_bytes()).value();
  store.put(id("metadata"), bytes_of("salve"), {.metadata = metadata}).value();
  store.put(id("f64[]"), kNumbers).value();
  store.put(id("utf8"), kText).value();
  store.put(id("empty"), std::span<const std::byte>()).value();
}

void expect(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "matrix_cpp: " << what << " is another one\n";
  std::exit(EXIT_FAILURE);
}

void expect_raw(const dolium::Object& object, const Bytes& data, const Bytes& metadata) {
  expect(object.type_tag() == 0, "the tag");
  expect(std::ranges::equal(object.data(), data), "the data");
  expect(std::ranges::equal(object.metadata(), metadata), "the metadata");
}

void get(dolium::ObjectStore& store, const std::string& language) {
  const auto id = [&](const char* name) { return dolium::ObjectId::from_name(language + '/' + name); };
  expect_raw(store.get_raw(id("raw")).value(), all_bytes(), {});
  expect_raw(store.get_raw(id("metadata")).value(), bytes_of("salve"), bytes_of("about it"));
  expect(store.get<std::vector<double>>(id("f64[]")).value() == kNumbers, "f64[]");
  expect(store.view<double>(id("f64[]")).value()[1] == -2, "the view of f64[]");
  expect(store.get<std::string>(id("utf8")).value() == kText, "utf8");
  expect_raw(store.get_raw(id("empty")).value(), {}, {});
}

void time_gets(dolium::ObjectStore& store, const std::string& language) {
  using Clock = std::chrono::steady_clock;
  const Bytes data(1024);
  std::vector<dolium::ObjectId> ids;
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(dolium::ObjectId::from_name(language + '/' + std::to_string(i)));
    store.put(ids.back(), data).value();
  }
  for (std::size_t gets = 0; std::cin >> gets;) {
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < gets; ++i) {
      const auto object = store.get_raw(ids[i % ids.size()]);
      expect(object && object->data().size() == data.size(), "the size");
    }
    std::cout << std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: matrix_cpp put|get|time LANGUAGE\n", stderr), 2;
  try {
    const auto store = dolium::Client::connect().value();
    const std::string_view verb = argv[1];
    (verb == "put" ? put : verb == "get" ? get : time_gets)(*store, argv[2]);
  } catch (const std::exception& error) {
    std::cerr << "matrix_cpp: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
