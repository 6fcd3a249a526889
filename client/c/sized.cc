#include "client/c/sized.h"

#include <fmt/format.h>

namespace dolium::c {

void refuse_size(const char* name, std::size_t given, std::size_t first, std::size_t known) {
  throw Misuse(fmt::format("struct_size of the {0} is {1}; its size is {2}{3}: set it to sizeof({0}) before the call",
                           name, given, first, first == known ? std::string() : fmt::format(" to {}", known)));
}

void refuse_unknown_members(const char* name, std::size_t given, std::size_t known) {
  throw Misuse(
      fmt::format("the {} has {} bytes and uses members that this library does not know (it knows {} bytes): "
                  "install a newer libdolium_c, or leave them 0",
                  name, given, known));
}

}  // namespace dolium::c
