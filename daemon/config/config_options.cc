// The table of options, at the end of this file, and the kinds of rows it has.

#include "daemon/config/config_options.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <numeric>
#include <span>
#include <type_traits>

#include "shm/arena/arena.h"
#include "shm/os/basic_types.h"
#include "shm/text/did_you_mean.h"
#include "shm/text/duration_text.h"
#include "shm/text/size_text.h"

namespace dolium::daemon {
namespace {

constexpr std::uint32_t kMaxObjects = std::uint32_t{1} << 30;
constexpr std::uint32_t kMaxConnections = 65536;
constexpr std::uint32_t kMaxLogLines = 1'000'000;
constexpr std::uint32_t kMaxQuarantineSeconds = 24 * 3600;
constexpr std::uint32_t kMaxBusyPollUs = 1'000'000;
// The kernel's limit, without the terminating zero.
constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

constexpr ValueType kSize = {
    .placeholder = "SIZE", .wanted = "a size such as \"64MiB\"", .string = true, .integer = true};
constexpr ValueType kDuration = {
    .placeholder = "DURATION", .wanted = "a duration such as \"10s\"", .string = true, .integer = true};
constexpr ValueType kCount = {.placeholder = "N", .wanted = "a whole number", .integer = true};
constexpr ValueType kShare = {
    .placeholder = "SHARE", .wanted = "a number such as 0.1", .integer = true, .floating_point = true};
constexpr ValueType kBoolean = {.placeholder = "true|false", .wanted = "true or false", .boolean = true};
constexpr ValueType kText = {.placeholder = "TEXT", .wanted = "a string", .string = true};
constexpr ValueType kMode = {.placeholder = "MODE", .wanted = "an octal string such as \"0600\"", .string = true};
constexpr ValueType kNames = {
    .placeholder = "NAME,...", .wanted = "a list such as [\"alice\", \"@staff\"]", .string = true, .list = true};

/// A TOML string. (fmt's {:?} escapes as C++ does, with \x and \u{}, which TOML does not know.)
std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      result += fmt::format("\\u{:04x}", byte);
    else
      result += c;
  }
  return result + '"';
}

struct Name {
  std::string_view section, key, flag, help;
};

template <class Owner, class AnyConfig>
auto& part(AnyConfig& config) {
  if constexpr (std::is_same_v<Owner, StoreConfig>)
    return config.store;
  else
    return config;
}

/// A row: `parse` converts words to a Result<T>, `show` converts a T to a TOML value.
template <class Owner, class T, class Parse, class Show>
Option row(const Name& name, const ValueType& type, T Owner::*member, Parse parse, Show show) {
  const auto assign = [member, parse](Config& config, const Words& words) -> Result<void> {
    Result<T> value = parse(words);
    if (!value) return value.error();
    part<Owner>(config).*member = *std::move(value);
    return {};
  };
  const auto show_member = [member, show](const Config& config) { return show(part<Owner>(config).*member); };
  return {name.section, name.key, name.flag, name.help, type, assign, show_member};
}

template <class Owner>
Option size_row(const Name& name, std::uint64_t Owner::*member, std::uint64_t least, std::uint64_t most) {
  const auto parse = [least, most](const Words& words) -> Result<std::uint64_t> {
    const Result<std::uint64_t> size = parse_size(words.front());
    if (size && (*size < least || *size > most))
      return invalid(fmt::format("{} is out of range: it must be from {} to {}", words.front(),
                                 format_size_exact(least), format_size_exact(most)));
    return size;
  };
  return row(name, kSize, member, parse, [](std::uint64_t size) { return in_quotes(format_size_exact(size)); });
}

/// From 0 on.
template <class Owner>
Option duration_row(const Name& name, std::chrono::milliseconds Owner::*member, std::chrono::milliseconds most) {
  const auto parse = [most](const Words& words) -> Result<std::chrono::milliseconds> {
    const Result<std::chrono::milliseconds> duration = parse_duration(words.front());
    if (duration && *duration > most)
      return invalid(fmt::format("{} is out of range: the maximum is {}", words.front(), format_duration(most)));
    return duration;
  };
  return row(name, kDuration, member, parse,
             [](std::chrono::milliseconds duration) { return in_quotes(format_duration_exact(duration)); });
}

template <class Number>
Result<Number> parse_number(const std::string& word, Number least, Number most) {
  Number value{};
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  // This form of the condition rejects NaN.
  if (error != std::errc() || stop != end || !(value >= least && value <= most))
    return invalid(fmt::format("\"{}\" is not a {}number from {} to {}", word,
                               std::is_integral_v<Number> ? "whole " : "", least, most));
  return value;
}

template <class Owner>
Option count_row(const Name& name, std::uint32_t Owner::*member, std::uint32_t least, std::uint32_t most) {
  const auto parse = [least, most](const Words& words) { return parse_number(words.front(), least, most); };
  return row(name, kCount, member, parse, [](std::uint32_t count) { return fmt::format("{}", count); });
}

template <class Owner>
Option share_row(const Name& name, double Owner::*member, double least, double most) {
  const auto parse = [least, most](const Words& words) { return parse_number(words.front(), least, most); };
  return row(name, kShare, member, parse, [](double share) {
    const std::string text = fmt::format("{}", share);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  });
}

template <class Owner>
Option boolean_row(const Name& name, bool Owner::*member) {
  const auto parse = [](const Words& words) -> Result<bool> {
    if (words.front() == "true") return true;
    if (words.front() == "false") return false;
    return invalid(fmt::format("\"{}\" is neither true nor false", words.front()));
  };
  return row(name, kBoolean, member, parse, [](bool value) { return std::string(value ? "true" : "false"); });
}

template <class Owner>
Option text_row(const Name& name, std::string_view placeholder, std::string Owner::*member, std::size_t most) {
  const auto parse = [most](const Words& words) -> Result<std::string> {
    if (words.front().size() > most)
      return invalid(
          fmt::format("\"{}\" is too long: {} bytes of at most {}", words.front(), words.front().size(), most));
    if (words.front().find('\0') != std::string::npos) return invalid("it contains a zero byte");
    return words.front();
  };
  ValueType type = kText;
  type.placeholder = placeholder;
  return row(name, type, member, parse, [](std::string_view text) { return in_quotes(text); });
}

template <class Owner>
Option mode_row(const Name& name, std::uint32_t Owner::*member) {
  const auto parse = [](const Words& words) -> Result<std::uint32_t> {
    const std::string& word = words.front();
    std::uint32_t mode = 0;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, mode, 8);
    if (error != std::errc() || stop != end || mode > 0777)
      return invalid(fmt::format("\"{}\" is not an octal mode from 0000 to 0777", word));
    return mode;
  };
  return row(name, kMode, member, parse, [](std::uint32_t mode) { return fmt::format("\"{:04o}\"", mode); });
}

template <class Owner>
Option names_row(const Name& name, std::vector<std::string> Owner::*member) {
  const auto parse = [](const Words& words) -> Result<std::vector<std::string>> {
    if (std::ranges::count(words, "") > 0) return invalid("a name in the list is empty");
    return words;
  };
  return row(name, kNames, member, parse, [](const std::vector<std::string>& names) {
    std::vector<std::string> items;
    for (const std::string& each : names) items.push_back(in_quotes(each));
    return fmt::format("[{}]", fmt::join(items, ", "));
  });
}

template <class E>
struct Choice {
  std::string_view name;
  E value;
};

/// `names` in the order of the values' numbers.
template <class E>
std::vector<Choice<E>> choices_of(std::span<const std::string_view> names) {
  std::vector<Choice<E>> choices;
  for (const std::string_view name : names) choices.push_back({name, static_cast<E>(choices.size())});
  return choices;
}

template <class Owner, class E>
Option choice_row(const Name& name, std::string_view placeholder, E Owner::*member, std::vector<Choice<E>> choices) {
  const auto parse = [choices](const Words& words) -> Result<E> {
    std::vector<std::string_view> names;
    for (const Choice<E>& choice : choices) {
      if (choice.name == words.front()) return choice.value;
      names.push_back(choice.name);
    }
    return invalid(fmt::format("\"{}\" is not one of {}{}", words.front(), fmt::join(names, ", "),
                               did_you_mean(words.front(), names)));
  };
  const auto show = [choices](E value) {
    return in_quotes(std::ranges::find(choices, value, &Choice<E>::value)->name);
  };
  ValueType type = kText;
  type.placeholder = placeholder;
  return row(name, type, member, parse, show);
}

/// Marks an option that is fixed when a store, or its socket, is created.
Option for_life(Option option) {
  option.for_life = true;
  return option;
}

std::vector<Option> store_options() {
  using Store = StoreConfig;
  static const std::string policy_help =
      fmt::format("eviction policy, one of {}", fmt::join(kEvictionPolicyNames, ", "));
  return {
      for_life(size_row({"store", "capacity", "--capacity", "bytes of shared memory for objects"}, &Store::capacity,
                        shm::kPageBytes, shm::kMaxCapacity)),
      for_life(
          count_row({"store", "max_objects", "--max-objects", "maximum number of objects; 0: one per KiB of capacity"},
                    &Store::max_objects, 0, kMaxObjects)),
      for_life(choice_row<Store, EvictionPolicy>({"store", "eviction_policy", "--eviction-policy", policy_help},
                                                 "POLICY", &Store::eviction_policy,
                                                 choices_of<EvictionPolicy>(kEvictionPolicyNames))),
      share_row({"store", "low_water_mark", "--low-water-mark", "when evicting, free this share of the capacity"},
                &Store::low_water_mark, 0.0, 0.5),
      boolean_row({"store", "relocation", "--relocation", "move small objects when idle, to defragment free memory"},
                  &Store::relocation),
      for_life(boolean_row({"store", "preallocate", "--preallocate", "reserve all memory at the start"},
                           &Store::preallocate)),
      boolean_row({"store", "prefault", "--prefault", "make the kernel prepare pages before they are written"},
                  &Store::prefault),
      for_life(boolean_row({"store", "huge_pages", "--huge-pages", "use 2 MiB pages from the kernel's reserved pool"},
                           &Store::huge_pages)),
      size_row({"store", "trim_above", "--trim-above",
                "when idle, return free memory above this size to the system; 0: never"},
               &Config::trim_above, 0, shm::kMaxCapacity),
  };
}

std::vector<Option> socket_options() {
  return {
      text_row({"socket", "path", "--socket", "path of the socket; empty: $DOLIUM_SOCKET, or the default path"}, "PATH",
               &Config::socket_path, kMaxSocketPath),
      for_life(mode_row({"socket", "mode", "--socket-mode", "permission bits of the socket"}, &Config::socket_mode)),
      for_life(text_row({"socket", "group", "--socket-group", "group of the socket; empty: the daemon's own"}, "GROUP",
                        &Config::socket_group, 256)),
      for_life(boolean_row({"socket", "trust_directory", "--trust-socket-directory",
                            "trust the socket's directory: users that may write there can replace the socket"},
                           &Config::trust_directory)),
      count_row({"socket", "busy_poll_us", "--busy-poll-us",
                 "busy-polling time after each request, in microseconds; 0: none"},
                &Config::busy_poll_us, 0, kMaxBusyPollUs),
  };
}

std::vector<Option> access_options() {
  return {
      names_row({"access", "readers", "--readers", "users, @groups or * that may read"}, &Config::readers),
      names_row({"access", "writers", "--writers", "users, @groups or * that may read and write"}, &Config::writers),
  };
}

std::vector<Option> limit_options() {
  using Store = StoreConfig;
  constexpr std::uint64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
  return {
      count_row({"limits", "max_connections", "--max-connections", "maximum number of clients"},
                &Config::max_connections, 1, kMaxConnections),
      count_row({"limits", "max_connections_per_user", "--max-connections-per-user",
                 "maximum number of clients per user; 0: no limit"},
                &Config::max_connections_per_user, 0, kMaxConnections),
      size_row({"limits", "max_unsealed_bytes_per_client", "--max-unsealed-bytes-per-client",
                "maximum bytes that one client is writing; 0: no limit"},
               &Store::max_unsealed_bytes_per_client, 0, kNoLimit),
      size_row({"limits", "max_pinned_bytes_per_user", "--max-pinned-bytes-per-user",
                "maximum bytes that one user has pinned or in a grace; 0: no limit"},
               &Store::max_pinned_bytes_per_user, 0, kNoLimit),
      count_row({"limits", "quarantine_seconds", "--quarantine-seconds",
                 "seconds until memory of a dead writer is reused, because of its I/O"},
                &Store::quarantine_seconds, 0, kMaxQuarantineSeconds),
  };
}

std::vector<Option> spill_options() {
  using Store = StoreConfig;
  constexpr std::uint64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
  return {
      for_life(text_row(
          {"spill", "directory", "--spill-directory", "directory for objects that do not fit into memory; empty: none"},
          "DIRECTORY", &Config::spill_directory, 4095)),
      size_row({"spill", "capacity", "--spill-capacity", "maximum bytes on disk; 0: no limit"}, &Config::spill_capacity,
               0, kNoLimit),
      choice_row<Store, Retention>({"spill", "retention", "--spill-retention",
                                    "default retention: cache (lost when evicted) or keep (written to disk first)"},
                                   "RETENTION", &Store::retention,
                                   {{"cache", Retention::cache}, {"keep", Retention::keep}}),
      share_row(
          {"spill", "ahead", "--spill-ahead", "write ahead until this share of the capacity can be evicted at once"},
          &Config::spill_ahead, 0.0, 0.5),
      duration_row({"spill", "write_after", "--spill-write-after",
                    "write an object this long after its seal, when the disk is idle"},
                   &Config::spill_write_after, std::chrono::days(365)),
      duration_row(
          {"spill", "drain", "--spill-drain", "when stopping, maximum time to write objects to disk; 0: do not write"},
          &Config::spill_drain, std::chrono::hours(1)),
      for_life(choice_row<Config, SpillIo>(
          {"spill", "io", "--spill-io", "auto, io_uring or threads"}, "IO", &Config::spill_io,
          {{"auto", SpillIo::automatic}, {"io_uring", SpillIo::io_uring}, {"threads", SpillIo::threads}})),
  };
}

std::vector<Option> log_options() {
  return {
      choice_row<Config, LogLevel>(
          {"log", "level", "--log-level", "trace, debug, info, warning, error, critical or off"}, "LEVEL",
          &Config::log_level, choices_of<LogLevel>(kLogLevels)),
      text_row({"log", "file", "--log-file", "log file, opened for appending; empty: standard error"}, "FILE",
               &Config::log_file, 4095),
      count_row({"log", "lines_per_minute", "--log-lines-per-minute",
                 "maximum log lines of each kind that clients can cause; 0: no limit"},
                &Config::log_lines_per_minute, 0, kMaxLogLines),
  };
}

std::vector<Option> make_options() {
  std::vector<Option> all;
  for (std::vector<Option> section :
       {store_options(), socket_options(), access_options(), limit_options(), spill_options(), log_options()})
    std::ranges::move(section, std::back_inserter(all));
  return all;
}

}  // namespace

std::span<const Option> options() {
  static const std::vector<Option> table = make_options();
  return table;
}

}  // namespace dolium::daemon
