#include "tests/simulation/episode.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace dolium::simulation {
namespace {

constexpr std::size_t kSteps = 250;
constexpr std::size_t kStepsWithDisk = 400;
constexpr std::size_t kMaxClients = 4;
constexpr std::uint64_t kLeastCapacity = 32 * 1024;
/// So many turns without anything new are enough for all that can happen to have happened.
constexpr int kQuietTurns = 8;
/// A store of a few objects is searched in no time: for some servers so few looks are a long scan.
constexpr std::uint64_t kLongScan = 4;
/// How long nothing happens at most; with a tier, so long that it plans again, or tries again what has failed.
constexpr std::size_t kShortPause = 5'000'000;
constexpr std::size_t kLongPause = 1'500'000'000;
/// So many pauses of the tier are enough for it to be done.
constexpr int kTierPauses = 40;
/// What passes while creates rest after a scan in vain.
constexpr shm::TimeNs kPieceOfARest = 20'000;

StoreConfig some_config(World& world) {
  StoreConfig config;
  config.capacity = kLeastCapacity / 2 * (2 + world.below(3));
  config.max_objects = 16;
  config.prefault = false;
  config.eviction_policy = static_cast<EvictionPolicy>(world.below(kEvictionPolicyNames.size()));
  if (world.one_in(4)) config.max_unsealed_bytes_per_client = 20 * 1024;
  if (world.one_in(4)) config.max_pinned_bytes_per_user = 20 * 1024;
  if (world.one_in(2)) config.quarantine_seconds = 0;
  config.spill = world.has_tier;
  if (world.has_tier) config.capacity = kLeastCapacity;
  return config;
}

World make_world(std::uint64_t seed, TierChoice tier) {
  World world(seed);
  world.has_tier = tier == TierChoice::always || world.one_in(2);
  if (world.has_tier)
    for (bool& kept : world.kept) kept = !world.one_in(5);
  return world;
}

}  // namespace

Episode::Episode(std::uint64_t seed, Figures& figures, TierChoice tier, Flaw flaw)
    : world_(make_world(seed, tier)),
      figures_(figures),
      clients_die_(world_.one_in(2)),
      servers_die_(world_.one_in(2)),
      server_(some_config(world_)) {
  if (world_.one_in(2)) server_.set_long_scan(kLongScan);
  if (world_.has_tier) spiller_.emplace(world_, server_, flaw);
  for (std::size_t n = 2 + world_.below(kMaxClients - 1); n > 0; --n) connect();
}

std::uint64_t Episode::run() {
  for (std::size_t step = spiller_ ? kStepsWithDisk : kSteps; step > 0; --step) this->step();
  finish();
  return world_.trace;
}

void Episode::step() {
  Client& client = *clients_[world_.below(clients_.size())];
  if (spiller_ && world_.one_in(3)) return spiller_->act();
  switch (world_.below(18)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: return client.act();
    case 6:
    case 7: return client.push(1 + world_.below(200));
    case 8: return client.push_all();
    case 9:
    case 10:
    case 11: return read(client);
    case 12: return let_pass(world_.below(spiller_ && world_.one_in(4) ? kLongPause : kShortPause));
    case 13:
      if (clients_die_ && world_.one_in(4)) kill_one();
      return;
    case 14:
      if (servers_die_ && world_.one_in(4)) kill_server();
      return;
    default: return turn();
  }
}

/// Creates wait, and are not served before some time has passed.
bool Episode::creates_rest() {
  shm::CreateWaits& creates = server_.engine().creates();
  return creates.count() != 0 && creates.rests(now());
}

void Episode::turn() {
  server_.small_turn();
  if (creates_rest()) ++figures_.rests;
  server_.store().check_invariants();
  check_promises();
}

/// An object in a grace that was there once is there until the grace's time has passed, whoever dies.
void Episode::check_promises() {
  const shm::Rows& rows = server_.store().rows();
  for (auto& [id, promise] : world_.promises) {
    const shm::SlotIndex slot = rows.find(id);
    if (slot != shm::kNoSlot) promise.sealed = rows.sealed_at(slot);
    if (world_.cleared || promise.sealed == 0 || now() >= promise.sealed + promise.grace_ms * 1'000'000) continue;
    REQUIRE(slot != shm::kNoSlot);
    ++world_.kept_promises;
  }
}

void Episode::read(Client& client) {
  client.read();
  std::unique_ptr<Client> child = client.take_child();
  if (child == nullptr) return;
  ++figures_.forks;
  clients_.push_back(std::move(child));
}

/// As the kernel ends a process: every descriptor is closed, whatever was half said.
void Episode::kill_one() {
  const auto victim = clients_.begin() + static_cast<std::ptrdiff_t>(world_.below(clients_.size()));
  (*victim)->leave_history();
  logs_of_the_dead_.push_back((*victim)->log());
  clients_.erase(victim);
  if (clients_.size() < kMaxClients) connect();
  ++figures_.deaths;
}

// ---- the server's death ----

std::vector<ObjectMetadata> Episode::sealed() {
  std::vector<ObjectMetadata> all;
  for (std::uint32_t cursor = server_.store().report().list(0, {now(), {}}, all); cursor != 0;)
    cursor = server_.store().report().list(cursor, {now(), {}}, all);
  std::erase_if(all, [](const ObjectMetadata& object) { return object.state != ObjectState::sealed; });
  std::ranges::sort(all, {}, &ObjectMetadata::id);
  return all;
}

/// Between two turns, or before the answers of one have left.
void Episode::kill_server() {
  if (world_.one_in(2)) server_.hear();
  const auto described = [](const ObjectMetadata& object) {
    return std::tuple(object.id, object.data_size, object.is_pinned, object.created_at, object.sealed_at,
                      object.time_to_live, object.creator_pid, object.grace_left);
  };
  const std::vector<ObjectMetadata> before = sealed();
  const std::uint64_t begin = world_.tick();
  server_.be_succeeded();
  if (spiller_) spiller_->lose_server();
  crashes_.push_back({history::Operation::Kind::crash, history::Operation::Outcome::done, 0, begin, world_.tick()});
  ++figures_.server_deaths;
  server_.store().check_invariants();
  REQUIRE(server_.store().recovery().damaged == 0);
  REQUIRE(std::ranges::equal(before, sealed(), {}, described, described));
  check_references();
}

/// Each client's pin table says what the client knows that it holds.
void Episode::check_references() {
  for (const auto& client : clients_)
    if (client->session() != 0)
      REQUIRE(server_.store().report().client_info(client->session(), now()).references ==
              client->holdings().references);
}

// ---- the end ----

/// Everything that can happen without time, happens; but rests are waited for.
void Episode::settle() {
  std::uint64_t seen = world_.trace;
  int pauses = kTierPauses;
  for (int quiet = 0; quiet < kQuietTurns; ++quiet) {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      clients_[i]->push_all();
      read(*clients_[i]);
      const bool is_heard = !server_.ordered_puts().waiting(clients_[i]->session());
      if ((clients_[i]->has_unsent() && is_heard) || !clients_[i]->connected()) quiet = 0;
    }
    turn();
    if (spiller_ && spiller_->go_on()) quiet = 0;
    if (creates_rest()) {
      quiet = 0;
      let_pass(kPieceOfARest);
    }
    if (quiet + 1 == kQuietTurns && pauses-- > 0 && wait_for_disk()) quiet = 0;
    if (std::exchange(seen, world_.trace) != world_.trace) quiet = 0;
  }
}

void Episode::finish() {
  if (spiller_) spiller_->heal();
  for (const auto& client : clients_)
    if (client->connected()) client->flush();
  settle();
  check_agreement();
  for (const auto& client : clients_) {
    figures_.waits += client->open().gets + client->open().creates;
    client->cancel_gets();  // of what the same client was writing, for one
  }
  abort_everything();
  release_everything();
  check_waiting_creates();
  abort_everything();
  release_everything();
  check_waiting_creates();
  for (const auto& client : clients_) client->cancel_creates();
  settle();
  abort_everything();
  release_everything();
  const auto is_open = [](const auto& client) {
    return client->open().gets + client->open().creates + client->open().others != 0;
  };
  // Nothing waits for the disk for longer; but a client may have several messages whose puts wait, one after the other.
  constexpr int kMostPauses = 8;
  for (int pause = 0; spiller_ && pause < kMostPauses && (pause == 0 || std::ranges::any_of(clients_, is_open));
       ++pause) {
    let_pass(shm::GetWaits::kDiskPatience);
    settle();
    abort_everything();  // creates that were behind puts that waited may be done
    release_everything();
  }
  for (const auto& client : clients_)
    REQUIRE(client->open().gets + client->open().creates + client->open().others == 0);
  check_agreement();
  if (spiller_) check_disk();
  judge();
  if (spiller_) check_another_store();
  let_go_of_everything();
}

/// The last request that its session has taken, if puts of it wait; then its later ones are not heard.
std::uint64_t Episode::last_heard(const Client& client) {
  const auto puts = server_.ordered_puts().waiting(client.session());
  return puts ? puts->request : UINT64_MAX;
}

/// Daemon and clients have nothing more to say to each other, and are of one mind.
void Episode::check_agreement() {
  const StoreStats daemon = stats();
  std::uint64_t gets = 0;
  std::uint64_t creates = 0;
  std::uint64_t unsealed = 0;
  bool all_are_heard = true;
  check_references();
  const std::vector<ObjectMetadata> there = sealed();
  for (const auto& client : clients_) {
    check_waits(*client);
    gets += server_.engine().gets().count(client->session());
    creates += server_.engine().creates().count(client->session());
    unsealed += client->holdings().unsealed;
    all_are_heard = all_are_heard && last_heard(*client) == UINT64_MAX;
    const Subscriber* const subscriber = client->subscriber(last_heard(*client));
    if (subscriber == nullptr) continue;
    figures_.events += subscriber->heard();
    const auto told = [](const auto& known) { return std::pair(known.first, known.second); };
    const auto is = [](const ObjectMetadata& object) { return std::pair(object.id, object.data_size); };
    REQUIRE(std::ranges::equal(subscriber->known(), there, {}, told, is));
  }
  REQUIRE(daemon.waiting_gets == gets);
  REQUIRE(daemon.waiting_creates == creates);
  if (all_are_heard)
    REQUIRE(daemon.unsealed_count == unsealed);
  else
    REQUIRE(daemon.unsealed_count >= unsealed);  // a seal or an abort is not heard yet
  REQUIRE(daemon.client_count == clients_.size() + (spiller_ ? 1 : 0));
}

/// What has no answer waits for an object or for room; with a tier, for the disk, or behind puts of its client that do.
void Episode::check_waits(const Client& client) {
  const std::uint64_t waiting_gets = server_.engine().gets().count(client.session());
  const std::uint64_t waiting_creates = server_.engine().creates().count(client.session());
  const auto puts = server_.ordered_puts().waiting(client.session());
  REQUIRE_FALSE(client.is_forgotten(last_heard(client)));
  if (spiller_) {  // a pin, and a put that does not wait for room, may wait for the disk
    const Client::Open heard = client.open(last_heard(client));
    const std::uint64_t without_reply = puts && puts->deferred ? 1 : 0;
    REQUIRE(waiting_gets + waiting_creates == heard.gets + heard.creates + heard.others + without_reply);
    return;
  }
  const Client::Open open = client.open();
  REQUIRE_FALSE(puts);
  REQUIRE(open.others == 0);
  REQUIRE(waiting_gets == open.gets);
  REQUIRE(waiting_creates == open.creates);
}

/// What is being written, and what is placed for who waited for that room.
void Episode::abort_everything() {
  bool any = true;
  for (std::size_t round = 0; any; ++round) {
    REQUIRE(round <= clients_.size() * kObjects);
    any = false;
    for (const auto& client : clients_) any = client->abort_all() || any;
    settle();
  }
}

/// Nobody asks anything: the releases alone must wake who waits. Who is served may hold what it puts.
void Episode::release_everything() {
  bool any = true;
  while (any) {
    any = false;
    for (const auto& client : clients_) any = client->release_all() || any;
    settle();
  }
}

/// Room must do for everybody who waits for it, when all there is may go.
void Episode::check_waiting_creates() {
  const StoreStats now_there = stats();
  if (now_there.pinned_count + now_there.graced_count + now_there.unsealed_count + now_there.quarantined_count != 0)
    return;
  if (spiller_)
    UNSCOPED_INFO("the tier is " << server_.tier().state_text() << "; dirty " << now_there.dirty_bytes << ", clean "
                                 << now_there.clean_bytes << ", used " << now_there.used_bytes << ", free "
                                 << now_there.free_bytes << ", in use " << now_there.in_use_bytes << ", objects "
                                 << now_there.total_objects << ", reading " << now_there.reading_count
                                 << "; first waits for " << server_.engine().creates().first_size() << "; "
                                 << (now_there.last_refusal ? now_there.last_refusal->reason : ""));
  for (const auto& client : clients_) {
    REQUIRE_FALSE(server_.ordered_puts().waiting(client->session()));
    REQUIRE(client->open().creates == 0);
  }
  if (spiller_) check_reads();
}

void Episode::let_go_of_everything() {
  const StoreStats left = stats();
  REQUIRE(left.in_use_count + left.unsealed_count + left.retired_count == 0);
  figures_.evictions += left.eviction_count;
  figures_.leased_puts += world_.leased_puts;
  figures_.lost_leases += world_.lost_leases;
  figures_.recalled_leases += world_.recalled_leases;
  figures_.takes += world_.takes;
  figures_.lost_takes += world_.lost_takes;
  figures_.kept_promises += world_.kept_promises;
  figures_.disk_refusals += world_.disk_refusals;
  figures_.spills += left.spill_count;
  if (spiller_) {
    figures_.read_back += spiller_->read_back();
    figures_.spiller_deaths += spiller_->deaths();
    figures_.void_writes += spiller_->void_writes();
  }
  clients_.clear();
  while (server_.session_count() != 0) turn();
  while (server_.store().quarantine().next_to_renew()) turn();
  let_pass(shm::TimeNs{60'000'000'000});
  turn();
  server_.store().clear(now());
  if (spiller_) settle();
  REQUIRE((!spiller_ || spiller_->disk().empty()));
  REQUIRE(stats().used_bytes == 0);
  REQUIRE(stats().largest_free_extent == stats().capacity);
}

void Episode::judge() {
  for (Number number = 0; number < kObjects; ++number) {
    history::History history;
    const auto add = [&](const std::vector<history::Operation>& operations) {
      if (!operations.empty()) history.push_back(operations);
    };
    for (const auto& client : clients_) add(client->log()[number]);
    for (const auto& log : logs_of_the_dead_) add(log[number]);
    add(crashes_);
    const auto why =
        why_not_linearizable(history, world_.kept[number] ? history::Evictions::none : history::Evictions::possible);
    INFO(why.value_or(""));
    REQUIRE_FALSE(why.has_value());
    ++figures_.histories;
  }
}

}  // namespace dolium::simulation
