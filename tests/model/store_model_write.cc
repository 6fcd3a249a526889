// The model: creates, leases, seals. See store_model.h.

#include "tests/model/store_model.h"

namespace dolium::shm::test {

/// Sizes from nothing to a quarter of the store, small ones more often.
NewObject Model::any_object() {
  static constexpr std::string_view kNames[] = {"", "a name", "a somewhat longer name for a type"};
  static constexpr std::string_view kLabels[] = {"", "a label",
                                                 "a label that alone fills more than one unit of the arena"};
  const std::uint64_t number = below(kIds);
  NewObject object = {.id = id_of(number),
                      .data_size = below(std::uint64_t{1} << below(18)),
                      .metadata_size = static_cast<std::uint32_t>(below(4) == 0 ? below(300) : 0),
                      .type_tag = number,
                      .type_name = kNames[below(3)],
                      .pinned = below(20) == 0,
                      .label = kLabels[below(3)]};
  if (below(10) == 0) object.lifetimes.to_live = std::chrono::milliseconds(1 + below(400));
  if (below(10) == 0) object.lifetimes.to_idle = std::chrono::milliseconds(1 + below(400));
  if (below(10) == 0) object.grace = any_grace();
  return object;
}

Grace Model::any_grace() {
  return {.duration = std::chrono::milliseconds(1 + below(400)),
          .readers = 1 + static_cast<std::uint32_t>(below(3)),
          .own_gets = below(8) == 0};
}

void Model::mark_bytes(std::span<std::byte> bytes, const Known& known) const {
  for (std::uint64_t at = 0; at < bytes.size(); at += 61) bytes[at] = mark(known.number, known.life, at);
  if (!bytes.empty()) bytes.back() = mark(known.number, known.life, bytes.size() - 1);
}

void Model::create(bool wait) {
  const ClientId client = any(clients_).first;
  const NewObject object = any_object();
  const WaitKey key = {client, ++last_key_};
  const TimeNs deadline = wait ? now_ + below(500'000'000) : now_;
  waiting_creates_.insert(key);
  adding_ = true;
  engine_.creates().add(key, object, deadline, now_, [this, object, key](const Result<Placement>& placed) {
    waiting_creates_.erase(key);
    created(object, key.client, placed);
  });
  adding_ = false;
}

void Model::created(const NewObject& object, ClientId client, const Result<Placement>& placed) {
  const std::uint64_t number = object.type_tag;
  const bool existed = unsealed_.contains(number) || sealed_.contains(number);
  follow();  // what had to go for it
  if (!placed && placed.error().code == Errc::already_exists) {
    REQUIRE(existed);
    return;
  }
  const bool exists = unsealed_.contains(number) || sealed_.contains(number);
  if (!placed) {
    // A create that waits learns that its id was taken meanwhile when the queue is next served, if it comes to that.
    REQUIRE((placed.error().code == Errc::timed_out || (placed.error().code == Errc::out_of_memory && !exists)));
    return;
  }
  REQUIRE_FALSE(exists);
  if (!adding_) ++served_late_;
  const std::uint64_t size = object.data_size + object.metadata_size;
  Known known = {.number = number,
                 .life = ++last_life_,
                 .size = size,
                 .taken = Arena::taken_by(total_size(object)),
                 .creator = client,
                 .slot = placed->slot,
                 .pinned = object.pinned,
                 .lifetimes = object.lifetimes,
                 .grace = object.grace,
                 .giver = client};
  const std::span<std::byte> bytes = store_.rows().bytes(placed->slot);
  REQUIRE(bytes.size() == size);
  check_place(placed->slot, known.taken);
  known.lent = below(2) == 0;
  if (known.lent) store_.writing().lend(placed->slot);
  mark_bytes(bytes, known);
  unsealed_[number] = known;
}

/// A lease is asked for, used, or given back.
void Model::lease() {
  ClientModel& client = any_client();
  if (client.lease && below(8) != 0) return put_leased(client);
  if (client.lease) {
    REQUIRE(outcome(store_.abort(client.side.id(), client.lease->id)) == "ok");
    client.lease.reset();
    return;
  }
  const ObjectId id = ObjectId::from_name("lease " + std::to_string(++last_key_));
  const Result<Placement> placed = store_.leases().lease(client.side.id(), id, kUnitBytes * (1 + below(256)), now_);
  follow();
  if (placed) client.lease = {id, placed->slot, store_.rows().bytes(placed->slot)};
}

void Model::put_leased(ClientModel& client) {
  LeaseModel& lease = *client.lease;
  const NewObject object = any_object();
  const std::uint64_t taken = Arena::taken_by(total_size(object));
  if (taken > lease.bytes.size()) return;
  const std::uint64_t size = object.data_size + object.metadata_size;
  Known known = {.number = object.type_tag,
                 .life = ++last_life_,
                 .size = size,
                 .taken = taken,
                 .creator = client.side.id(),
                 .slot = kNoSlot,
                 .pinned = object.pinned,
                 .sealed = now_,
                 .lifetimes = object.lifetimes,
                 .grace = object.grace,
                 .giver = client.side.id()};
  mark_bytes(lease.bytes.last(taken).first(size), known);
  lease.bytes = lease.bytes.first(lease.bytes.size() - taken);
  const bool existed = unsealed_.contains(known.number) || sealed_.contains(known.number);
  const auto waits = waiting_gets_;
  const auto takes = waiting_takes_;
  if (!existed) becomes_sealed(known);
  const Result<SlotIndex> put = engine_.creates().put_leased(client.side.id(), lease.slot, object, now_);
  if (put) {
    REQUIRE_FALSE(existed);
    const auto still = sealed_.find(known.number);  // not if it was taken at once
    if (still != sealed_.end()) {
      still->second.slot = *put;
      grace_begins(known.number);
    }
    ++leased_;
  } else {
    REQUIRE(outcome(put) == (existed ? "already_exists" : "out_of_memory"));
    if (!existed) sealed_.erase(known.number);
    waiting_gets_ = waits;
    waiting_takes_ = takes;
  }
  follow();
  if (lease.bytes.empty()) client.lease.reset();
}

/// Who waits for it gets it.
void Model::becomes_sealed(const Known& known) {
  sealed_[known.number] = known;
  for (auto& [key, wanted] : waiting_gets_)
    for (Wanted& each : wanted)
      if (each.number == known.number && each.life == 0) each.life = known.life;
  give_to_taker(known);
}

void Model::seal() {
  if (unsealed_.empty()) return;
  Known known = any(unsealed_).second;
  unsealed_.erase(known.number);
  known.sealed = now_;
  becomes_sealed(known);
  REQUIRE(store_.seal(known.creator, id_of(known.number), now_).value() == known.slot);
  grace_begins(known.number);
}

void Model::abort() {
  if (unsealed_.empty()) return;
  const Known known = any(unsealed_).second;
  const ClientId by = any(clients_).first;
  const Result<void> aborted = store_.abort(by, id_of(known.number));
  REQUIRE(outcome(aborted) == (by == known.creator ? "ok" : "permission_denied"));
  if (aborted) unsealed_.erase(known.number);
}

}  // namespace dolium::shm::test
