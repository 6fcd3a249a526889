#pragma once
// KeeperLink: the messages between keeper and server, over a pair of sockets that preserves message boundaries.
//
//   keeper -> server   when a server starts: keep, for each item, then start, with the keeper's version; its text is
//                      the token of the spill process, if there is one
//   server -> keeper   own (the index of the store: owner_mark.h). The keeper answers with owned; a text says why the
//                      keeper cannot own the store. Before any client is admitted
//   server -> keeper   keep (a new item, or a new state of one), forget, ready (the server serves)
//   server -> keeper   replace (restart the server; the text names the configuration file that it must read, if any).
//                      The keeper sends SIGHUP to the server, or
//   keeper -> server   refuse (a new server could not start, and why)
//   server -> keeper   draining (the server, which was told to stop, writes to disk for so many ms at most; 0: it has
//                      ended that)
//   keeper -> server   hurry (a second signal to stop came: do not wait for the disk)
//   server -> keeper   told_to_end (a signal asked the server alone to end; the text names it: the keeper decides)
//
// An item has a key, descriptors and a text, which the keeper does not interpret. A message that was sent reaches the
// keeper even if the sender dies at once: the kernel has it. Both ends are this program: no trust boundary.
//
// A resource: moves. Not thread-safe. send() blocks while the other end is behind.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::daemon {

/// Something that outlives a server: the store's memory, the listening socket, or a session.
struct KeeperItem {
  std::uint64_t key = 0;
  std::string text;
  std::vector<shm::UniqueFd> descriptors;
};

struct KeeperMessage {
  enum class Kind : std::uint32_t {
    none,
    keep,
    forget,
    start,
    ready,
    replace,
    refuse,
    told_to_end,
    own,
    owned,
    draining,
    hurry
  };
  Kind kind = Kind::none;  ///< none: nothing more will come
  KeeperItem item;
};

class KeeperLink {
 public:
  static constexpr std::size_t kMaxText = 4096;
  static constexpr std::size_t kMaxDescriptors = 16;
  /// The key of `start`: the keeper's version. A higher version can do everything that a lower one can. 0 (before
  /// 0.1.0) does not know `own`.
  static constexpr std::uint64_t kVersion = 1;
  /// Environment variable with the number of the server's end.
  static constexpr const char* kVariable = "DOLIUMD_KEEPER";
  /// Its value for a process that only checks whether a new server could start, and tells by its exit status.
  static constexpr const char* kCheckOnly = "check";
  /// Exit status of a server that is to be restarted.
  static constexpr int kRestart = 75;
  /// Environment variable with the configuration file that the check must read, if one was named.
  static constexpr const char* kConfigVariable = "DOLIUMD_CONFIG_ASKED";

  KeeperLink() = default;
  explicit KeeperLink(shm::UniqueFd socket) : socket_(std::move(socket)) {}
  [[nodiscard]] static Result<std::pair<KeeperLink, KeeperLink>> make_pair();

  /// Sends copies of the descriptors. out_of_memory if it may succeed later: the kernel lacks memory, or too many
  /// descriptors of this user are in flight.
  [[nodiscard]] Result<void> send(KeeperMessage::Kind kind, std::uint64_t key, const std::string& text = {},
                                  const std::vector<int>& descriptors = {}) const;
  /// Waits for the next message.
  [[nodiscard]] Result<KeeperMessage> receive() const;

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] bool valid() const noexcept { return socket_.valid(); }

 private:
  shm::UniqueFd socket_;
};

}  // namespace dolium::daemon
