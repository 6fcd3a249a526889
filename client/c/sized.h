#pragma once
// Structs that begin with `struct_size`, in both directions: options of a caller that knows more or less members than
// this library, and results for one.

#include <dolium/c/async.h>
#include <dolium/c/options.h>
#include <dolium/c/report.h>
#include <dolium/c/types.h>
#include <dolium/c/write.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "client/c/call.h"

namespace dolium::c {

/// The struct's name, and its size in version 1 of the interface: a smaller one is an error. These numbers never
/// change; new members make the struct larger.
template <class Struct>
struct Sized;
#define DOLIUM_SIZED(name, first)                      \
  template <>                                          \
  struct Sized<name> {                                 \
    static constexpr const char* kName = #name;        \
    static constexpr std::size_t kFirst = first;       \
    static_assert(sizeof(name) >= kFirst);             \
    static_assert(std::is_trivially_copyable_v<name>); \
    static_assert(offsetof(name, struct_size) == 0);   \
  }
DOLIUM_SIZED(dolium_connect_options, 48);
DOLIUM_SIZED(dolium_open_options, 56);
DOLIUM_SIZED(dolium_create_options, 112);
DOLIUM_SIZED(dolium_filter, 48);
DOLIUM_SIZED(dolium_failure, 56);
DOLIUM_SIZED(dolium_ticket_info, 296);
DOLIUM_SIZED(dolium_object_info, 904);
DOLIUM_SIZED(dolium_use, 1088);
DOLIUM_SIZED(dolium_client_info, 1432);
DOLIUM_SIZED(dolium_store_stats, 1704);
DOLIUM_SIZED(dolium_refusal, 1704);
DOLIUM_SIZED(dolium_event, 312);
#undef DOLIUM_SIZED

/// Larger than any of them will ever be: such a size was never set.
inline constexpr std::size_t kMaxStruct = 65536;

[[noreturn]] void refuse_size(const char* name, std::size_t given, std::size_t first, std::size_t known);
[[noreturn]] void refuse_unknown_members(const char* name, std::size_t given, std::size_t known);

template <class Struct>
void check_size(const Struct& given) {
  using Facts = Sized<Struct>;
  if (given.struct_size < Facts::kFirst || given.struct_size > kMaxStruct) [[unlikely]]
    refuse_size(Facts::kName, given.struct_size, Facts::kFirst, sizeof(Struct));
}

/// The caller's options, as this library knows them. Null: the default of each.
template <class Options>
Options options_of(const Options* given) {
  Options known{};
  if (given == nullptr) return known;
  check_size(*given);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  if (given->struct_size > sizeof(Options) &&
      std::any_of(bytes + sizeof(Options), bytes + given->struct_size, [](unsigned char b) { return b != 0; }))
    refuse_unknown_members(Sized<Options>::kName, given->struct_size, sizeof(Options));
  std::memcpy(&known, given, std::min(given->struct_size, sizeof(Options)));
  return known;
}

/// Fills the caller's struct; what the caller does not know is left out. Precondition: check_size().
template <class Report>
void fill(Report& out, Report value) noexcept {
  const std::size_t size = out.struct_size;
  value.struct_size = size;
  auto* const bytes = reinterpret_cast<unsigned char*>(&out);
  std::memcpy(bytes, &value, std::min(size, sizeof(Report)));
  if (size > sizeof(Report)) std::memset(bytes + sizeof(Report), 0, size - sizeof(Report));
}

/// The caller's variable for a report, cleared. Throws if it is null, or if its size was never set.
template <class Report>
Report& sized(Report* out, const char* name) {
  Report& report = required(out, name);
  check_size(report);
  fill(report, Report{});
  return report;
}

}  // namespace dolium::c
