#pragma once
// LaunchedDaemon: a doliumd that is started by another program, which first changes its process group, signals,
// namespace or cgroup. Killed with its owner. If none of that is needed, use Daemon (daemon_fixture.h), which checks
// more.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <dolium/client.h>

#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/process.h"

namespace dolium::e2e {

class LaunchedDaemon {
 public:
  /// Starts `launcher`, an absolute path with arguments, behind which doliumd's command line is put: 16 MiB unless the
  /// flags say else. Waits until it answers.
  explicit LaunchedDaemon(std::vector<std::string> launcher, const std::vector<std::string>& flags = {});

  /// The process that was started; the keeper, unless the launcher stays as its parent.
  [[nodiscard]] Process& process() noexcept { return process_; }
  /// The first child of process(): the server, if that is the keeper. 0: there is none.
  [[nodiscard]] pid_t server() const { return first_child(process_.pid()); }
  /// Until the server is another than `old`, and answers.
  [[nodiscard]] bool replaced(pid_t old) const;
  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_.path(); }
  [[nodiscard]] bool has_socket() const { return std::filesystem::exists(socket_); }
  [[nodiscard]] Client& client() noexcept { return *client_; }
  [[nodiscard]] std::string log() const;

 private:
  TemporaryDirectory directory_;
  std::string socket_;
  Process process_;
  std::shared_ptr<Client> client_;
};

}  // namespace dolium::e2e
