#include "client/remote/lease.h"

#include <algorithm>
#include <new>
#include <utility>

#include "client/remote/connection.h"
#include "protocol/convert.h"

namespace dolium::detail {
namespace {

constexpr std::uint64_t kPartOfArena = 16;

}  // namespace

std::uint64_t largest_lease(const Connection& connection) noexcept {
  const std::uint64_t bytes =
      std::min(protocol::kMaxLease, connection.attachment().index().arena_bytes() / kPartOfArena);
  return bytes < kSmallestLease ? 0 : bytes / shm::kUnitBytes * shm::kUnitBytes;
}

// ---- a lease ----

bool Lease::good(const Connection& connection) const noexcept {
  return connection.epoch() == extent_->epoch();
}

bool Lease::claim(Connection& connection) noexcept {
  return !word_ || connection.attachment().lease_word(*word_).claim(left() / shm::kUnitBytes);
}

void Lease::let_go(Connection& connection) noexcept {
  if (word_) connection.attachment().lease_word(*word_).set_idle(left() / shm::kUnitBytes);
}

PutLeasedView Lease::write(std::span<const PutView> puts, bool deferred) noexcept {
  std::byte* end = bytes_.data() + bytes_.size();
  for (const PutView& put : puts) {
    end -= taken_by(put);
    put.write(end);
  }
  return {extent_->id(), left(), puts, deferred};
}

void Lease::cut(std::span<const PutView> puts) noexcept {
  for (const PutView& put : puts) bytes_ = bytes_.first(bytes_.size() - taken_by(put));
}

// ---- the next one ----

void NextLease::ask(Connection& connection, std::uint64_t bytes, std::uint64_t put, std::optional<std::uint32_t> word) {
  if (bytes < kSmallestLease || bytes > largest_lease(connection) || !appetite_.may_ask(put)) return;
  if (Result<Offer> offer = send(connection, bytes, word)) offer_ = *std::move(offer);
}

Result<NextLease::Offer> NextLease::send(Connection& connection, std::uint64_t bytes,
                                         std::optional<std::uint32_t> word) {
  Offer offer{ObjectId::random(), bytes, word, std::make_shared<Call>(), std::make_shared<State>()};
  protocol::LeaseRequestT request;
  request.id = protocol::to_wire_pointer(offer.id);
  request.bytes = bytes;
  if (word) {
    request.recall = static_cast<std::uint8_t>(*word + 1);
    connection.attachment().lease_word(*word).set_idle(bytes / shm::kUnitBytes);  // valid as soon as it is given
  }
  offer.call->on_answer = [state = offer.state, weak = connection.weak_from_this(), id = offer.id](const Call& answer) {
    const auto reply = answer.reply<protocol::CreateReply>();
    const auto here = weak.lock();
    if (reply && here != nullptr)
      state->extent = std::make_unique<LentExtent>(here, id, (*reply)->offset(), answer.epoch);
    state->answered.store(true, std::memory_order_release);
  };
  if (const auto begun = connection.exchange().begin(request, offer.call); !begun) return begun.error();
  return offer;
}

void NextLease::wait(Connection& connection) const {
  connection.exchange().wait(*offer_->call);
}

std::optional<Lease> NextLease::take(Connection& connection) {
  const Offer offer = *std::exchange(offer_, std::nullopt);
  std::unique_ptr<LentExtent> extent = std::move(offer.state->extent);
  const std::span<std::byte> bytes = extent == nullptr
                                         ? std::span<std::byte>()
                                         : connection.attachment().writable_bytes(extent->offset(), offer.bytes);
  if (bytes.empty()) {  // refused, or not in the arena
    appetite_.refused();
    return std::nullopt;
  }
  appetite_.satisfied();
  Lease lease(std::move(extent), bytes, offer.word);
  return lease.good(connection) ? std::optional(std::move(lease)) : std::nullopt;
}

/// If the answer is there already, the extent gives itself back.
void NextLease::give_back(Connection& connection) noexcept {
  if (offer_ && !answered()) try {
      protocol::AbortRequestT abort;  // by the id alone: the daemon receives it after it has given the lease
      abort.id = protocol::to_wire_pointer(offer_->id);
      connection.exchange().post(abort);
    } catch (const std::bad_alloc&) {  // the session's end has the same effect
    }
  offer_.reset();
}

// ---- deferred puts ----

Lease* DeferredLease::place_for(const PutView& put, Connection& connection) {
  constexpr std::uint64_t kWeight = 16;
  const std::uint64_t taken = Lease::taken_by(put);
  mean_ = mean_ == 0 ? taken : mean_ - mean_ / kWeight + taken / kWeight;
  if (lease_ && !lease_->good(connection)) give_back(connection);
  if (!has(taken) && (!lease_ || taken <= lease_->size() / kLargestPart)) renew(connection);
  if (has(taken)) {
    if (!next_.asked() && lease_->left() - taken <= lease_->size() / 2) ask(connection);
    if (lease_->claim(connection)) return &*lease_;
    give_back(connection);  // it was taken back; so, perhaps, was the next one
  }
  sent_ += taken;
  if (sent_ < kAskAfter) return nullptr;
  if (lease_) give_back(connection);  // it was for smaller ones
  if (!next_.asked()) ask(connection);
  sent_ = 0;
  return nullptr;
}

void DeferredLease::renew(Connection& connection) {
  if (!next_.asked()) return lease_.reset();
  if (lease_)
    next_.wait(connection);
  else if (++looks_ % kPutsPerLook == 0)
    connection.exchange().try_read();
  if (!next_.answered()) return;
  lease_ = next_.take(connection);
  if (lease_) sent_ = 0;
}

void DeferredLease::ask(Connection& connection) {
  const std::uint64_t bytes = std::min(std::max(appetite_.puts() * mean_, kSmallestLease), largest_lease(connection));
  const std::uint32_t word = (last_word_ + 1) % shm::kLeaseWords;
  next_.ask(connection, shm::round_up(bytes, shm::kUnitBytes), kAskAfter, word);
  if (!next_.asked()) return;
  last_word_ = word;
  out_ = true;
}

void DeferredLease::give_back(Connection& connection) noexcept {
  lease_.reset();
  next_.give_back(connection);
  out_ = false;
}

}  // namespace dolium::detail
