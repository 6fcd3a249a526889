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

/// Positions of a session's descriptors.
enum Position : std::size_t { kPinTable, kSocket, kReleaseEvent, kProcess };

std::string to_text(const shm::Incarnation& incarnation) {
  return fmt::format("{:016x}{:016x}", incarnation[0], incarnation[1]);
}

/// Of 32 hexadecimal digits. None: 0.
protocol::TierToken to_token(const std::string& text) {
  if (text.size() != 32) return {};
  const auto half = [&text](std::size_t at) { return std::strtoull(text.substr(at, 16).c_str(), nullptr, 16); };
  return {half(0), half(16)};
}

Error keeper_too_old() {
  return {
      Errc::protocol_error,
      "the keeper is of an older version, which cannot own a store of this version's layout: stop doliumd and start "
      "it again, which removes all objects; a restart of the server alone (SIGHUP, --replace) is not enough"};
}

}  // namespace

Result<Estate> Estate::receive(KeeperLink link) {
  Estate estate(std::move(link));
  for (;;) {
    Result<KeeperMessage> message = estate.link_.receive();
    if (!message) return std::move(message).error();
    if (message->kind == Kind::start && message->item.key < KeeperLink::kVersion) return keeper_too_old();
    if (message->kind == Kind::start) {
      estate.tier_token_ = to_token(message->item.text);
      return estate;
    }
    if (message->kind != Kind::keep) return Error{Errc::disconnected, "the keeper is gone"};
    if (auto taken = estate.take(std::move(message->item)); !taken) return std::move(taken).error();
  }
}

Result<void> Estate::check_incarnation(const shm::Store& store) const {
  if (incarnation_ == to_text(store.rows().index.incarnation())) return {};
  return Error{Errc::protocol_error, "the keeper has the memory of another store than it was told"};
}

Result<void> Estate::take(KeeperItem item) {
  if (item.key == kMemory) {
    memory_ = std::move(item.descriptors);
    incarnation_ = std::move(item.text);
    return {};
  }
  if (item.key == kListener) {
    if (item.descriptors.size() != 2) return Error{Errc::protocol_error, "no socket to listen on"};
    listener_.emplace(
        protocol::Listener::adopt(item.text, std::move(item.descriptors[0]), std::move(item.descriptors[1])));
    return {};
  }
  if (item.key == kLostLines) {
    lost_lines_ = std::strtoull(item.text.c_str(), nullptr, 10);
    return {};
  }
  Result<SessionRecord> record = SessionRecord::from_text(item.text);
  if (!record) return std::move(record).error();
  if (item.descriptors.size() < kProcess) return Error{Errc::protocol_error, "a session without its descriptors"};
  record->pin_table = std::move(item.descriptors[kPinTable]);
  record->socket = std::move(item.descriptors[kSocket]);
  record->release_event = std::move(item.descriptors[kReleaseEvent]);
  if (item.descriptors.size() > kProcess) record->process = std::move(item.descriptors[kProcess]);
  sessions_.push_back(*std::move(record));
  return {};
}

Result<void> Estate::have_owned(const shm::Store& store) const {
  send(Kind::own, 0, {}, {store.rows().index.segment().fd().get()});
  const Result<KeeperMessage> answer = link_.receive();
  if (!answer) return answer.error();
  if (answer->kind != Kind::owned) return Error{Errc::disconnected, "the keeper is gone"};
  if (!answer->item.text.empty())
    return Error{Errc::system_error, "the keeper cannot own the store: " + answer->item.text};
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

Result<std::optional<std::string>> Estate::hear() const {
  Result<KeeperMessage> message = link_.receive();
  if (!message) return std::move(message).error();
  if (message->kind == Kind::hurry) return std::optional<std::string>();
  if (message->kind != Kind::refuse) return Error{Errc::disconnected, "the keeper is gone"};
  return std::optional(std::move(message->item.text));
}

void Estate::say_told_to_end(const std::string& signal) const {
  send(Kind::told_to_end, 0, signal);
}

void Estate::say_draining(std::chrono::milliseconds limit) const {
  send(Kind::draining, static_cast<std::uint64_t>(limit.count()));
}

void Estate::send(Kind kind, std::uint64_t key, const std::string& text, const std::vector<int>& descriptors) const {
  const Result<void> sent = link_.send(kind, key, text, descriptors);
  if (sent) return;
  // Otherwise clients would exist that the next server does not know of.
  give_up(sent.error());
}

void Estate::give_up(const Error& error) {
  shm::last_words(fmt::format("doliumd: {}\n", error.message));
  std::abort();
}

}  // namespace dolium::daemon
