#pragma once
// Files of cache traces: those that `replay` reads, and the one that libCacheSim gets.
//
// Two formats are read:
//
//   text  One request per line: a key (any word), and the object's size in bytes (default: 4096). Empty lines and lines
//         that begin with # are ignored.
//
//           # key size
//           user:17 1200
//           user:18
//
//   CSV   libCacheSim's. A file is CSV if its name ends in .csv, if its columns are given, or if its first line has two
//         commas and no blank. The columns are those that the header names (time, obj_id, obj_size), or without a
//         header the first three, in this order. Others are given as to libCacheSim's `cachesim -t`:
//
//           time-col=2, obj-id-col=5, obj-size-col=4, delimiter=;, has-header=true
//
//         Columns are counted from 1. Times are checked, and not used. As in libCacheSim, a request of size 0 is
//         ignored.
//
// In both, a key keeps the size of its first request: objects are immutable.

#include <optional>
#include <string>
#include <string_view>

#include "tests/bench/cache_trace.h"

namespace dolium::bench {

inline constexpr std::uint64_t kMostTraceObjectBytes = 1024 * kGiB;

/// Columns are counted from 1. 0: there is none.
struct CsvColumns {
  std::size_t time = 0;
  std::size_t key = 0;
  std::size_t size = 0;
  char delimiter = 0;               ///< 0: found in the first line
  std::optional<bool> header = {};  ///< none: the first line is a header if its size is no number, or
                                    ///< without sizes, if it has no digit
};

/// Parses the option `-t` of libCacheSim's cachesim. invalid_argument names the part that is wrong.
[[nodiscard]] Result<CsvColumns> parse_csv_columns(std::string_view text);

/// `columns`: see parse_csv_columns(); may be empty. invalid_argument names the file, the line, and what is wrong.
[[nodiscard]] Result<CacheTrace> read_trace(const std::string& path, const std::string& columns = {});

/// Writes the trace as libCacheSim's oracleGeneral, a binary format with the next request of each object. Sizes are
/// those that the objects take from a store, so that libCacheSim's caches hold as many bytes as a store of this
/// capacity. invalid_argument if an object is larger than the format can say (4 GiB); system_error if the file cannot
/// be written.
[[nodiscard]] Result<void> write_oracle_general(const CacheTrace& trace, const std::string& path);

}  // namespace dolium::bench
