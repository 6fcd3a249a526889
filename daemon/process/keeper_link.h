#pragma once
// KeeperLink: what keeper and server say to each other, over a pair of sockets that keeps messages whole.
//
//   keeper -> server   at its start: keep, for each thing that is kept, then start, with the keeper's version
//   server -> keeper   own (the index of the store: owner_mark.h), which the keeper answers by owned, with a text that
//                      says why not, if any; before a client is let in
//   server -> keeper   keep (a new thing, or a new state of one), forget, ready (it serves)
//   server -> keeper   replace (another server shall go on; the text names the configuration file that it must read, if
//                      any); then the server is sent SIGHUP, or
//   keeper -> server   refuse (no server could go on, and why)
//   server -> keeper   told_to_end (a signal asked the server alone to end; the text names it: the keeper decides)
//
// A thing has a key, a few descriptors and some bytes, of which the keeper understands nothing. What was sent is the
// keeper's, even if its sender dies at once: the kernel has it. Both ends are our own program: this is no border.
//
// A resource: moves. Not thread-safe; send() waits while the other end is behind.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::daemon {

/// Something that outlives a server.
struct Kept {
  std::uint64_t key = 0;
  std::string text;
  std::vector<shm::UniqueFd> descriptors;
};

struct KeeperMessage {
  enum class Kind : std::uint32_t { none, keep, forget, start, ready, replace, refuse, told_to_end, own, owned };
  Kind kind = Kind::none;  ///< none: nothing more will come
  Kept thing;
};

class KeeperLink {
 public:
  static constexpr std::size_t kMaxText = 4096;
  static constexpr std::size_t kMaxDescriptors = 16;
  /// The key of `start`: what a keeper can do. Higher ones can do what lower ones can. 0, before 0.1.0: knows no `own`.
  static constexpr std::uint64_t kVersion = 1;
  /// Where a server finds its end.
  static constexpr const char* kVariable = "DOLIUMD_KEEPER";
  /// What stands there instead when it shall only say, by its exit status, whether it could follow.
  static constexpr const char* kCheckOnly = "check";
  /// Where the latter finds the configuration file that it must read, if one was named.
  static constexpr const char* kConfigVariable = "DOLIUMD_CONFIG_ASKED";

  KeeperLink() = default;
  explicit KeeperLink(shm::UniqueFd socket) : socket_(std::move(socket)) {}
  [[nodiscard]] static Result<std::pair<KeeperLink, KeeperLink>> make_pair();

  /// Sends copies of the descriptors.
  /// out_of_memory for what passes: the kernel lacks memory, or too many descriptors of this user are under way.
  [[nodiscard]] Result<void> send(KeeperMessage::Kind kind, std::uint64_t key, const std::string& text = {},
                                  const std::vector<int>& descriptors = {}) const;
  /// The next message; waits for it.
  [[nodiscard]] Result<KeeperMessage> receive() const;

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] bool valid() const noexcept { return socket_.valid(); }

 private:
  shm::UniqueFd socket_;
};

}  // namespace dolium::daemon
