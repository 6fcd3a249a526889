#include "daemon/server/start_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "daemon/process/logging.h"
#include "daemon/process/spill_program.h"
#include "daemon/server/access_list.h"
#include "daemon/server/descriptor_limit.h"
#include "daemon/server/listening.h"
#include "protocol/listener.h"
#include "protocol/socket_directory.h"
#include "protocol/socket_owner.h"
#include "shm/os/file_limit.h"
#include "shm/os/system_error.h"
#include "shm/table/host_check.h"
#include "shm/table/index_layout.h"

namespace dolium::daemon {
namespace {

namespace fs = std::filesystem;

Result<void> check_access(const Config& config) {
  if (auto access = AccessList::resolve(config.readers, config.writers, ::geteuid()); !access)
    return std::move(access).error();
  return {};
}

/// already_exists when a daemon listens there.
Result<void> check_socket(const Config& config) {
  const Result<protocol::ListenOptions> options = listen_options(config);
  if (!options) return options.error();
  if (auto directory = protocol::foresee_socket_directory(config.socket_path, trust_of(config)); !directory)
    return directory;
  return protocol::Listener::foresee(*options);
}

/// The two segments that can be large. With the default of max_objects the index is smaller than the arena.
Result<void> check_segments(const StoreConfig& config) {
  if (auto arena = shm::check_file_limit("arena", config.capacity); !arena) return arena;
  return shm::check_file_limit("index", shm::IndexGeometry::for_slots(config.max_objects).total_bytes);
}

/// `ours`: the file that the operator named; `theirs`: the file that the daemon reads.
Result<void> check_same_file(const fs::path& ours, const std::string& theirs) {
  std::error_code error;  // files that cannot be compared count as different
  if (!theirs.empty() && fs::equivalent(ours, theirs, error)) return {};
  const std::string instead = theirs.empty()
                                  ? "was started without a configuration file, and so will its next server be: "
                                  : fmt::format("reads {}, and so will its next server: change that file, or ", theirs);
  return Error{Errc::invalid_argument,
               fmt::format("the running daemon {}stop doliumd and start it with --config {}", instead, ours.string())};
}

}  // namespace

Result<void> check_proc() {
  if (::access("/proc/self/exe", F_OK) == 0) return {};
  return shm::system_error(
      "find /proc/self/exe: /proc is not mounted, or not this process's. doliumd needs it for its memory's limits, its "
      "descriptors and its clients' names: mount it (mount -t proc proc /proc), or have the container mount it");
}

Result<std::vector<std::string>> check_start(const Config& config) {
  if (auto proc = check_proc(); !proc) return std::move(proc).error();
  if (auto descriptors = check_descriptor_limit(); !descriptors) return std::move(descriptors).error();
  Result<std::vector<std::string>> warnings = shm::check_host(config.store);
  if (!warnings) return warnings;
  if (auto segments = check_segments(config.store); !segments) return std::move(segments).error();
  if (auto access = check_access(config); !access) return std::move(access).error();
  if (auto log = foresee_log(config); !log) return std::move(log).error();
  Result<std::vector<std::string>> spill = check_spill(config);
  if (!spill) return spill;
  warnings->insert(warnings->end(), spill->begin(), spill->end());
  if (auto socket = check_socket(config); !socket) {
    if (socket.error().code != Errc::already_exists) return std::move(socket).error();
    warnings->push_back(socket.error().message + "; --replace restarts its server");
  }
  return warnings;
}

Result<std::vector<std::string>> check_spill(const Config& config) {
  const Result<protocol::SocketOwner> owner = protocol::read_socket_owner(config.socket_path + ".lock");
  return check_spill_directory(config, owner ? owner->keeper : 0);
}

Result<void> check_keeper(const std::string& socket_path) {
  const Result<protocol::SocketOwner> owner = protocol::read_socket_owner(socket_path + ".lock");
  if (!owner || owner->keeper == 0 || owner->layout == shm::kIndexLayout) return {};
  const std::string theirs = owner->layout == 0 ? "an older layout" : fmt::format("layout {}", owner->layout);
  return Error{
      Errc::protocol_error,
      fmt::format("the running keeper ({}) owns a store of {}, and this program serves layout {} only: a server "
                  "can be replaced, a keeper cannot. To upgrade it, stop doliumd and start it again, which "
                  "removes all objects (systemctl restart doliumd)",
                  owner->keeper, theirs, shm::kIndexLayout)};
}

Result<void> check_successor(const Invocation& invocation, const std::string& config_asked) {
  if (auto keeper = check_keeper(invocation.config.socket_path); !keeper) return keeper;
  if (!config_asked.empty())
    if (auto same = check_same_file(config_asked, invocation.config_file); !same) return same;
  if (auto access = check_access(invocation.config); !access) return access;
  if (auto log = open_log(invocation.config); !log) return std::move(log).error();
  return {};
}

}  // namespace dolium::daemon
