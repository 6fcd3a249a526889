// The part of the containers' codecs that depends on no type: see client/CODECS.md.

#include <dolium/codec.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace dolium::detail {
namespace {

constexpr std::string_view kAdvice = "it was damaged, or put by a program that means something else by that name";

}  // namespace

Error malformed(std::string_view type_name, std::string_view why) {
  return {Errc::type_mismatch, fmt::format("a stored {} cannot be decoded: {}; {}", type_name, why, kAdvice)};
}

Error wrong_size(std::string_view type_name, std::uint64_t size, std::uint64_t expected) {
  return {Errc::type_mismatch, fmt::format("a stored {} has {} bytes where {} were expected: it was put by a program "
                                           "that means something else by that name",
                                           type_name, size, expected)};
}

Error not_a_bool(std::string_view type_name) {
  return malformed(type_name, "a bool in it is neither 0 nor 1");
}

Error in_part(std::string_view type_name, std::uint64_t number, Error inner) {
  inner.message = fmt::format("part {} of a {}: {}", number, type_name, inner.message);
  return inner;
}

Result<TableReader> TableReader::of(std::string_view type_name, std::span<const std::byte> in, std::uint64_t items) {
  if (in.size() / kTableEntry < items)
    return malformed(type_name, fmt::format("its {} bytes end within the table of its {} parts", in.size(), items));
  return TableReader(type_name, in, items, 0);
}

Result<TableReader> TableReader::counted(std::string_view type_name, std::span<const std::byte> in) {
  if (in.size() < kTableEntry)
    return malformed(type_name, fmt::format("it has {} bytes, too few for the number of its items", in.size()));
  std::uint64_t count = 0;
  std::memcpy(&count, in.data(), kTableEntry);
  if (in.size() / kTableEntry - 1 < count)
    return malformed(type_name, fmt::format("its {} bytes end within the table of its {} items", in.size(), count));
  if (count == 0 && in.size() != kTableEntry)
    return malformed(type_name, fmt::format("it has no items, but {} bytes", in.size()));
  return TableReader(type_name, in, count, kTableEntry);
}

Result<std::span<const std::byte>> TableReader::next(std::uint64_t alignment) {
  std::uint64_t end = 0;
  std::memcpy(&end, in_.data() + entry_at_, kTableEntry);
  const std::uint64_t begin = align_up(end_, alignment);
  ++read_;
  const bool complete = read_ < count_ || end == in_.size();
  if (begin > in_.size() || end < begin || end > in_.size() || !complete)
    return malformed(type_name_, fmt::format("item {} of {} ends at byte {} of {}", read_, count_, end, in_.size()));
  entry_at_ += kTableEntry;
  end_ = end;
  return in_.subspan(begin, end - begin);
}

}  // namespace dolium::detail
