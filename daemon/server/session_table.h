#pragma once
// SessionTable: owns the server's sessions, finds them by their clients, and lists those that need something.
//
// A session is in the list of all, or in that of the ended ones, from add() to destroy_ended(). The other lists are of
// sessions that have not ended. Lists are intrusive (session_links.h): no entry takes memory, none can be stale.
//
// A visit of a list may end any session, and add sessions to any list: those are visited by the next call.
//
// Not thread-safe. A resource: neither copied nor moved.

#include <cstddef>
#include <functional>
#include <memory>

#include "shm/os/basic_types.h"
#include "shm/store/store_types.h"

namespace dolium::daemon {

class Session;

class SessionTable {
 public:
  using Visit = std::function<void(Session& session)>;

  SessionTable();
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;
  ~SessionTable();

  /// Takes a session.
  Session& add(std::unique_ptr<Session> session);
  /// Its client has entered the store: find() knows it from now on.
  void attach(Session& session);
  /// Takes the session out of all lists. It exists until destroy_ended().
  void end(Session& session);
  /// Call it when no function of an ended session is running.
  void destroy_ended();

  /// nullptr when no session has this client.
  [[nodiscard]] Session* find(shm::ClientId client) const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t count(const std::function<bool(const Session& session)>& counts) const;
  void visit_all(const Visit& visit);
  /// Sessions with clients above this one, in the order of their clients, until `visit` returns false. `visit` must not
  /// end a session.
  void visit_clients(shm::ClientId above, const std::function<bool(Session& session)>& visit) const;

  // Newcomers, in the order of their connections.
  void add_newcomer(Session& session, shm::TimeNs now);
  static void remove_newcomer(Session& session);
  /// nullptr when there is none.
  [[nodiscard]] Session* oldest_newcomer() const;

  // Dirty sessions.
  void mark_dirty(Session& session);
  [[nodiscard]] bool has_dirty() const;
  /// Takes all of them from the list, the last first.
  void take_dirty(const Visit& visit);

  // Sessions that are awake.
  void mark_awake(Session& session);
  [[nodiscard]] bool has_awake() const;
  void visit_awake(const Visit& visit);
  /// Takes those from the list for which `rests` is true. `rests` must not end a session.
  void let_rest(const std::function<bool(Session& session)>& rests);

 private:
  struct Lists;
  std::unique_ptr<Lists> lists_;
};

}  // namespace dolium::daemon
