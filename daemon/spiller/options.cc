#include "daemon/spiller/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "shm/os/system_error.h"
#include "shm/os/unique_fd.h"

namespace dolium::spill {
namespace {

constexpr const char* kAbout =
    "doliumd-spill: writes cold objects of a Dolium store to disk, and reads them back. doliumd starts it when its "
    "configuration has a spill directory.";
constexpr std::size_t kDigits = 16;  // of each half of the token

Error refuse(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

std::optional<std::uint64_t> half_of(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// From a descriptor, which is closed: a command line can be read by every user.
Result<protocol::TierToken> read_token(int number) {
  if (number < shm::UniqueFd::kFirst) return refuse("--token-fd must name a descriptor with the session's token");
  const shm::UniqueFd fd(number);
  std::array<char, 2 * kDigits> text{};
  const ssize_t size = shm::retry_interrupted([&] { return ::pread(fd.get(), text.data(), text.size(), 0); });
  if (size < 0) return shm::system_error("read the token from --token-fd");
  const auto high = half_of({text.data(), kDigits});
  const auto low = half_of({text.data() + kDigits, kDigits});
  if (size != static_cast<ssize_t>(text.size()) || !high || !low)
    return refuse("--token-fd holds no token of 32 hexadecimal digits");
  return protocol::TierToken(*high, *low);
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
  Options out;
  int token_fd = -1;
  CLI::App app(kAbout, "doliumd-spill");
  const std::map<std::string, IoChoice> choices = {
      {"auto", IoChoice::automatic}, {"io_uring", IoChoice::io_uring}, {"threads", IoChoice::threads}};
  app.add_option("--socket", out.socket, "the socket of doliumd");
  app.add_option("--directory", out.directory, "the spill directory: mode 700, on a disk")->required();
  app.add_option("--capacity", out.capacity, "bytes of disk to use; 0: no limit");
  app.add_option("--io", out.io, "auto, io_uring or threads")->transform(CLI::CheckedTransformer(choices));
  app.add_option("--log-file", out.log_file, "log file, opened for appending; empty: standard error");
  std::map<std::string, daemon::LogLevel> levels;
  for (std::size_t i = 0; i < daemon::kLogLevels.size(); ++i)
    levels.emplace(daemon::kLogLevels.at(i), static_cast<daemon::LogLevel>(i));
  app.add_option("--log-level", out.log_level, "lines of this level and above are logged")
      ->transform(CLI::CheckedTransformer(levels));
  app.add_option("--token-fd", token_fd, "descriptor with the token that doliumd expects");
  bool adopts = false;
  app.add_flag("--adopt", adopts, "take over a directory of another host, and end");
  app.set_version_flag("--version", DOLIUM_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Options{.action = Action::print, .socket = {}, .directory = {}, .text = app.help()};
  } catch (const CLI::CallForVersion&) {
    return Options{.action = Action::print, .socket = {}, .directory = {}, .text = DOLIUM_VERSION "\n"};
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }
  if (out.capacity == 0) out.capacity = UINT64_MAX;
  if (adopts) {
    out.action = Action::adopt;
    return out;
  }
  if (out.socket.empty()) return refuse("--socket is missing: doliumd starts this program");
  const Result<protocol::TierToken> token = read_token(token_fd);
  if (!token) return token.error();
  out.token = *token;
  return out;
}

}  // namespace dolium::spill
