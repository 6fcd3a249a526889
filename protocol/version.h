#pragma once
// The version that both sides must share; see messages.fbs for what needs a new one.

#include <cstdint>

namespace dolium::protocol {

inline constexpr std::uint32_t kProtocolVersion = 3;

}  // namespace dolium::protocol
