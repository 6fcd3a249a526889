#pragma once
// Clients: the clients that are attached, each with its pin table, its unsealed objects and its grants; and the pin
// tables of those that left.
//
// Each client's references are counted in its own pin table, which lies in memory that the client writes. When a client
// leaves, its references end with its table. What the table says of hits and accesses is still needed until it is added
// to the rows, a piece at a time (departures.h).
//
// Not thread-safe.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dolium/metadata.h>
#include <dolium/result.h>

#include "shm/store/rows.h"
#include "shm/store/store_types.h"
#include "shm/store/unsealed_objects.h"
#include "shm/table/pin_table.h"

namespace dolium::shm {

/// Objects that a client was promised under a number, and has not confirmed yet.
struct Grant {
  std::uint64_t number;
  std::vector<SlotIndex> slots;  ///< each held once
};

struct AttachedClient {
  ClientId id;
  ClientIdentity identity;
  TimeNs attached;
  Segment segment;
  PinTable table;
  std::uint64_t last_grant = 0;
  std::deque<Grant> grants;  ///< in the order of their numbers
  UnsealedList unsealed;
  std::uint64_t unsealed_count = 0;  ///< abandoned ones included; so are the bytes
  std::uint64_t unsealed_bytes = 0;
  std::uint64_t leased_bytes = 0;  ///< of these
};

class Clients {
 public:
  /// The pin table of a client that left. What it says of slots below `folded` is in their rows by now.
  struct Departed {
    ClientId id;
    PinTable table;
    SlotIndex folded = 0;
  };

  explicit Clients(Rows& rows) noexcept : rows_(rows) {}

  /// A new client with an empty pin table.
  [[nodiscard]] Result<ClientId> attach(const ClientIdentity& identity);
  /// A client of a store before this one, with its id and its pin table.
  [[nodiscard]] Result<void> readmit(SurvivingClient session);
  /// Counts in the pin table of `to` what `from` holds. An error where memory is short: then `to` may have a part.
  [[nodiscard]] Result<void> copy_references(const AttachedClient& from, AttachedClient& to) const;
  /// Precondition: it is attached. Its table stays, in departed(), as the last one.
  [[nodiscard]] std::unique_ptr<AttachedClient> remove(ClientId id);

  /// nullptr: it is not attached.
  [[nodiscard]] AttachedClient* find(ClientId id) noexcept { return look_up(id); }
  [[nodiscard]] const AttachedClient* find(ClientId id) const noexcept { return look_up(id); }
  /// Precondition: it is attached.
  [[nodiscard]] AttachedClient& at(ClientId id) noexcept { return attached(id); }
  [[nodiscard]] const AttachedClient& at(ClientId id) const noexcept { return attached(id); }
  [[nodiscard]] std::size_t size() const noexcept { return clients_.size(); }
  /// By id. Few, and walked for each look at a slot.
  [[nodiscard]] const std::vector<std::unique_ptr<AttachedClient>>& all() noexcept { return clients_; }
  /// The tables of all(), in the same order, side by side in memory for walks over all of them.
  [[nodiscard]] std::span<const PinTable::View> views() const noexcept { return views_; }
  /// Number of changes of views() so far.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& client : clients_) visit(static_cast<const AttachedClient&>(*client));
  }
  [[nodiscard]] std::deque<Departed>& departed() noexcept { return departed_; }
  [[nodiscard]] const std::deque<Departed>& departed() const noexcept { return departed_; }
  /// Calls visit(ClientId, const PinTable&) for each table that still counts for a slot: of clients, and of those that
  /// left and are not folded so far.
  template <class Visit>
  void for_each_table(SlotIndex slot, Visit&& visit) const {
    for (const auto& client : clients_) visit(client->id, static_cast<const PinTable&>(client->table));
    for (const Departed& departed : departed_)
      if (slot >= departed.folded) visit(departed.id, departed.table);
  }

  void set_process(ClientId client, std::int32_t pid, std::string command);
  void set_origin(ClientId client, ClientOrigin origin);
  /// Bytes of the objects that it is writing, without leases. 0 for a client that is not attached.
  [[nodiscard]] std::uint64_t unsealed_bytes(ClientId client) const noexcept;
  [[nodiscard]] const Segment& pin_table_segment(ClientId client) const { return at(client).segment; }

 private:
  [[nodiscard]] AttachedClient* look_up(ClientId id) const noexcept;
  [[nodiscard]] AttachedClient& attached(ClientId id) const noexcept;
  [[nodiscard]] Result<void> admit(const ClientIdentity& identity, Segment pin_table, ClientId id, TimeNs attached);

  Rows& rows_;
  std::vector<std::unique_ptr<AttachedClient>> clients_;
  std::vector<PinTable::View> views_;  // of clients_
  std::uint64_t changes_ = 0;
  std::deque<Departed> departed_;
};

}  // namespace dolium::shm
