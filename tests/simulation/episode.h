#pragma once
// Episode: a store's whole life in a simulation, from a seed: a few clients, what they do in which order, which of them
// die or fork, when the server dies and is replaced, when time passes. Then everything ends, and must leave nothing
// behind.
//
// Checks: after each turn of the daemon, its bookkeeping (Store::check_invariants()). After a server's death, sealed
// objects are unchanged, and every reference is counted. At the end, no answer is missing, and no waiter is forgotten;
// a client that waits for room gets it when everything is released; daemon and clients agree on references, unsealed
// objects, waiters and, with a subscription, on the existing objects; the observations of each object have an
// explanation (linearizability.h); and when the clients are gone, all bytes are free, and the process has as many
// descriptors as before.
//
// In every second episode there is a spill tier, with a process that dies, hangs, is full or cannot read (spiller.h).
// Then some of the objects are kept: their observations must have an explanation without an eviction. What is clean or
// spilled at the end is on the disk, byte for byte, and another store finds exactly that there. What was removed has
// left the disk.

#include <memory>
#include <optional>
#include <vector>

#include "tests/fuzz/mini_server.h"
#include "tests/simulation/client.h"
#include "tests/simulation/spiller.h"
#include "tests/simulation/virtual_clock.h"

namespace dolium::simulation {

struct Figures {
  std::uint64_t deaths = 0, server_deaths = 0, forks = 0, evictions = 0, waits = 0, histories = 0, events = 0,
                leased_puts = 0, lost_leases = 0, rests = 0, recalled_leases = 0, takes = 0, lost_takes = 0,
                kept_promises = 0, spills = 0, read_back = 0, spiller_deaths = 0, void_writes = 0, disk_refusals = 0,
                found_again = 0;
};

/// Whether episodes have a spill tier.
enum class TierChoice : std::uint8_t { some, always };

class Episode {
 public:
  Episode(std::uint64_t seed, Figures& figures, TierChoice tier = TierChoice::some, Flaw flaw = Flaw::none);
  Episode(const Episode&) = delete;
  Episode& operator=(const Episode&) = delete;

  /// A hash of all that was seen.
  std::uint64_t run();

 private:
  void connect() { clients_.push_back(std::make_unique<Client>(world_, server_)); }
  void turn();
  void step();
  void read(Client& client);
  void kill_one();
  void kill_server();
  void settle();
  [[nodiscard]] bool creates_rest();
  [[nodiscard]] std::uint64_t last_heard(const Client& client);
  void check_references();
  void check_agreement();
  void check_waits(const Client& client);
  void check_promises();
  void check_waiting_creates();
  void check_reads();
  void check_disk();
  void check_another_store();
  [[nodiscard]] bool wait_for_disk();
  void finish();
  void abort_everything();
  void release_everything();
  void let_go_of_everything();
  void judge();
  [[nodiscard]] std::vector<ObjectMetadata> sealed();
  [[nodiscard]] StoreStats stats() { return server_.engine().stats(now()); }

  World world_;
  Figures& figures_;
  const bool clients_die_;
  const bool servers_die_;
  fuzz::MiniServer server_;
  std::optional<Spiller> spiller_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::vector<std::vector<history::Operation>>> logs_of_the_dead_;
  std::vector<history::Operation> crashes_;
};

}  // namespace dolium::simulation
