#pragma once
// Sizes as people write and read them: "64MiB" in a configuration file or on a command line, "1.5 GiB" in a
// message. One grammar for the daemon and the command line:
//
//   size = number [spaces] [unit]        number = digits ["." digits]
//   B or none         bytes
//   k, M, G, T, P, E  powers of 1024, as are KiB, MiB, GiB, TiB, PiB, EiB
//   kB, MB, GB, ...   powers of 1000
//
// Units are read in either case. A fraction of a byte is dropped. parse_size() reads
// what the formatters write (but for the "16 EiB" to which sizes just below 2^64 are rounded); only
// format_size_exact() promises to give back the very same number.

#include <cstdint>
#include <string>
#include <string_view>

#include <dolium/result.h>

namespace dolium {

/// invalid_argument, with examples of what would do, when `text` is not a size below 2^64 bytes.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

/// For people: three or four significant digits, "64 MiB", "1.5 GiB", "23.5 GiB", "512 B".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

/// For files: nothing is rounded, "64MiB", "1536MiB", "1000".
[[nodiscard]] std::string format_size_exact(std::uint64_t bytes);

}  // namespace dolium
