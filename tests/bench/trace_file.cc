#include "tests/bench/trace_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <span>
#include <unordered_map>

namespace dolium::bench {
namespace {

constexpr std::string_view kBlanks = " \t\r";

Error invalid(std::string message) {
  return {Errc::invalid_argument, std::move(message)};
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

Result<std::uint64_t> size_of(std::string_view text) {
  const auto size = number_of<std::uint64_t>(text);
  if (!size || *size > kMostTraceObjectBytes)
    return invalid("the size '" + std::string(text) + "' is not a number of bytes, at most 1 TiB");
  return *size;
}

/// Gives each key a number, and the size of its first request.
class Requests {
 public:
  explicit Requests(const std::string& path) : trace_{path.substr(path.rfind('/') + 1)} {}

  void add(std::string_view key, std::uint64_t size) {
    const CacheRequest fresh{known_.size(), size};
    trace_.requests.push_back(known_.try_emplace(std::string(key), fresh).first->second);
  }
  [[nodiscard]] CacheTrace take() && { return std::move(trace_); }

 private:
  CacheTrace trace_;
  std::unordered_map<std::string, CacheRequest> known_;
};

// ---- text ----

Result<void> add_text_line(Requests& requests, std::string_view line) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return {};
  const std::size_t end = std::min(line.find_first_of(kBlanks), line.size());
  const std::string_view rest = trimmed(line.substr(end));
  if (rest.find_first_of(kBlanks) != std::string_view::npos)
    return invalid("not `KEY [SIZE]`: '" + std::string(line) + "'");
  const Result<std::uint64_t> size = rest.empty() ? Result<std::uint64_t>(kTraceObjectBytes) : size_of(rest);
  if (!size) return size.error();
  requests.add(line.substr(0, end), *size);
  return {};
}

// ---- CSV ----

constexpr std::string_view kDelimiters = ",\t|;";
constexpr const char* kColumnsExample = "\"time-col=1, obj-id-col=2, obj-size-col=3\"";

/// The fields of a line, unquoted.
std::vector<std::string> fields_of(std::string_view line, char delimiter) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool doubled = quoted && line.substr(i, 2) == "\"\"";
    if (line[i] == '"' && !doubled) {
      quoted = !quoted;
    } else if (line[i] == delimiter && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
      i += doubled ? 1 : 0;
    }
  }
  for (std::string& field : fields) field = std::string(trimmed(field));
  return fields;
}

/// `Obj-ID` -> `obj_id`.
std::string column_name(std::string name) {
  for (char& each : name)
    each = each == '-' || each == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  name.erase(0, name.find_first_not_of("#_"));
  return name;
}

/// The number of the first column that has one of these names. 0: none has.
std::size_t column_named(const std::vector<std::string>& header, std::span<const std::string_view> names) {
  for (std::size_t i = 0; i < header.size(); ++i)
    if (std::ranges::find(names, column_name(header[i])) != names.end()) return i + 1;
  return 0;
}

CsvColumns columns_named_by(const std::vector<std::string>& header) {
  static constexpr std::array<std::string_view, 5> kTimes{"time", "timestamp", "ts", "clock_time", "real_time"};
  static constexpr std::array<std::string_view, 6> kKeys{"obj_id", "object_id", "object", "objid", "key", "id"};
  static constexpr std::array<std::string_view, 4> kSizes{"obj_size", "object_size", "size", "objsize"};
  return {
      .time = column_named(header, kTimes), .key = column_named(header, kKeys), .size = column_named(header, kSizes)};
}

class CsvReader {
 public:
  /// `columns` is empty if they are not given.
  static Result<CsvReader> create(std::string_view first_line, const std::string& columns) {
    CsvColumns found{.time = 1, .key = 2, .size = 3};
    if (!columns.empty()) {
      Result<CsvColumns> given = parse_csv_columns(columns);
      if (!given) return std::move(given).error();
      found = *given;
    }
    if (found.delimiter == 0) found.delimiter = delimiter_in(first_line);
    const std::vector<std::string> fields = fields_of(trimmed(first_line), found.delimiter);
    found.header = found.header.value_or(is_header(fields, found.size));
    if (*found.header && columns.empty()) {
      const CsvColumns named = columns_named_by(fields);
      if (named.key == 0)
        return invalid("the header names no column obj_id: give the columns, as in --trace-columns " +
                       std::string(kColumnsExample));
      found.time = named.time;
      found.key = named.key;
      found.size = named.size;
    }
    return CsvReader(found);
  }

  [[nodiscard]] bool has_header() const noexcept { return *columns_.header; }

  Result<void> add_line(Requests& requests, std::string_view line) const {
    line = trimmed_line(line);
    if (line.empty()) return {};
    const std::vector<std::string> fields = fields_of(line, columns_.delimiter);
    const std::size_t most = std::max({columns_.time, columns_.key, columns_.size});
    if (fields.size() < most)
      return invalid(std::to_string(fields.size()) + " columns, where column " + std::to_string(most) + " is needed");
    if (columns_.time != 0 && !number_of<double>(fields[columns_.time - 1]))
      return invalid("the time '" + fields[columns_.time - 1] + "' is not a number");
    if (fields[columns_.key - 1].empty()) return invalid("the object's id is empty");
    if (columns_.size == 0) return requests.add(fields[columns_.key - 1], kTraceObjectBytes), Result<void>{};
    const Result<std::uint64_t> size = size_of(fields[columns_.size - 1]);
    if (!size) return size.error();
    if (*size != 0) requests.add(fields[columns_.key - 1], *size);
    return {};
  }

 private:
  explicit CsvReader(const CsvColumns& columns) : columns_(columns) {}

  /// A header has no number in the column of sizes; without one, no digit at all.
  static bool is_header(const std::vector<std::string>& fields, std::size_t size) {
    if (size != 0) return size > fields.size() || !number_of<double>(fields[size - 1]);
    return std::ranges::none_of(
        fields, [](const std::string& each) { return each.find_first_of("0123456789") != std::string::npos; });
  }
  static char delimiter_in(std::string_view line) {
    for (const char each : kDelimiters)
      if (line.find(each) != std::string_view::npos) return each;
    return kDelimiters.front();
  }
  /// Blanks at the end may be empty columns.
  static std::string_view trimmed_line(std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return trimmed(line).empty() ? std::string_view{} : line;
  }

  CsvColumns columns_;
};

bool is_csv(const std::string& path, std::string_view first_line, const std::string& columns) {
  if (!columns.empty() || path.ends_with(".csv")) return true;
  first_line = trimmed(first_line);
  first_line.remove_prefix(std::min(first_line.find_first_not_of("# "), first_line.size()));
  return std::ranges::count(first_line, ',') >= 2 && first_line.find_first_of(kBlanks) == std::string_view::npos;
}

// ---- columns ----

Result<std::size_t> column_number(std::string_view key, std::string_view value) {
  constexpr std::size_t kMost = 1000;
  const auto number = number_of<std::size_t>(trimmed(value));
  if (!number || *number > kMost)
    return invalid(std::string(key) + "=" + std::string(value) + ": not the number of a column, counted from 1");
  return *number;
}

Result<char> delimiter_of(std::string_view value) {
  if (value.empty()) return ',';  // "delimiter=,": the comma ends the part
  if (value == "\\t") return '\t';
  if (value.size() == 1) return value.front();
  return invalid("delimiter=" + std::string(value) + ": more than one character");
}

Result<bool> truth_of(std::string_view key, std::string_view value) {
  value = trimmed(value);
  if (value == "true" || value == "1" || value == "yes") return true;
  if (value == "false" || value == "0" || value == "no") return false;
  return invalid(std::string(key) + "=" + std::string(value) + ": neither true nor false");
}

template <class T, class To>
Result<void> put(Result<T> value, To& to) {
  if (!value) return std::move(value).error();
  to = *value;
  return {};
}

Result<void> set_column(CsvColumns& columns, std::string key, std::string_view value) {
  std::ranges::replace(key, '_', '-');
  if (key.ends_with("-field")) key.replace(key.size() - 5, 5, "col");
  if (key == "time-col") return put(column_number(key, value), columns.time);
  if (key == "obj-id-col") return put(column_number(key, value), columns.key);
  if (key == "obj-size-col" || key == "size-col") return put(column_number(key, value), columns.size);
  if (key == "delimiter") return put(delimiter_of(value), columns.delimiter);
  if (key == "has-header" || key == "header") return put(truth_of(key, value), columns.header);
  bool ignored = false;  // ids are words here
  if (key == "obj-id-is-num") return put(truth_of(key, value), ignored);
  return invalid("'" + key + "' is none of time-col, obj-id-col, obj-size-col, delimiter, has-header, obj-id-is-num");
}

}  // namespace

Result<CsvColumns> parse_csv_columns(std::string_view text) {
  CsvColumns columns;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
    if (text.empty()) break;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
      return invalid("the columns are not given as " + std::string(kColumnsExample) + ": '" + std::string(text) + "'");
    const std::size_t end = std::min(text.find(',', equals), text.size());
    if (Result<void> set = set_column(columns, std::string(trimmed(text.substr(0, equals))),
                                      text.substr(equals + 1, end - equals - 1));
        !set)
      return std::move(set).error();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (columns.key == 0) return invalid("the columns lack obj-id-col: give them as " + std::string(kColumnsExample));
  return columns;
}

Result<CacheTrace> read_trace(const std::string& path, const std::string& columns) {
  std::ifstream file(path);
  if (!file.is_open()) return Error{Errc::system_error, "cannot read the trace " + path + ": " + std::strerror(errno)};
  Requests requests(path);
  std::optional<CsvReader> csv;
  std::size_t number = 0;
  const auto at_line = [&](const Error& error) {
    return Error{error.code, path + ":" + std::to_string(number) + ": " + error.message};
  };
  for (std::string line; std::getline(file, line);) {
    if (++number == 1 && is_csv(path, line, columns)) {
      Result<CsvReader> created = CsvReader::create(line, columns);
      if (!created) return at_line(created.error());
      csv = *created;
      if (csv->has_header()) continue;
    }
    if (Result<void> added = csv ? csv->add_line(requests, line) : add_text_line(requests, line); !added)
      return at_line(added.error());
  }
  if (file.bad()) return Error{Errc::system_error, "cannot read the trace " + path + " to its end"};
  CacheTrace trace = std::move(requests).take();
  if (trace.requests.empty()) return invalid("there are no requests in the trace " + path);
  return trace;
}

Result<void> write_oracle_general(const CacheTrace& trace, const std::string& path) {
  struct [[gnu::packed]] Record {
    std::uint32_t time;
    std::uint64_t key;
    std::uint32_t size;
    std::int64_t next;  // counted from 1; -1: none
  };
  static_assert(sizeof(Record) == 24);
  constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  const std::vector<std::size_t> next = next_uses(trace, kNone);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (std::size_t i = 0; i < trace.requests.size(); ++i) {
    const CacheRequest& request = trace.requests[i];
    const std::uint64_t taken = taken_bytes(request.size_bytes);
    if (taken > std::numeric_limits<std::uint32_t>::max())
      return invalid("libCacheSim cannot replay " + trace.name + ": an object has " +
                     std::to_string(request.size_bytes) + " bytes, more than 4 GiB");
    const Record record{static_cast<std::uint32_t>(i), request.key + 1, static_cast<std::uint32_t>(taken),
                        next[i] == kNone ? -1 : static_cast<std::int64_t>(next[i] + 1)};
    file.write(reinterpret_cast<const char*>(&record), sizeof record);
  }
  file.close();
  if (!file) return Error{Errc::system_error, "cannot write " + path};
  return {};
}

}  // namespace dolium::bench
