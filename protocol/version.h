#pragma once
// The protocol version, which must be the same on both sides. messages.fbs lists which changes raise it.

#include <cstdint>

namespace dolium::protocol {

inline constexpr std::uint32_t kProtocolVersion = 7;

}  // namespace dolium::protocol
