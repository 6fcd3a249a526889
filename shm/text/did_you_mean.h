#pragma once
// Suggests the nearest known word for an unknown one.

#include <span>
#include <string>
#include <string_view>

namespace dolium {

/// `; did you mean "capacity"?` if one of the candidates looks like a typing error away from `word`; else "".
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace dolium
