// What a client does with a lease: it takes one, writes into it from its end on, tells what each piece is, and gives
// the rest back, which may be nothing; or dies with it, or goes on when its server has died. See client.h, and
// shm/store/leases.cc for what the daemon makes of it.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "protocol/convert.h"
#include "tests/e2e/payload.h"
#include "tests/simulation/asking.h"

namespace dolium::simulation {
namespace {

/// Not all leases are given: all of a store together take at most an eighth of its 32 to 64 KiB.
constexpr std::size_t kMaxLeaseUnits = 96;
constexpr std::size_t kMaxLeased = 1500;
constexpr std::size_t kLongestLeasedLifeMs = 20;

ObjectId lease_id(std::uint64_t value) {
  return ObjectId::from_name("lease " + std::to_string(value));
}

}  // namespace

/// May give back what it has not been given yet: the daemon hears of it after it has given it.
void Client::go_on_leasing() {
  if (!lease_) return lease();
  if (world_.one_in(12) || lease_->left == 0) return give_back_lease();
  if (lease_->placed) put_leased();
}

void Client::lease() {
  const std::uint64_t value = ++world_.last_value;
  lease_ = Lease{.value = value, .left = shm::kUnitBytes * (1 + world_.below(kMaxLeaseUnits))};
  protocol::LeaseRequestT request;
  request.id = protocol::to_wire_pointer(lease_id(value));
  request.bytes = lease_->left;
  if (!world_.one_in(4)) {
    lease_->word = static_cast<std::uint32_t>(world_.below(shm::kLeaseWords));
    request.recall = static_cast<std::uint8_t>(*lease_->word + 1);
    let_go_of_lease();
  }
  ask({kFiller, {Kind::create, Outcome::done, value, world_.tick(), 0}, About::leasing}, std::move(request));
}

void Client::take_lease(std::uint64_t value, const protocol::ReplyFrame& frame) {
  if (const auto* error = frame.body_as_ErrorReply()) REQUIRE(static_cast<Errc>(error->code()) == Errc::out_of_memory);
  if (!lease_ || lease_->value != value) return;
  const auto* placed = frame.body_as_CreateReply();
  if (placed == nullptr) return lease_.reset();
  lease_->offset = placed->offset();
  lease_->placed = true;
  if (!claim_lease()) return;
  // All of it is ours: whoever else has some of it will find no payload there.
  std::memset(mapped_->writable.data() + lease_->offset, 0xa5, lease_->left);
  let_go_of_lease();
}

/// Before it writes there. What was taken back it gives up, as the library does.
bool Client::claim_lease() {
  if (!lease_->word || holder_->table().lease_word(*lease_->word).claim(lease_->left / shm::kUnitBytes)) return true;
  ++world_.recalled_leases;
  give_back_lease();
  return false;
}

void Client::let_go_of_lease() {
  if (lease_->word) holder_->table().lease_word(*lease_->word).set_idle(lease_->left / shm::kUnitBytes);
}

bool Client::lease_was_taken_back() const {
  return lease_->word && !holder_->table().lease_word(*lease_->word).is_idle(lease_->left / shm::kUnitBytes);
}

/// Of several objects, as put_many(), or as many deferred puts. What a server's death has dropped is written to all the
/// same, and told of in vain.
void Client::put_leased() {
  if (!claim_lease()) return;
  protocol::PutLeasedRequestT request;
  request.lease = protocol::to_wire_pointer(lease_id(lease_->value));
  request.left = lease_->left;
  request.deferred = world_.one_in(3);
  const Kind kind = request.deferred ? Kind::put_deferred : Kind::put;
  std::vector<Part> parts;
  for (Number number = 0; number <= kFiller && lease_->left != 0; ++number) {
    if (!world_.one_in(2) || busy_.contains(number) || (request.deferred && deferred_.contains(number))) continue;
    const std::uint64_t value = ++world_.last_value;
    request.heads.push_back(write_leased(number, value));
    if (lease_->dropped) in_vain_.insert(value);
    parts.push_back({number, {kind, Outcome::done, value, world_.tick(), 0}, true});
  }
  if (!request.deferred) {
    ask_of_many(std::move(parts), std::move(request));
    return let_go_of_lease();
  }
  wire_->send(encoder_.encode(++last_request_, request).value());
  let_go_of_lease();
  for (const Part& part : parts) begin_deferred(part.number, part.operation.value);
}

/// Sometimes it takes all that is left.
protocol::PutHead Client::write_leased(Number number, std::uint64_t value) {
  const ObjectId id = id_of(number, value);
  const std::size_t most = world_.one_in(4) ? lease_->left : std::min<std::size_t>(lease_->left, kMaxLeased);
  const std::size_t size = world_.one_in(4) ? most : e2e::kWord + world_.below(most - e2e::kWord);
  lease_->left -= shm::Arena::taken_by(size);
  e2e::fill_payload({mapped_->writable.data() + lease_->offset + lease_->left, size}, id, value);
  const std::uint64_t life_ms = number == kFiller && world_.one_in(3) ? 1 + world_.below(kLongestLeasedLifeMs) : 0;
  return {protocol::to_wire(id),
          0,
          false,
          0,
          world_.retention(number, life_ms),
          static_cast<std::uint32_t>(size),
          0,
          0,
          life_ms,
          0,
          world_.some_grace(number, value, life_ms),
          1};
}

/// Also when nothing is left: a server that died may not have heard of that.
void Client::give_back_lease() {
  const Lease lease = *std::exchange(lease_, std::nullopt);
  protocol::AbortRequestT abort;
  abort.id = protocol::to_wire_pointer(lease_id(lease.value));
  abort.abandoned = lease.dropped;
  abort.offset = lease.placed ? lease.offset : UINT64_MAX;
  ask({kFiller, {}, About::nothing}, std::move(abort));
}

// ---- after a server's death ----

/// It was asked for, and may have been given.
void Client::forget_lease_of(const Asked& asked) {
  if (lease_ && lease_->value == asked.operation.value) lease_.reset();
  give_up_extent(lease_id(asked.operation.value), UINT64_MAX);
}

/// If nothing is left of it, for all we know, the other server knows whether that is so.
void Client::lose_lease() {
  if (!std::exchange(lease_->dropped, true) && lease_->left != 0) ++world_.lost_leases;
  if (lease_->left == 0) give_back_lease();
}

}  // namespace dolium::simulation
