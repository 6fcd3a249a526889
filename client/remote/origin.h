#pragma once
// How this process describes itself when it connects: see Origin in messages.fbs.

#include <memory>

#include "protocol/codec.h"

namespace dolium::detail {

[[nodiscard]] std::unique_ptr<protocol::OriginT> own_origin();

}  // namespace dolium::detail
