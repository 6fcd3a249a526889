#pragma once
// Reads the small files of /proc, /sys and cgroups. The result is empty if a file is missing or a value is no number:
// kernels and containers differ in the files they have.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace dolium::shm {

[[nodiscard]] std::optional<std::string> read_text(const std::filesystem::path& file);

/// The rest of the first line that begins with `label`, without the blanks after the label.
[[nodiscard]] std::optional<std::string> read_line(const std::filesystem::path& file, std::string_view label);

/// The number after `label` in a file of "label number" lines; with an empty label, the number at the start of the
/// file. Empty if there is no number, such as for cgroup v2's "max".
[[nodiscard]] std::optional<std::uint64_t> read_number(const std::filesystem::path& file, std::string_view label = "");

/// read_line() and read_number() of text that was read before: for several values of one file.
[[nodiscard]] std::optional<std::string> find_line(const std::string& text, std::string_view label);
[[nodiscard]] std::optional<std::uint64_t> find_number(const std::string& text, std::string_view label = "");

}  // namespace dolium::shm
