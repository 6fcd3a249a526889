#pragma once
// The `dolium` command against a real daemon, as a shell would run it.

#include <fcntl.h>
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

namespace dolium::test {

/// What a command left behind.
struct Ran {
  std::string how;  // "exit 0"
  std::string out;
  std::string error;

  [[nodiscard]] bool ok() const { return how == "exit 0" && error.empty(); }
  /// As every failure should look: its kind's status, one line of message on stderr that begins with our name.
  [[nodiscard]] bool failed(int status) const {
    return how == fmt::format("exit {}", status) && out.empty() && error.starts_with("dolium: ") &&
           error.find('\n') == error.size() - 1;
  }
  /// The output without its last newline.
  [[nodiscard]] std::string line() const { return out.substr(0, out.find_last_not_of('\n') + 1); }
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out); }
};
inline std::ostream& operator<<(std::ostream& out, const Ran& ran) {
  return out << ran.how << "\nstdout: " << ran.out << "\nstderr: " << ran.error;
}

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void spill(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A command that was started: its streams go to files, so that nothing that it prints can block it.
class Running {
 public:
  Running(const std::filesystem::path& directory, const std::vector<std::string>& command, int in)
      : out_(directory / "stdout"), error_(directory / "stderr") {
    const shm::UniqueFd out = open(out_), error = open(error_);
    process_ = e2e::Process::start(command, {.in = in, .out = out.get(), .error = error.get()});
  }
  [[nodiscard]] e2e::Process& process() { return process_; }
  [[nodiscard]] std::string output_so_far() const { return slurp(out_); }
  [[nodiscard]] Ran wait() {
    std::string how = process_.wait();
    return {std::move(how), slurp(out_), slurp(error_)};
  }

 private:
  static shm::UniqueFd open(const std::filesystem::path& path) {
    return shm::UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  }

  std::filesystem::path out_, error_;
  e2e::Process process_;
};

class Command {
 public:
  explicit Command(const e2e::Daemon& daemon) : directory_(daemon.directory()), socket_(daemon.socket()) {}

  [[nodiscard]] Running start(const std::vector<std::string>& arguments, int in = -1) const {
    std::vector<std::string> command = {DOLIUM_CLI_PATH, "--socket", socket_};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return {directory_, command, in};
  }
  [[nodiscard]] Ran run(const std::vector<std::string>& arguments, int in = -1) const {
    return start(arguments, in).wait();
  }
  /// With a pipe as its standard input. At most what a pipe takes.
  [[nodiscard]] Ran run_with_pipe(const std::vector<std::string>& arguments, std::string_view input) const {
    e2e::Pipe pipe = e2e::make_pipe();
    REQUIRE(::write(pipe.write_end.get(), input.data(), input.size()) == static_cast<ssize_t>(input.size()));
    pipe.write_end.reset();
    return run(arguments, pipe.read_end.get());
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (directory_ / name).string(); }

 private:
  std::filesystem::path directory_;
  std::string socket_;
};

}  // namespace dolium::test
