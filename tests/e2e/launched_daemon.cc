#include "tests/e2e/launched_daemon.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "tests/client/store_under_test.h"

namespace dolium::e2e {

LaunchedDaemon::LaunchedDaemon(std::vector<std::string> launcher, const std::vector<std::string>& flags)
    : socket_((directory_.path() / "dolium.sock").string()) {
  std::vector<std::string> command = std::move(launcher);
  for (const char* word : {DOLIUM_DOLIUMD_PATH, "--socket"}) command.emplace_back(word);
  command.push_back(socket_);
  if (flags.empty()) command.emplace_back("--capacity=16MiB");
  command.insert(command.end(), flags.begin(), flags.end());
  const std::string file = (directory_.path() / "log").string();
  const shm::UniqueFd log_fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  process_ = Process::start(command, {.out = log_fd.get(), .error = log_fd.get()});
  client_ = first_client(process_, socket_);
  INFO("doliumd says:\n" << log());
  REQUIRE(client_ != nullptr);
}

bool LaunchedDaemon::replaced(pid_t old) const {
  return test::eventually([&] { return server() != 0 && server() != old; }) && client_->ping().has_value();
}

std::string LaunchedDaemon::log() const {
  std::ifstream file(directory_.path() / "log");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace dolium::e2e
