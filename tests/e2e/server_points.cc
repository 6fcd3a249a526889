// The points of the server (points.h): e2e_doliumd's calls between files of the daemon pass through here.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "daemon/process/keeper_link.h"
#include "protocol/ring.h"
#include "shm/arena/arena.h"
#include "shm/store/store.h"
#include "shm/table/object_index.h"
#include "tests/e2e/led.h"

namespace dolium::e2e {
namespace {

using protocol::RingWriter;
using shm::Arena;
using shm::ExtentRef;
using shm::ObjectIndex;
using shm::SlotIndex;

/// Takes the first line, which is this server's.
void arm_from(const char* path) {
  std::ifstream file(path);
  std::string point;
  int nth = 0;
  if (!(file >> point >> nth)) return;
  const std::string rest = std::string(path) + ".rest";  // renamed: whoever looks sees all that is left
  std::ofstream(rest) << file.rdbuf();
  if (std::rename(rest.c_str(), path) == 0) arm(point, nth, SIGKILL);
}

/// Before main(), where the keeper's word to its server is still to be read.
[[gnu::constructor]] void arm_server() {
  const char* path = std::getenv(kServerPointsVariable);  // NOLINT(concurrency-mt-unsafe): there is one thread
  const char* of_keeper = std::getenv(daemon::KeeperLink::kVariable);  // NOLINT(concurrency-mt-unsafe): likewise
  if (path != nullptr && of_keeper != nullptr) arm_from(path);
}

}  // namespace

DOLIUM_E2E_STEP(_ZN6dolium3shm11ObjectIndex7publishEjRKNS_8ObjectIdE, "publishing", "published", void,
                (ObjectIndex * self, SlotIndex slot, const ObjectId& id), (self, slot, id))
DOLIUM_E2E_STEP(_ZN6dolium3shm11ObjectIndex12begin_retireEj, kNone, "retiring", void,
                (ObjectIndex * self, SlotIndex slot), (self, slot))
DOLIUM_E2E_STEP(_ZN6dolium3shm11ObjectIndex8relocateEjm, "relocating", "relocated", void,
                (ObjectIndex * self, SlotIndex slot, std::uint64_t offset), (self, slot, offset))
DOLIUM_E2E_STEP(_ZN6dolium3shm11ObjectIndex13cancel_retireEj, kNone, "restored", void,
                (ObjectIndex * self, SlotIndex slot), (self, slot))
DOLIUM_E2E_STEP(_ZN6dolium3shm5Store6removeERKNS_8ObjectIdEm, "removing", "removed", Result<bool>,
                (shm::Store * self, const ObjectId& id, shm::TimeNs now), (self, id, now))
DOLIUM_E2E_STEP(_ZN6dolium3shm11ObjectIndex6unlinkEj, "unlinking", "unlinked", void,
                (ObjectIndex * self, SlotIndex slot), (self, slot))
DOLIUM_E2E_STEP(_ZN6dolium3shm11ObjectIndex7releaseEj, kNone, "given-back", void, (ObjectIndex * self, SlotIndex slot),
                (self, slot))
DOLIUM_E2E_STEP(_ZN6dolium3shm5Arena4moveEjNS0_9ExtentRefE, kNone, "extent-moved", void,
                (Arena * self, SlotIndex owner, ExtentRef place), (self, owner, place))
DOLIUM_E2E_STEP(_ZN6dolium3shm5Arena5splitEjmj, "lease-shrunk", "lease-split", std::uint64_t,
                (Arena * self, SlotIndex from, std::uint64_t size, SlotIndex owner), (self, from, size, owner))
DOLIUM_E2E_STEP(_ZN6dolium8protocol10RingWriter5writeESt4spanIKSt4byteLm18446744073709551615EE, "answering", "answered",
                Result<std::size_t>, (RingWriter * self, std::span<const std::byte> bytes), (self, bytes))

}  // namespace dolium::e2e
