#include "daemon/spiller/tier_session.h"

#include <utility>

#include "protocol/convert.h"
#include "protocol/fd_socket.h"

namespace dolium::spill {
namespace {

using shm::Mapping;

/// The order of HelloReply's descriptors.
enum Position : std::size_t { kIndex, kArena, kPinTable, kReleaseEvent, kWritableArena, kCount };

Result<void> map(Mapping& place, const shm::UniqueFd& fd, std::uint64_t bytes, Mapping::Mode mode, const char* what) {
  Result<Mapping> mapped = Mapping::map(fd, bytes, mode, what);
  if (!mapped) return std::move(mapped).error();
  place = *std::move(mapped);
  return {};
}

}  // namespace

Result<std::unique_ptr<TierSession>> TierSession::connect(const std::string& socket, const protocol::TierToken& token,
                                                          protocol::Deadline deadline) {
  Result<shm::UniqueFd> connected = detail::connect_at_once(socket, deadline);
  if (!connected) return std::move(connected).error();
  protocol::HelloRequestT hello;
  hello.access = protocol::AccessMode::read_write;
  hello.name = "doliumd-spill";
  hello.tier_token = std::make_unique<protocol::TierToken>(token);
  Result<detail::Welcome> welcome =
      detail::shake_hands(*connected, std::move(hello), "the spill tier's session", deadline);
  if (!welcome) return std::move(welcome).error();
  std::unique_ptr<TierSession> session(new TierSession());
  if (auto attached = session->attach(*std::move(welcome)); !attached) return attached.error();
  return session;
}

Result<void> TierSession::attach(detail::Welcome welcome) {
  using Mode = Mapping::Mode;
  const protocol::HelloReplyT& hello = welcome.hello;
  std::vector<shm::UniqueFd>& given = welcome.descriptors;
  if (given.size() != kCount) return Error{Errc::protocol_error, "the server sent another number of descriptors"};
  Mapping pins;
  Result<void> mapped = map(index_, given[kIndex], hello.index_bytes, Mode::read_only, "index");
  if (mapped) mapped = map(arena_, given[kArena], hello.arena_bytes, Mode::read_only, "arena");
  if (mapped) mapped = map(writable_, given[kWritableArena], hello.arena_bytes, Mode::read_write, "writable arena");
  if (mapped) mapped = map(pins, given[kPinTable], hello.pin_table_bytes, Mode::read_write, "pin table");
  if (!mapped) return mapped;
  const Result<shm::IndexReader> index = shm::IndexReader::open(index_.data(), index_.size());
  if (!index) return index.error();
  if (pins.size() < shm::PinTableGeometry::for_slots(index->slot_count()).total_bytes)
    return Error{Errc::protocol_error, "the server's memory is smaller than its index says"};
  holder_ = shm::Holder(*index, shm::PinTable(std::move(pins), index->slot_count()));
  socket_ = std::move(welcome.socket);
  reader_ = std::move(welcome.reader);
  return {};
}

// ---- messages ----

Result<void> TierSession::flush() {
  const Result<bool> flushed = writer_.flush(socket_.get());
  return flushed ? Result<void>() : flushed.error();
}

Result<void> TierSession::read() {
  const Result<protocol::ReadState> state = reader_->read_from(socket_.get());
  if (!state) return state.error();
  if (*state != protocol::ReadState::end_of_file) return {};
  return Error{Errc::disconnected, "the server closed the connection: it was replaced, was stopped, or has crashed"};
}

Result<const protocol::ReplyFrame*> TierSession::next() {
  const auto payload = reader_->next();
  if (!payload) return static_cast<const protocol::ReplyFrame*>(nullptr);
  Result<const protocol::ReplyFrame*> frame = protocol::decode<protocol::ReplyFrame>(*payload);
  if (!frame) return frame;
  if (const auto* goodbye = (*frame)->body_as_GoodbyeNotice())
    return Error{Errc::disconnected, "the server closed the connection: " + protocol::from_wire(goodbye->reason())};
  return frame;
}

Result<const protocol::ReplyFrame*> TierSession::await_frame(std::uint64_t number, protocol::Deadline deadline) {
  for (;;) {
    if (auto flushed = flush(); !flushed) return flushed.error();
    Result<const protocol::ReplyFrame*> frame = next();
    if (!frame) return frame;
    if (*frame != nullptr) {
      if (const auto* error = (*frame)->body_as_ErrorReply()) return protocol::from_wire(*error);
      if ((*frame)->request_id() == number) return frame;
      return Error{Errc::protocol_error, "the server answered another question first"};
    }
    const Result<bool> ready = has_unsent() ? protocol::wait_writable(socket_.get(), deadline)
                                            : protocol::wait_readable(socket_.get(), deadline);
    if (!ready) return ready.error();
    if (!*ready) return Error{Errc::timed_out, "the server does not answer"};
    if (has_unsent()) continue;
    if (auto arrived = read(); !arrived) return arrived.error();
  }
}

// ---- the store's memory ----

std::optional<shm::Held> TierSession::hold(const shm::Granted& granted) noexcept {
  const shm::Holder::Attempt attempt = holder_.hold_granted(granted);
  if (attempt.verdict != shm::Holder::Verdict::held) return std::nullopt;
  return attempt.object;
}

void TierSession::release(const shm::Held& held) noexcept {
  static_cast<void>(holder_.release(held.slot));
}

void TierSession::take_up_grants(std::uint64_t through) noexcept {
  static_cast<void>(holder_.take_up_grants(through));
}

std::span<const std::byte> TierSession::bytes(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (offset > arena_.size() || size > arena_.size() - offset) return {};
  return {arena_.data() + offset, size};
}

std::span<std::byte> TierSession::writable_bytes(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (offset > writable_.size() || size > writable_.size() - offset) return {};
  return {writable_.data() + offset, size};
}

}  // namespace dolium::spill
