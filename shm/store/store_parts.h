#pragma once
// StoreParts: what a Store is made of. Each part knows only the parts above it.

#include "shm/store/clients.h"
#include "shm/store/graces.h"
#include "shm/store/lease_recall.h"
#include "shm/store/leases.h"
#include "shm/store/pins.h"
#include "shm/store/quarantined_extents.h"
#include "shm/store/refusals.h"
#include "shm/store/report.h"
#include "shm/store/room.h"
#include "shm/store/rows.h"
#include "shm/store/sealed_objects.h"
#include "shm/store/spill.h"
#include "shm/store/usage.h"
#include "shm/store/writable_extents.h"

namespace dolium::shm {

struct StoreParts {
  StoreParts(const StoreConfig& config, ArenaMemory memory, ObjectIndex index, Ledger ledger, TimeNs now)
      : rows(config, std::move(memory), std::move(index), std::move(ledger), now),
        pins(rows),
        clients(rows),
        graces(rows, pins, clients),
        usage(rows, clients, graces),
        writing(rows, clients, pins, graces),
        lease_recall(rows, clients, writing),
        spill(rows, clients, usage),
        sealed(rows, pins, graces, usage, spill),
        report(*this),
        refusals(*this),
        room(rows, clients, pins, graces, usage, writing, lease_recall, spill, sealed, refusals),
        leases(rows, clients, writing, lease_recall, sealed, room),
        quarantine(rows, room) {}
  StoreParts(const StoreParts&) = delete;
  StoreParts& operator=(const StoreParts&) = delete;

  Rows rows;
  Pins pins;
  Clients clients;
  Graces graces;
  Usage usage;
  WritableExtents writing;
  LeaseRecall lease_recall;
  Spill spill;
  SealedObjects sealed;
  Report report;      // reads all parts
  Refusals refusals;  // likewise
  Room room;
  Leases leases;
  QuarantinedExtents quarantine;
};

}  // namespace dolium::shm
