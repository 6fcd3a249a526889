#include "daemon/server/estate.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "daemon/process/keeper_log.h"
#include "shm/os/last_words.h"

namespace dolium::daemon {
namespace {

using Kind = KeeperMessage::Kind;

// Keys. A session's is its client's, which begin with 1, behind the first two.
constexpr std::uint64_t kMemory = 0;
constexpr std::uint64_t kListener = 1;
constexpr std::uint64_t kSessions = 2;
constexpr std::uint64_t kLostLines = UINT64_MAX;

/// Where a session's descriptors stand.
enum Position : std::size_t { kPinTable, kSocket, kReleaseEvent, kProcess };

std::string to_text(const shm::Incarnation& incarnation) {
  return fmt::format("{:016x}{:016x}", incarnation[0], incarnation[1]);
}

Error keeper_too_old() {
  return {Errc::protocol_error,
          "the keeper is of an older version, which cannot own a store of this one's layout: stop doliumd and start it "
          "again, which loses the objects; a new server alone (SIGHUP, --replace) cannot do it"};
}

}  // namespace

Result<Estate> Estate::receive(KeeperLink link) {
  Estate estate(std::move(link));
  for (;;) {
    Result<KeeperMessage> message = estate.link_.receive();
    if (!message) return std::move(message).error();
    if (message->kind == Kind::start && message->thing.key < KeeperLink::kVersion) return keeper_too_old();
    if (message->kind == Kind::start) return estate;
    if (message->kind != Kind::keep) return Error{Errc::disconnected, "the keeper is gone"};
    if (auto taken = estate.take(std::move(message->thing)); !taken) return std::move(taken).error();
  }
}

Result<void> Estate::check_incarnation(const shm::Store& store) const {
  if (incarnation_ == to_text(store.rows().index.incarnation())) return {};
  return Error{Errc::protocol_error, "the memory that the keeper has is another store's than it was told of"};
}

Result<void> Estate::take(Kept thing) {
  if (thing.key == kMemory) {
    memory_ = std::move(thing.descriptors);
    incarnation_ = std::move(thing.text);
    return {};
  }
  if (thing.key == kListener) {
    if (thing.descriptors.size() != 2) return Error{Errc::protocol_error, "no socket to listen on"};
    listener_.emplace(
        protocol::Listener::adopt(thing.text, std::move(thing.descriptors[0]), std::move(thing.descriptors[1])));
    return {};
  }
  if (thing.key == kLostLines) {
    lost_lines_ = std::strtoull(thing.text.c_str(), nullptr, 10);
    return {};
  }
  Result<SessionRecord> record = SessionRecord::from_text(thing.text);
  if (!record) return std::move(record).error();
  if (thing.descriptors.size() < kProcess) return Error{Errc::protocol_error, "a session without its descriptors"};
  record->pin_table = std::move(thing.descriptors[kPinTable]);
  record->socket = std::move(thing.descriptors[kSocket]);
  record->release_event = std::move(thing.descriptors[kReleaseEvent]);
  if (thing.descriptors.size() > kProcess) record->process = std::move(thing.descriptors[kProcess]);
  sessions_.push_back(*std::move(record));
  return {};
}

Result<void> Estate::have_owned(const shm::Store& store) const {
  send(Kind::own, 0, {}, {store.rows().index.segment().fd().get()});
  const Result<KeeperMessage> answer = link_.receive();
  if (!answer) return answer.error();
  if (answer->kind != Kind::owned) return Error{Errc::disconnected, "the keeper is gone"};
  if (!answer->thing.text.empty())
    return Error{Errc::system_error, "the keeper cannot own the store: " + answer->thing.text};
  return {};
}

void Estate::keep_memory(const shm::Store& store) const {
  std::vector<int> descriptors;
  for (const shm::Segment* segment : store.rows().segments()) descriptors.push_back(segment->fd().get());
  send(Kind::keep, kMemory, to_text(store.rows().index.incarnation()), descriptors);
}

void Estate::keep_listener(const protocol::Listener& listener) const {
  send(Kind::keep, kListener, listener.path(), {listener.lock(), listener.fd()});
}

void Estate::keep_lost_lines(std::uint64_t lines) const {
  if (lines != 0) send(Kind::keep, kLostLines, std::to_string(lines));
}

std::uint64_t Estate::take_lost_lines() {
  if (lost_lines_ != 0) send(Kind::forget, kLostLines);
  return std::exchange(lost_lines_, 0);
}

Result<void> Estate::keep(const SessionRecord& record, const shm::Segment& pin_table) const {
  std::vector<int> descriptors = {pin_table.fd().get(), record.socket.get(), record.release_event.get()};
  if (record.process.valid()) descriptors.push_back(record.process.get());
  return link_.send(Kind::keep, kSessions + record.client, record.to_text(), descriptors);
}

void Estate::forget(shm::ClientId client) const {
  send(Kind::forget, kSessions + client);
}

void Estate::say_ready(const Config& config) const {
  send(Kind::ready, KeeperLog::key_of(config), KeeperLog::text_of(config));
}

void Estate::ask_for_successor(const std::string& config_file) const {
  send(Kind::replace, 0, config_file.substr(0, KeeperLink::kMaxText));
}

Result<std::string> Estate::hear_refusal() const {
  Result<KeeperMessage> message = link_.receive();
  if (!message) return std::move(message).error();
  if (message->kind != Kind::refuse) return Error{Errc::disconnected, "the keeper is gone"};
  return std::move(message->thing.text);
}

void Estate::say_told_to_end(const std::string& signal) const {
  send(Kind::told_to_end, 0, signal);
}

void Estate::send(Kind kind, std::uint64_t key, const std::string& text, const std::vector<int>& descriptors) const {
  const Result<void> sent = link_.send(kind, key, text, descriptors);
  if (sent) return;
  // Going on would mean clients that a successor does not know of. A successor does without this thing instead.
  give_up(sent.error());
}

void Estate::give_up(const Error& error) {
  shm::last_words(fmt::format("doliumd: {}\n", error.message));
  std::abort();
}

}  // namespace dolium::daemon
