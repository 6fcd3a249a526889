#pragma once
// Sizes in text: "64MiB" in a configuration file or on a command line, "1.5 GiB" in a message. The daemon and the
// command line share one grammar:
//
//   size = number [spaces] [unit]        number = digits ["." digits]
//   B or none         bytes
//   k, M, G, T, P, E  powers of 1024, as are KiB, MiB, GiB, TiB, PiB, EiB
//   kB, MB, GB, ...   powers of 1000
//
// Units may be in upper or lower case. A fraction of a byte is dropped. parse_size() reads the output of the
// formatters, except "16 EiB", to which sizes just below 2^64 are rounded. Only format_size_exact() is guaranteed to
// give the same number back.

#include <cstdint>
#include <string>
#include <string_view>

#include <dolium/result.h>

namespace dolium {

/// Fails with invalid_argument, and names valid examples, if `text` is not a size below 2^64 bytes.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

/// For messages: three or four significant digits, "64 MiB", "1.5 GiB", "23.5 GiB", "512 B".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// For files: exact, "64MiB", "1536MiB", "1000".
[[nodiscard]] std::string format_size_exact(std::uint64_t bytes);

}  // namespace dolium
