#pragma once
// Estate: what a server has of the keeper, and gives to it: the memory, the socket to listen on, the sessions.
//
// A session is given before its client hears of it, and again whenever its record changes; it is taken back before its
// references are dropped. So a successor knows every pin table that anybody may still count in.
//
// Not thread-safe. That the keeper does not take something is the end of this process, which it would not outlive.

#include <memory>
#include <optional>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/process/keeper_link.h"
#include "daemon/server/session_record.h"
#include "protocol/fd_socket.h"
#include "shm/store/store.h"

namespace dolium::daemon {

class Estate {
 public:
  /// Hears from the keeper what there is.
  [[nodiscard]] static Result<Estate> receive(KeeperLink link);

  /// Is there anything to go on with?
  [[nodiscard]] bool inherited() const noexcept { return !memory_.empty(); }
  // What was inherited; each once.
  [[nodiscard]] std::vector<shm::UniqueFd> take_memory() { return std::move(memory_); }
  [[nodiscard]] std::optional<protocol::Listener> take_listener() { return std::move(listener_); }
  [[nodiscard]] std::vector<SessionRecord> take_sessions() { return std::move(sessions_); }
  /// How many lines of the log were lost with the server before, and not told of.
  [[nodiscard]] std::uint64_t take_lost_lines();

  /// Of the store that was made from the memory: it is the one that was kept.
  [[nodiscard]] Result<void> check_incarnation(const shm::Store& store) const;
  /// Has the keeper sign the store as its owner (owner_mark.h), and waits until it has. Before a client is let in.
  [[nodiscard]] Result<void> have_owned(const shm::Store& store) const;
  void keep_memory(const shm::Store& store) const;
  void keep_listener(const protocol::Listener& listener) const;
  /// Errors as KeeperLink::send(): then a successor will not know of this session, or of what has changed.
  [[nodiscard]] Result<void> keep(const SessionRecord& record, const shm::Segment& pin_table) const;
  void forget(shm::ClientId client) const;
  /// How many lines of the log are lost with this server: its successor tells of them.
  void keep_lost_lines(std::uint64_t lines) const;
  /// That this server serves, and where it logs to: the keeper does so, too.
  void say_ready(const Config& config) const;
  /// Another server shall go on, if it reads `config_file`; empty: whatever it reads. What stands in the way is heard.
  void ask_for_successor(const std::string& config_file) const;
  /// Why the keeper has no successor. An error: the keeper is gone.
  [[nodiscard]] Result<std::string> hear_refusal() const;
  [[nodiscard]] int link() const noexcept { return link_.fd(); }
  /// This process alone was sent that signal: the keeper has it replaced, or is ending, too.
  void say_told_to_end(const std::string& signal) const;
  /// Ends this process: a successor does better, which does not know of what the keeper could not be told.
  [[noreturn]] static void give_up(const Error& error);

 private:
  explicit Estate(KeeperLink link) : link_(std::move(link)) {}
  [[nodiscard]] Result<void> take(Kept thing);
  void send(KeeperMessage::Kind kind, std::uint64_t key, const std::string& text = {},
            const std::vector<int>& descriptors = {}) const;

  KeeperLink link_;
  std::vector<shm::UniqueFd> memory_;
  std::string incarnation_;  // of the store in it
  std::optional<protocol::Listener> listener_;
  std::vector<SessionRecord> sessions_;
  std::uint64_t lost_lines_ = 0;
};

}  // namespace dolium::daemon
