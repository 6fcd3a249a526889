#pragma once
// Live: the handles and references that exist, in debug builds. There a use after the end is found, whatever the memory
// contains by then. Other builds keep no record, and find nothing.

#include <cstdint>

namespace dolium::c {

#ifdef NDEBUG
inline constexpr bool kKeepsRecord = false;
#else
inline constexpr bool kKeepsRecord = true;
#endif

/// A handle's address with its kind: "dolium_store". Another object can lie at the same address later.
void add_handle(const void* handle, const char* kind);
/// Whether there was one of this kind, which there is no more.
bool drop_handle(const void* handle, const char* kind) noexcept;
[[nodiscard]] bool is_live_handle(const void* handle, const char* kind) noexcept;

/// A number for one more reference to an object; never 0, never the same again.
[[nodiscard]] std::uint64_t add_reference();
bool drop_reference(std::uint64_t number) noexcept;
[[nodiscard]] bool is_live_reference(std::uint64_t number) noexcept;

}  // namespace dolium::c
