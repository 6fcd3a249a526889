#pragma once
// For words that nobody knows: the nearest that somebody does.

#include <span>
#include <string>
#include <string_view>

namespace dolium {

/// `; did you mean "capacity"?` when one of the candidates is near enough to be a slip of the fingers, or "".
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace dolium
