#pragma once
// What the kernel says in the small files of /proc, /sys and the cgroups. What is missing, or is no number, is nothing:
// kernels and containers differ in what they show.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace dolium::shm {

[[nodiscard]] std::optional<std::string> read_text(const std::filesystem::path& file);

/// What follows `label` in the line that begins with it, without the blanks before it.
[[nodiscard]] std::optional<std::string> read_line(const std::filesystem::path& file, std::string_view label);

/// The first word after `label` in a file of "label number" lines, or of the file itself when label is empty.
/// Nothing for what is no number, such as cgroup v2's "max".
[[nodiscard]] std::optional<std::uint64_t> read_number(const std::filesystem::path& file, std::string_view label = "");

}  // namespace dolium::shm
