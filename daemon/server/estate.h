#pragma once
// Estate: what the server gets from the keeper, and gives to it: the memory, the listening socket, the sessions.
//
// The keeper gets a session before its client hears of it, and again whenever its record changes. It forgets a session
// before its references are dropped. So the next server knows every pin table in which a client may still count.
//
// Not thread-safe. If the keeper does not take something, this process ends: the keeper's death would end it anyway.

#include <memory>
#include <optional>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/process/keeper_link.h"
#include "daemon/server/session_record.h"
#include "messages_generated.h"
#include "protocol/listener.h"
#include "shm/store/store.h"

namespace dolium::daemon {

class Estate {
 public:
  /// Receives everything that the keeper has.
  [[nodiscard]] static Result<Estate> receive(KeeperLink link);

  /// True: there is a store to continue.
  [[nodiscard]] bool inherited() const noexcept { return !memory_.empty(); }
  /// The secret of the spill process, which the keeper has given to it, too. 0 from a keeper that knows of none.
  [[nodiscard]] const protocol::TierToken& tier_token() const noexcept { return tier_token_; }
  // What was received; each can be taken once.
  [[nodiscard]] std::vector<shm::UniqueFd> take_memory() { return std::move(memory_); }
  [[nodiscard]] std::optional<protocol::Listener> take_listener() { return std::move(listener_); }
  [[nodiscard]] std::vector<SessionRecord> take_sessions() { return std::move(sessions_); }
  /// Number of log lines that the earlier server has lost, and that are not logged yet.
  [[nodiscard]] std::uint64_t take_lost_lines();

  /// Checks that the store made from the memory is the one that the keeper was given.
  [[nodiscard]] Result<void> check_incarnation(const shm::Store& store) const;
  /// Has the keeper sign the store as its owner (owner_mark.h), and waits for it. Call it before any client is
  /// admitted.
  [[nodiscard]] Result<void> have_owned(const shm::Store& store) const;
  void keep_memory(const shm::Store& store) const;
  void keep_listener(const protocol::Listener& listener) const;
  /// Fails as KeeperLink::send() does: then the next server will not know of this session, or of its change.
  [[nodiscard]] Result<void> keep(const SessionRecord& record, const shm::Segment& pin_table) const;
  void forget(shm::ClientId client) const;
  /// Has the keeper store the number of log lines that this server has lost: the next server logs it.
  void keep_lost_lines(std::uint64_t lines) const;
  /// Tells the keeper that this server serves, and where it logs: the keeper logs there too.
  void say_ready(const Config& config) const;
  /// Asks the keeper to restart the server, if the next one reads `config_file`; empty: whichever file it reads. See
  /// hear_refusal().
  void ask_for_successor(const std::string& config_file) const;
  /// Receives why the keeper does not restart the server; nothing: that it should not wait for the disk before it ends.
  /// An error: the keeper is gone.
  [[nodiscard]] Result<std::optional<std::string>> hear() const;
  [[nodiscard]] int link() const noexcept { return link_.fd(); }
  /// Tells the keeper that another process sent this signal: the keeper restarts the server, unless it is ending too.
  void say_told_to_end(const std::string& signal) const;
  /// Tells the keeper that the end of this server takes so much longer; 0: not any more.
  void say_draining(std::chrono::milliseconds limit) const;
  /// Ends this process, because the keeper could not be told of something. The next server is consistent without it.
  [[noreturn]] static void give_up(const Error& error);

 private:
  explicit Estate(KeeperLink link) : link_(std::move(link)) {}
  [[nodiscard]] Result<void> take(KeeperItem item);
  void send(KeeperMessage::Kind kind, std::uint64_t key, const std::string& text = {},
            const std::vector<int>& descriptors = {}) const;

  KeeperLink link_;
  std::vector<shm::UniqueFd> memory_;
  std::string incarnation_;  // of the store in memory_
  std::optional<protocol::Listener> listener_;
  std::vector<SessionRecord> sessions_;
  std::uint64_t lost_lines_ = 0;
  protocol::TierToken tier_token_;
};

}  // namespace dolium::daemon
