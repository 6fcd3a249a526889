// The table of sessions: the contents of each list when sessions end, or begin, during an iteration.

#include "daemon/server/session_table.h"

#include <catch2/catch.hpp>
#include <vector>

#include "daemon/server/session.h"
#include "protocol/fd_socket.h"

namespace dolium::daemon {
namespace {

/// Does what a server does with a session that ends, or is dirty.
class TableHost final : public Session::Host {
 public:
  explicit TableHost(SessionTable& table) : table_(table) {}
  void on_request(Session&, const protocol::RequestFrame&) override {}
  void on_silenced(Session&) override {}
  void on_misbehaviour(Session&, const Error&) override {}
  void on_release() override {}
  void on_ended(Session& session) override { table_.end(session); }
  void on_dirty(Session& session) override { table_.mark_dirty(session); }
  void on_awake(Session& session) override { table_.mark_awake(session); }
  void on_without_rings(Session&, const Error&) override {}
  void on_refused(Session&, const Error&) override {}

 private:
  SessionTable& table_;
};

struct TableFixture {
  /// A session whose client, if it has one, is known to the table.
  Session& add(shm::ClientId client = 0) {
    auto [ours, theirs] = protocol::socket_pair().value();
    peers.push_back(std::move(theirs));
    SessionRecord record;
    record.client = client;
    record.socket = std::move(ours);
    Session& session = table.add(Session::create(*loop, host, std::move(record)).value());
    if (client != 0) table.attach(session);
    return session;
  }
  /// As the server ends one that a client cannot be told about.
  static void end(Session& session) { session.refuse({Errc::timed_out, "test"}); }
  [[nodiscard]] std::vector<shm::ClientId> clients_above(shm::ClientId above, std::size_t most) const {
    std::vector<shm::ClientId> found;
    table.visit_clients(above, [&](const Session& session) {
      found.push_back(session.client());
      return found.size() < most;
    });
    return found;
  }

  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::vector<shm::UniqueFd> peers;
  SessionTable table;
  TableHost host{table};
};

}  // namespace

TEST_CASE("session table: sessions are found by their clients, until they end") {
  TableFixture fixture;
  Session& third = fixture.add(3);
  Session& first = fixture.add(1);
  fixture.add();
  Session& second = fixture.add(2);
  CHECK(fixture.table.size() == 4);
  CHECK(fixture.table.find(1) == &first);
  CHECK(fixture.table.find(3) == &third);
  CHECK(fixture.table.find(4) == nullptr);
  CHECK(fixture.clients_above(0, 10) == std::vector<shm::ClientId>{1, 2, 3});
  CHECK(fixture.clients_above(1, 1) == std::vector<shm::ClientId>{2});
  fixture.end(second);
  CHECK(fixture.table.find(2) == nullptr);
  CHECK(fixture.table.size() == 3);
  CHECK(second.state() == Session::State::ended);  // it exists still
  fixture.table.destroy_ended();
  CHECK(fixture.clients_above(0, 10) == std::vector<shm::ClientId>{1, 3});
}

TEST_CASE("session table: a visit may end the session that it visits, and the next one") {
  TableFixture fixture;
  std::vector<Session*> sessions;
  for (shm::ClientId client = 1; client <= 4; ++client) sessions.push_back(&fixture.add(client));
  std::vector<shm::ClientId> visited;
  const auto visit = [&](Session& session) {
    visited.push_back(session.client());
    if (session.client() != 2) return;
    TableFixture::end(*sessions[2]);
    TableFixture::end(session);
  };
  SECTION("all") {
    fixture.table.visit_all(visit);
    CHECK(visited == std::vector<shm::ClientId>{1, 2, 4});
  }
  SECTION("awake") {
    for (Session* each : sessions) fixture.table.mark_awake(*each);
    fixture.table.visit_awake(visit);
    CHECK(visited == std::vector<shm::ClientId>{1, 2, 4});
    fixture.table.let_rest([](const Session&) { return true; });
    CHECK_FALSE(fixture.table.has_awake());
  }
  SECTION("dirty, the last first") {
    sessions = {sessions[3], sessions[2], sessions[0], sessions[1]};
    for (Session* each : sessions) fixture.table.mark_dirty(*each);
    fixture.table.take_dirty(visit);
    CHECK(visited == std::vector<shm::ClientId>{2, 3, 4});
    CHECK_FALSE(fixture.table.has_dirty());
  }
  fixture.table.destroy_ended();
  CHECK(fixture.clients_above(2, 1).size() == 1);
}

TEST_CASE("session table: what becomes dirty in a visit is visited by the next one") {
  TableFixture fixture;
  Session& one = fixture.add(1);
  Session& other = fixture.add(2);
  fixture.table.mark_dirty(one);
  fixture.table.mark_dirty(one);
  int visits = 0;
  fixture.table.take_dirty([&](Session&) {
    ++visits;
    fixture.table.mark_dirty(one);
    fixture.table.mark_dirty(other);
  });
  CHECK(visits == 1);
  CHECK(fixture.table.has_dirty());
  fixture.table.take_dirty([&](Session&) { ++visits; });
  CHECK(visits == 3);
}

TEST_CASE("session table: newcomers are known in the order of their connections") {
  TableFixture fixture;
  Session& first = fixture.add();
  Session& second = fixture.add();
  Session& third = fixture.add();
  shm::TimeNs now = 100;
  for (Session* each : {&first, &second, &third}) fixture.table.add_newcomer(*each, now++);
  CHECK(fixture.table.oldest_newcomer() == &first);
  SessionTable::remove_newcomer(first);
  SessionTable::remove_newcomer(first);  // again: nothing
  CHECK(fixture.table.oldest_newcomer() == &second);
  CHECK(second.connected == 101);
  TableFixture::end(second);
  CHECK(fixture.table.oldest_newcomer() == &third);
}

}  // namespace dolium::daemon
