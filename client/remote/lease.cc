#include "client/remote/lease.h"

#include <algorithm>

#include "client/remote/connection.h"
#include "protocol/convert.h"

namespace dolium::detail {
namespace {

constexpr std::uint64_t kPartOfArena = 16;

}  // namespace

std::uint64_t largest_lease(const Connection& connection) noexcept {
  const std::uint64_t bytes = std::min(protocol::kMaxLease, connection.attachment().arena_bytes() / kPartOfArena);
  return !connection.has_leases() || bytes < kSmallestLease ? 0 : bytes / shm::kUnitBytes * shm::kUnitBytes;
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

// ---- asking for one ----

Result<LeaseOffer> LeaseOffer::ask(Connection& connection, std::uint64_t bytes, std::optional<std::uint32_t> word) {
  const ObjectId id = ObjectId::random();
  protocol::CreateRequestT request;
  request.object = std::make_unique<protocol::NewObjectT>();
  request.object->id = protocol::to_wire_pointer(id);
  request.object->data_size = bytes;
  request.lease = true;
  if (word) {
    request.recall = static_cast<std::uint8_t>(*word + 1);
    connection.attachment().lease_word(*word).set_idle(bytes / shm::kUnitBytes);  // from the moment it is given
  }
  LeaseOffer offer(id, bytes, word);
  offer.call_->on_answer = [state = offer.state_, weak = connection.weak_from_this(), id](const Call& answer) {
    const auto reply = Connection::reply_of<protocol::CreateReply>(answer);
    const auto here = weak.lock();
    if (reply && here != nullptr)
      state->extent = std::make_unique<LentExtent>(here, id, (*reply)->offset(), answer.epoch);
    state->answered.store(true, std::memory_order_release);
  };
  if (const auto begun = connection.begin(std::move(request), offer.call_); !begun) return begun.error();
  return offer;
}

void LeaseOffer::wait(Connection& connection) const {
  connection.wait(*call_);
}

std::optional<Lease> LeaseOffer::take(const Connection& connection) {
  std::unique_ptr<LentExtent> extent = std::move(state_->extent);
  if (extent == nullptr) return std::nullopt;
  const std::span<std::byte> bytes = connection.attachment().writable_bytes(extent->offset(), bytes_);
  if (bytes.size() != bytes_) return std::nullopt;  // no place in the arena
  return Lease(std::move(extent), bytes, word_);
}

void LeaseOffer::give_back(Connection& connection) const noexcept {
  if (answered()) return;
  try {
    protocol::AbortRequestT abort;  // by its id alone: the daemon hears of it after it has given the lease
    abort.id = protocol::to_wire_pointer(id_);
    connection.post(std::move(abort));
  } catch (const std::bad_alloc&) {  // the session's end does the same
  }
}

// ---- deferred puts ----

Lease* DeferredLease::place_for(const PutView& put, Connection& connection) {
  constexpr std::uint64_t kWeight = 16;
  const std::uint64_t taken = Lease::taken_by(put);
  mean_ = mean_ == 0 ? taken : mean_ - mean_ / kWeight + taken / kWeight;
  if (lease_ && !lease_->good(connection)) give_back(connection);
  if (!has(taken) && (!lease_ || taken <= lease_->size() / kLargestPart)) renew(connection);
  if (has(taken)) {
    if (!offer_ && lease_->left() - taken <= lease_->size() / 2) ask(connection);
    if (lease_->claim(connection)) return &*lease_;
    give_back(connection);  // it was taken back; so, perhaps, was the next one
  }
  sent_ += taken;
  if (sent_ < kAskAfter) return nullptr;
  if (lease_) give_back(connection);  // it was for smaller ones
  if (!offer_) ask(connection);
  sent_ = 0;
  return nullptr;
}

void DeferredLease::renew(Connection& connection) {
  if (!offer_) return lease_.reset();
  if (lease_)
    offer_->wait(connection);
  else if (++looks_ % kPutsPerLook == 0)
    connection.try_read();
  if (!offer_->answered()) return;
  lease_ = offer_->take(connection);
  offer_.reset();
  if (!lease_) return appetite_.refused();
  appetite_.satisfied();
  if (!lease_->good(connection)) return lease_.reset();
  sent_ = 0;
}

void DeferredLease::ask(Connection& connection) {
  const std::uint64_t bytes = std::min(std::max(appetite_.puts() * mean_, kSmallestLease), largest_lease(connection));
  if (bytes == 0 || !appetite_.may_ask(kAskAfter)) return;
  last_word_ = (last_word_ + 1) % shm::kLeaseWords;
  auto offer = LeaseOffer::ask(connection, shm::round_up(bytes, shm::kUnitBytes), last_word_);
  if (!offer) return;
  offer_ = *std::move(offer);
  out_ = true;
}

void DeferredLease::give_back(Connection& connection) noexcept {
  lease_.reset();
  if (offer_) offer_->give_back(connection);
  offer_.reset();
  out_ = false;
}

}  // namespace dolium::detail
