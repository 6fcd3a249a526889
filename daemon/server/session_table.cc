#include "daemon/server/session_table.h"

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <utility>

#include "daemon/server/session.h"

namespace dolium::daemon {
namespace {

namespace intrusive = boost::intrusive;

template <class Hook>
using ListOf = intrusive::list<Session, intrusive::base_hook<Hook>, intrusive::constant_time_size<false>>;

/// Visits each session that is in the list now, once. A session that ends meanwhile leaves `round` by itself.
template <class List>
void visit_each(List& list, const SessionTable::Visit& visit) {
  List round;
  round.swap(list);
  while (!round.empty()) {
    Session& session = round.front();
    round.pop_front();
    list.push_back(session);
    visit(session);
  }
}

}  // namespace

struct SessionTable::Lists {
  struct ClientOf {
    using type = shm::ClientId;
    type operator()(const Session& session) const noexcept { return session.client(); }
  };

  ListOf<links::Owned> all, ended;
  ListOf<links::Newcomer> newcomers;
  ListOf<links::Dirty> dirty;
  ListOf<links::Awake> awake;
  intrusive::set<Session, intrusive::base_hook<links::ByClient>, intrusive::constant_time_size<false>,
                 intrusive::key_of_value<ClientOf>>
      by_client;
};

SessionTable::SessionTable() : lists_(std::make_unique<Lists>()) {}

SessionTable::~SessionTable() {
  destroy_ended();
  lists_->all.clear_and_dispose(std::default_delete<Session>());
}

Session& SessionTable::add(std::unique_ptr<Session> session) {
  lists_->all.push_back(*session);
  return *session.release();
}

void SessionTable::attach(Session& session) {
  lists_->by_client.insert(session);
}

void SessionTable::end(Session& session) {
  session.links::Newcomer::unlink();
  session.links::Dirty::unlink();
  session.links::Awake::unlink();
  session.links::ByClient::unlink();
  session.links::Owned::unlink();
  lists_->ended.push_back(session);
}

void SessionTable::destroy_ended() {
  lists_->ended.clear_and_dispose(std::default_delete<Session>());
}

Session* SessionTable::find(shm::ClientId client) const {
  const auto found = lists_->by_client.find(client);
  return found == lists_->by_client.end() ? nullptr : &*found;
}

std::size_t SessionTable::size() const {
  return lists_->all.size();
}

std::size_t SessionTable::count(const std::function<bool(const Session& session)>& counts) const {
  return static_cast<std::size_t>(std::count_if(lists_->all.begin(), lists_->all.end(), counts));
}

void SessionTable::visit_all(const Visit& visit) {
  visit_each(lists_->all, visit);
}

void SessionTable::visit_clients(shm::ClientId above, const std::function<bool(Session& session)>& visit) const {
  auto next = lists_->by_client.upper_bound(above);
  while (next != lists_->by_client.end() && visit(*next)) ++next;
}

// ---- newcomers ----

void SessionTable::add_newcomer(Session& session, shm::TimeNs now) {
  session.connected = now;
  lists_->newcomers.push_back(session);
}

void SessionTable::remove_newcomer(Session& session) {
  session.links::Newcomer::unlink();
}

Session* SessionTable::oldest_newcomer() const {
  return lists_->newcomers.empty() ? nullptr : &lists_->newcomers.front();
}

// ---- dirty ----

void SessionTable::mark_dirty(Session& session) {
  if (!session.links::Dirty::is_linked()) lists_->dirty.push_back(session);
}

bool SessionTable::has_dirty() const {
  return !lists_->dirty.empty();
}

void SessionTable::take_dirty(const Visit& visit) {
  ListOf<links::Dirty> round;
  round.swap(lists_->dirty);
  while (!round.empty()) {
    Session& session = round.back();
    round.pop_back();
    visit(session);
  }
}

// ---- awake ----

void SessionTable::mark_awake(Session& session) {
  session.last_heard = 0;
  if (!session.links::Awake::is_linked()) lists_->awake.push_back(session);
}

bool SessionTable::has_awake() const {
  return !lists_->awake.empty();
}

void SessionTable::visit_awake(const Visit& visit) {
  visit_each(lists_->awake, visit);
}

void SessionTable::let_rest(const std::function<bool(Session& session)>& rests) {
  for (auto next = lists_->awake.begin(); next != lists_->awake.end();) {
    Session& session = *next++;
    if (rests(session)) session.links::Awake::unlink();
  }
}

}  // namespace dolium::daemon
