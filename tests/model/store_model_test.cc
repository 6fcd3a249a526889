// The model test of the engine: a random history, step by step against an oracle that is a few std::maps.
//
// The oracle knows what the store must know, and no more: which objects are sealed, unsealed, pinned, held by whom;
// which must be readable with which bytes. What eviction chooses is the store's business; that it never chose what
// is pinned, held or unsealed, and that it accounts for every byte, is checked after each step.
//
//   DOLIUM_STEPS=1000000 DOLIUM_SEED=42 build/tests/model_tests

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "shm/store/engine.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kDefaultSeed = 20230607;
constexpr std::uint64_t kDefaultSteps = 100'000;
constexpr std::uint64_t kIds = 120;
constexpr std::size_t kMaxClients = 4;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 0) : otherwise;
}

/// What is written into an object's bytes: derived from its id and from which of its lives this is.
std::byte mark(std::uint64_t number, std::uint64_t life, std::uint64_t at) {
  return static_cast<std::byte>((number * 131 + life * 31 + at * 7) & 0xff);
}

/// An object that exists, as the oracle knows it.
struct Known {
  std::uint64_t number = 0;
  std::uint64_t life = 0;  // unique
  std::uint64_t size = 0;  // data and metadata
  std::uint64_t taken = 0;
  ClientId creator = 0;
  SlotIndex slot = kNoSlot;
  bool pinned = false;
  bool lent = false;
  TimeNs sealed = 0;
  Lifetimes lifetimes = {};
};

/// An object that a get waits for; 0 as long as it is not there, and then held for the getter.
struct Wanted {
  std::uint64_t number = 0;
  std::uint64_t life = 0;
};

/// An object that a take waits for, or has got.
struct Taking {
  std::uint64_t number = 0;
  std::uint64_t type_tag = 0;  // 0: any
  std::uint64_t life = 0;      // of the object that it gets; 0: none yet
  bool refused = false;        // the object had another type
};

/// A reference that a client holds.
struct Reference {
  Held held;
  std::uint64_t number = 0;
  std::uint64_t life = 0;
};

/// What is left of a client's lease.
struct LeaseModel {
  ObjectId id;
  SlotIndex slot = kNoSlot;
  std::span<std::byte> bytes;
};

/// What a client was writing to when it ended.
struct Left {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  TimeNs rests_until = 0;
  bool renewed = false;  // its whole pages, if there are any

  [[nodiscard]] std::uint64_t pages_begin() const { return round_up(begin, kPageBytes); }
  [[nodiscard]] std::uint64_t pages_end() const { return end / kPageBytes * kPageBytes; }
  [[nodiscard]] bool has_pages() const { return pages_begin() < pages_end(); }
  [[nodiscard]] bool has_rested(TimeNs now) const { return rests_until <= now && (renewed || !has_pages()); }
  /// Whether nobody may be given any of these bytes yet.
  [[nodiscard]] bool forbids(std::uint64_t from, std::uint64_t to, TimeNs now) const {
    const auto hits = [from, to](std::uint64_t first, std::uint64_t last) {
      return first < last && from < last && first < to;
    };
    if (has_rested(now)) return false;
    return renewed ? hits(begin, pages_begin()) || hits(pages_end(), end) : hits(begin, end);
  }
};

struct ClientModel {
  explicit ClientModel(Store& store, ClientId id) : side(store, id) {}
  TestClient side;
  std::vector<Reference> references;
  std::optional<LeaseModel> lease;
};

class Model final {
 public:
  Model(std::uint64_t seed, const StoreConfig& config)
      : random_(seed), engine_(Store::create(config, now_).value()), store_(engine_.store()) {
    engine_.subscribe(kWatch, [] {});
    REQUIRE(engine_.take_events(kWatch, 1).empty());
    attach();
  }
  ~Model() { engine_.unsubscribe(kWatch); }

  void step() {
    now_ += below(2'000'000);  // two milliseconds at most
    engine_.tick(now_);
    std::erase_if(left_, [this](const Left& left) { return left.has_rested(now_); });
    follow();
    act();
    if (below(2) == 0) store_.room().relocate_one();
    if (below(4) == 0) renew();
    engine_.settle(now_);
    follow();
    check();
  }
  void finish();
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }
  [[nodiscard]] std::uint64_t served_late() const { return served_late_; }
  [[nodiscard]] std::uint64_t left() const { return left_count_; }
  [[nodiscard]] std::uint64_t copies() const { return copies_; }
  [[nodiscard]] std::uint64_t leased() const { return leased_; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  [[nodiscard]] std::uint64_t relocations() { return store_.stats(now_).relocation_count; }

 private:
  static constexpr WaitKey kWatch = {0, 1};

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  template <class Range>
  auto& any(Range& range) {
    return *std::next(range.begin(), static_cast<std::ptrdiff_t>(below(range.size())));
  }
  ClientModel& any_client() { return *any(clients_).second; }

  void act();
  void attach();
  void attach_copy();
  void detach();
  [[nodiscard]] NewObject any_object();
  void mark_bytes(std::span<std::byte> bytes, const Known& known) const;
  void create(bool wait);
  void lease();
  void put_leased(ClientModel& client);
  void becomes_sealed(const Known& known);
  void created(const NewObject& object, ClientId client, const Result<Placement>& placed);
  void seal();
  void abort();
  void get();
  void wait_for();
  void take();
  void give_to_taker(const Known& known);
  void release();
  void remove();
  void pin();
  void unpin();
  void evict();
  void leave(SlotIndex slot, std::uint64_t bytes);
  void renew();

  void follow();
  void gone(const Event& event);
  void check();
  void check_place(SlotIndex slot, std::uint64_t taken) const;
  void check_bytes(const ClientModel& client, const Reference& reference) const;
  [[nodiscard]] bool is_held(std::uint64_t life) const;

  std::mt19937_64 random_;
  TimeNs now_ = 1000 * kSecond;
  Engine engine_;
  Store& store_;
  std::map<ClientId, std::unique_ptr<ClientModel>> clients_;
  std::map<std::uint64_t, Known> unsealed_;  // by number
  std::map<std::uint64_t, Known> sealed_;
  std::map<std::uint64_t, Known> retired_;  // by life: removed, but somebody held them then
  std::set<WaitKey> waiting_creates_;
  std::map<WaitKey, std::vector<Wanted>> waiting_gets_;
  std::map<WaitKey, Taking> waiting_takes_;
  std::vector<Left> left_;  // what is, or may be, in quarantine
  std::uint64_t left_count_ = 0;
  std::uint64_t last_key_ = 1;
  std::uint64_t last_life_ = 0;
  std::uint64_t evictions_ = 0;
  std::uint64_t served_late_ = 0;
  std::uint64_t copies_ = 0;
  std::uint64_t leased_ = 0;  // objects that were cut off leases
  std::uint64_t taken_ = 0;
  bool clearing_ = false;
  bool adding_ = false;  // a create that was not queued before
};

void Model::act() {
  const std::uint64_t dice = below(1000);
  if (dice < 5) return attach();
  if (dice < 8) return detach();
  if (dice < 250) return create(false);
  if (dice < 290) return create(true);
  if (dice < 340) return lease();
  if (dice < 500) return seal();
  if (dice < 520) return abort();
  if (dice < 690) return get();
  if (dice < 700) return take();
  if (dice < 720) return wait_for();
  if (dice < 900) return release();
  if (dice < 930) return remove();
  if (dice < 950) return pin();
  if (dice < 980) return unpin();
  if (dice < 997) return evict();
  if (dice < 998) {
    clearing_ = true;
    store_.clear(now_);
    follow();
    clearing_ = false;
    REQUIRE(sealed_.empty());
    return;
  }
  now_ += below(300) * 1'000'000;  // a pause, in which things expire
}

void Model::attach() {
  if (clients_.size() == kMaxClients) return;
  if (!clients_.empty() && below(2) == 0) return attach_copy();
  const ClientId id = store_.attach({.pid = 1, .uid = 1000 + static_cast<std::uint32_t>(below(2))}, now_).value();
  clients_[id] = std::make_unique<ClientModel>(store_, id);
}

/// A child of fork(): holds what its parent holds, from the first moment on.
void Model::attach_copy() {
  const ClientModel& original = any_client();
  const ClientId id = store_.attach_copy(original.side.id(), now_).value();
  clients_[id] = std::make_unique<ClientModel>(store_, id);
  clients_[id]->references = original.references;
  std::map<SlotIndex, std::uint32_t> expected;
  for (const Reference& reference : original.references) ++expected[reference.held.slot];
  for (const auto& [slot, count] : expected) REQUIRE(clients_[id]->side.table().references(slot) == count);
  REQUIRE(store_.report().client_info(id, now_).references == original.references.size());
  REQUIRE(store_.report().client_info(id, now_).unsealed_count == 0);
  ++copies_;
}

void Model::detach() {
  if (clients_.size() == 1) return;
  const ClientId id = any(clients_).first;
  for (const auto& [number, known] : unsealed_)
    if (known.creator == id && known.lent) leave(known.slot, known.taken);
  if (const auto& lease = clients_[id]->lease) leave(lease->slot, lease->bytes.size());
  clients_.erase(id);  // its references with it
  std::erase_if(unsealed_, [id](const auto& entry) { return entry.second.creator == id; });
  std::erase_if(waiting_creates_, [id](const auto& entry) { return entry.client == id; });
  std::erase_if(waiting_gets_, [id](const auto& entry) { return entry.first.client == id; });
  std::erase_if(waiting_takes_, [id](const auto& entry) { return entry.first.client == id; });
  engine_.drop_client(id, now_);
}

void Model::leave(SlotIndex slot, std::uint64_t bytes) {
  const std::uint64_t offset = store_.rows().fields(slot).offset;
  left_.push_back({offset, offset + bytes, now_ + kSecond});
  ++left_count_;
}

/// Of what clients have left, that is due; sometimes there is no memory for it.
void Model::renew() {
  const auto piece = store_.quarantine().next_to_renew();
  if (!piece) return;
  if (below(8) == 0)
    return store_.quarantine().renewed({.replaced = true, .reserved = Error{Errc::out_of_memory, {}}}, now_);
  // The arena is smaller than what is renewed at once.
  const auto found = std::ranges::find_if(left_, [&](const Left& left) {
    return !left.renewed && left.pages_begin() == piece->begin && left.pages_end() == piece->end;
  });
  REQUIRE(found != left_.end());
  store_.quarantine().renewed(store_.rows().memory.renew(*piece), now_);
  found->renewed = true;
  follow();  // a row may have been needed
}

void Model::check_place(SlotIndex slot, std::uint64_t taken) const {
  const std::uint64_t offset = store_.rows().fields(slot).offset;
  REQUIRE(std::ranges::none_of(left_, [&](const Left& left) { return left.forbids(offset, offset + taken, now_); }));
}

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
  return object;
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
                 .lifetimes = object.lifetimes};
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
                 .lifetimes = object.lifetimes};
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
    if (still != sealed_.end()) still->second.slot = *put;
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

/// The first that waits for it and may have it; those before it that may not are refused.
void Model::give_to_taker(const Known& known) {
  std::vector<std::pair<std::uint64_t, Taking*>> takers;
  for (auto& [key, taking] : waiting_takes_)
    if (taking.number == known.number && taking.life == 0 && !taking.refused) takers.emplace_back(key.number, &taking);
  std::ranges::sort(takers);  // keys are numbered in the order of the takes, whoever takes
  for (const auto& [number, taking] : takers) {
    taking->refused = taking->type_tag != 0 && taking->type_tag != known.number;
    if (taking->refused) continue;
    taking->life = known.life;
    return;
  }
}

void Model::seal() {
  if (unsealed_.empty()) return;
  Known known = any(unsealed_).second;
  unsealed_.erase(known.number);
  known.sealed = now_;
  becomes_sealed(known);
  REQUIRE(store_.seal(known.creator, id_of(known.number), now_).value() == known.slot);
}

void Model::abort() {
  if (unsealed_.empty()) return;
  const Known known = any(unsealed_).second;
  const ClientId by = any(clients_).first;
  const Result<void> aborted = store_.abort(by, id_of(known.number));
  REQUIRE(outcome(aborted) == (by == known.creator ? "ok" : "permission_denied"));
  if (aborted) unsealed_.erase(known.number);
}

void Model::get() {
  ClientModel& client = any_client();
  const std::uint64_t number = below(kIds);
  const Holder::Attempt attempt = client.side.holder().hold(id_of(number));
  const auto known = sealed_.find(number);
  REQUIRE(attempt.verdict == (known == sealed_.end() ? Holder::Verdict::absent : Holder::Verdict::held));
  if (known == sealed_.end()) return;
  REQUIRE(attempt.object.slot == known->second.slot);
  client.side.table().record_hit(attempt.object.slot, now_);
  client.references.push_back({attempt.object, number, known->second.life});
  check_bytes(client, client.references.back());
}

/// Waits for up to three objects; what came is looked at and given back when the wait ends.
void Model::wait_for() {
  const WaitKey key = {any(clients_).first, ++last_key_};
  std::vector<Wanted> wanted;
  std::vector<ObjectId> ids;
  for (std::uint64_t n = 0, count = 1 + below(3); n < count; ++n) {
    const std::uint64_t number = below(kIds);
    ids.push_back(id_of(number));
    wanted.push_back({number, sealed_.contains(number) ? sealed_[number].life : 0});
  }
  waiting_gets_[key] = wanted;
  engine_.gets().add(key, ids, now_ + below(100'000'000), now_, [this, key, ids](const std::vector<SlotIndex>& held) {
    const std::vector<Wanted> expected = waiting_gets_.extract(key).mapped();
    REQUIRE(held.size() == expected.size());
    for (std::size_t i = 0; i < held.size(); ++i) {
      REQUIRE((held[i] == kNoSlot) == (expected[i].life == 0));
      if (held[i] == kNoSlot) continue;
      REQUIRE(store_.rows().fields(held[i]).id == ids[i]);
      store_.usage().drop_hold(held[i]);
    }
  });
}

/// What came is held by a reference of the client's own, as a grant's receiver does it; the index knows it no more.
void Model::take() {
  ClientModel& client = any_client();
  const WaitKey key = {client.side.id(), ++last_key_};
  const std::uint64_t number = below(kIds);
  Taking& taking = waiting_takes_[key] = {number, below(3) == 0 ? number + below(2) : 0};
  if (const auto there = sealed_.find(number); there != sealed_.end()) give_to_taker(there->second);
  const TimeNs deadline = now_ + below(100'000'000);
  engine_.gets().add_take(key, id_of(number), taking.type_tag, deadline, now_, [this, key](const auto& taken) {
    const Taking expected = waiting_takes_.extract(key).mapped();
    REQUIRE(outcome(taken) == (expected.refused ? "type_mismatch" : "ok"));
    if (expected.refused) return;
    REQUIRE((*taken == kNoSlot) == (expected.life == 0));
    if (*taken == kNoSlot) return;
    ClientModel& taker = *clients_.at(key.client);
    const SlotFields fields = store_.rows().fields(*taken);
    REQUIRE(fields.id == id_of(expected.number));
    const Held where{*taken, fields.offset, fields.data_size, fields.metadata_size, fields.type_tag};
    REQUIRE(taker.side.holder().hold_granted({where, 0}).verdict == Holder::Verdict::held);
    store_.usage().drop_hold(*taken);
    taker.references.push_back({where, expected.number, expected.life});
    check_bytes(taker, taker.references.back());
    ++taken_;
  });
}

void Model::release() {
  ClientModel& client = any_client();
  if (client.references.empty()) return;
  Reference& reference = any(client.references);
  check_bytes(client, reference);
  const bool wanted = client.side.holder().release(reference.held.slot);
  std::swap(reference, client.references.back());
  client.references.pop_back();
  if (!wanted) return;
  REQUIRE(engine_.creates().count() > 0);
  engine_.on_release(now_);
}

void Model::remove() {
  const std::uint64_t number = below(kIds);
  const bool there = sealed_.contains(number);
  const Result<bool> removed = store_.remove(id_of(number), now_);
  if (unsealed_.contains(number))
    REQUIRE(outcome(removed) == "not_sealed");
  else
    REQUIRE(removed.value() == there);
}

void Model::pin() {
  const std::uint64_t number = below(kIds);
  const Result<void> pinned = store_.pin(any(clients_).first, id_of(number), now_);
  if (unsealed_.contains(number))
    REQUIRE(outcome(pinned) == "not_sealed");
  else
    REQUIRE(outcome(pinned) == (sealed_.contains(number) ? "ok" : "not_found"));
  if (pinned) sealed_[number].pinned = true;
}

/// Rather often of what is pinned, so that pins do not pile up.
void Model::unpin() {
  std::uint64_t number = below(kIds);
  for (const auto& [each, known] : sealed_)
    if (known.pinned && below(2) == 0) number = each;
  const Result<void> unpinned = store_.unpin(id_of(number), now_);
  if (unsealed_.contains(number))
    REQUIRE(outcome(unpinned) == "not_sealed");
  else
    REQUIRE(outcome(unpinned) == (sealed_.contains(number) ? "ok" : "not_found"));
  if (unpinned) sealed_[number].pinned = false;
}

void Model::evict() {
  const std::uint64_t wanted = below(200'000);
  const std::uint64_t evicted_before = store_.stats(now_).evicted_bytes;
  follow();
  std::uint64_t evictable = 0;
  for (const auto& [number, known] : sealed_)
    if (!known.pinned && !is_held(known.life)) evictable += known.taken;
  const std::uint64_t freed = store_.room().evict(wanted, now_);
  REQUIRE(store_.stats(now_).evicted_bytes - evicted_before == freed);
  REQUIRE(freed >= std::min(wanted, evictable));  // all that may go, when it must
  REQUIRE(freed <= evictable);
}

/// Brings the oracle up to what the store says has happened.
void Model::follow() {
  for (const Event& event : engine_.take_events(kWatch, 100'000)) {
    REQUIRE(event.kind != Event::Kind::overflow);
    if (event.kind == Event::Kind::removed) gone(event);
  }
}

void Model::gone(const Event& event) {
  const auto found = std::ranges::find_if(sealed_, [&](const auto& entry) { return id_of(entry.first) == event.id; });
  REQUIRE(found != sealed_.end());
  const Known known = found->second;
  const bool held = is_held(known.life);
  switch (event.cause) {
    case RemovalCause::evicted: {
      REQUIRE_FALSE(known.pinned);
      REQUIRE_FALSE(held);
      ++evictions_;
      break;
    }
    case RemovalCause::expired: {
      REQUIRE_FALSE(known.pinned);
      const bool over = known.lifetimes.to_live.count() > 0 && known.lifetimes.due(known.sealed, kNever) <= now_;
      const bool idle = known.lifetimes.to_idle.count() > 0 && !held;
      REQUIRE((over || idle));
      REQUIRE(known.lifetimes.due(known.sealed, known.sealed) <= now_);
      break;
    }
    case RemovalCause::cleared: REQUIRE(clearing_); break;
    case RemovalCause::removed: break;
  }
  sealed_.erase(found);
  if (held) retired_[known.life] = known;
}

/// Somebody has a reference to it, or it is held for a get that waits for more.
bool Model::is_held(std::uint64_t life) const {
  return std::ranges::any_of(clients_,
                             [life](const auto& client) {
                               return std::ranges::find(client.second->references, life, &Reference::life) !=
                                      client.second->references.end();
                             }) ||
         std::ranges::any_of(waiting_gets_,
                             [life](const auto& wait) {
                               return std::ranges::find(wait.second, life, &Wanted::life) != wait.second.end();
                             }) ||
         std::ranges::any_of(waiting_takes_, [life](const auto& take) { return take.second.life == life; });
}

void Model::check_bytes(const ClientModel& client, const Reference& reference) const {
  const auto bytes = client.side.bytes(reference.held);
  for (std::uint64_t at = 0; at < bytes.size(); at += 61)
    REQUIRE(bytes[at] == mark(reference.number, reference.life, at));
  if (!bytes.empty()) REQUIRE(bytes.back() == mark(reference.number, reference.life, bytes.size() - 1));
}

void Model::check() {
  store_.check_invariants();
  const StoreStats stats = engine_.stats(now_);  // sweeps
  std::erase_if(retired_, [this](const auto& entry) { return !is_held(entry.first); });
  std::uint64_t unsealed = 0;
  for (const auto& [number, known] : unsealed_) unsealed += known.taken;
  std::uint64_t leases = 0;
  for (const auto& [id, client] : clients_) {
    if (!client->lease) continue;
    ++leases;
    unsealed += client->lease->bytes.size();
  }
  std::uint64_t sealed = 0;
  std::uint64_t total = 0;
  std::uint64_t pinned = 0;
  for (const auto& [number, known] : sealed_) {
    sealed += known.taken;
    total += known.size;
    if (!left_.empty()) check_place(known.slot, known.taken);
    if (known.pinned) pinned += known.taken;
  }
  for (const auto& [number, known] : unsealed_)
    if (known.pinned) pinned += known.taken;
  std::uint64_t retired = 0;
  for (const auto& [life, known] : retired_) retired += known.taken;
  REQUIRE(stats.total_objects == sealed_.size());
  REQUIRE(stats.total_size == total);
  REQUIRE(stats.unsealed_count == unsealed_.size() + leases);
  REQUIRE(stats.unsealed_bytes == unsealed);
  REQUIRE(stats.pinned_bytes == pinned);
  REQUIRE(stats.retired_bytes == retired);
  REQUIRE(stats.used_bytes == unsealed + sealed + retired + stats.quarantined_bytes);
  std::uint64_t left = 0;
  for (const Left& each : left_) left += each.end - each.begin;
  REQUIRE(stats.quarantined_bytes <= left);
  REQUIRE(stats.used_bytes + stats.free_bytes == stats.capacity);
  REQUIRE(stats.waiting_gets == waiting_gets_.size() + waiting_takes_.size());
  REQUIRE(stats.waiting_creates == waiting_creates_.size());
  REQUIRE(stats.client_count == clients_.size());
}

/// Everybody lets go of everything: nothing may be left.
void Model::finish() {
  while (clients_.size() > 1) detach();
  ClientModel& last = *clients_.begin()->second;
  for (const Reference& reference : last.references) {
    check_bytes(last, reference);
    last.side.release(reference.held);
  }
  last.references.clear();
  if (last.lease) REQUIRE(outcome(store_.abort(last.side.id(), last.lease->id)) == "ok");
  last.lease.reset();
  engine_.silence_client(last.side.id());
  waiting_gets_.clear();
  waiting_takes_.clear();
  waiting_creates_.clear();
  while (!unsealed_.empty()) {
    const Known known = unsealed_.begin()->second;
    REQUIRE(outcome(store_.abort(known.creator, id_of(known.number))) == "ok");
    unsealed_.erase(known.number);
  }
  clearing_ = true;
  store_.clear(now_);
  follow();
  now_ += Quarantine::kRetry;
  engine_.tick(now_);
  while (store_.quarantine().next_to_renew()) {
    renew();
    now_ += Quarantine::kRetry;
    engine_.tick(now_);
  }
  left_.clear();
  check();
  const StoreStats stats = store_.stats(now_);
  REQUIRE(stats.used_bytes == 0);
  REQUIRE(stats.largest_free_extent == stats.capacity);
  REQUIRE(stats.in_use_count == 0);
}

}  // namespace

TEST_CASE("a random history of the store agrees with a plain map") {
  const std::uint64_t seed = from_environment("DOLIUM_SEED", kDefaultSeed);
  const std::uint64_t steps = from_environment("DOLIUM_STEPS", kDefaultSteps);
  const auto policy = GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu, EvictionPolicy::fifo);
  std::cout << "DOLIUM_SEED=" << seed << ", policy " << static_cast<int>(policy) << ": " << std::flush;
  CAPTURE(seed, policy);
  Model model(seed, {.capacity = kMiB / 4, .max_objects = 80, .eviction_policy = policy, .quarantine_seconds = 1});
  for (std::uint64_t step = 0; step < steps; ++step) {
    CAPTURE(step);
    model.step();
  }
  model.finish();
  std::cout << model.evictions() << " evictions, " << model.served_late() << " creates served after a wait\n";
  CHECK(model.evictions() > steps / 1000);
  CHECK(model.served_late() > steps / 40'000);  // far below the mean
  CHECK(model.copies() > steps / 10'000);
  CHECK(model.left() > steps / 10'000);
  CHECK(model.leased() > steps / 1000);
  CHECK(model.taken() > steps / 2000);
  CHECK(model.relocations() > steps / 10'000);
}
