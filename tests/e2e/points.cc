// The points of a client (points.h): e2e_stepper's calls between files of the library pass through here.

#include <csignal>
#include <string>
#include <utility>

#include "client/remote/connection.h"
#include "client/remote/handshake.h"
#include "client/remote/heir.h"
#include "client/remote/lease.h"
#include "client/remote/remote_puts.h"
#include "tests/e2e/led.h"
#include "tests/e2e/worker_commands.h"

namespace dolium::e2e {
namespace {
using Descriptor = const shm::UniqueFd&;
using Record = const detail::SessionIdentity&;
using InBytes = std::span<std::byte>;
using OutBytes = std::span<const std::byte>;
using detail::Attachment;
using detail::Connection;
using detail::Lease;
using protocol::Deadline;
using protocol::RingReader;
using protocol::RingWriter;
using shm::Mapping;
using shm::PinTable;
using shm::SlotIndex;
using shm::UniqueFd;
}  // namespace

DOLIUM_E2E_STEP(_ZNK6dolium3shm11IndexReader4findERKNS_8ObjectIdEj, kNone, "looked-up", shm::IndexReader::Lookup,
                (const shm::IndexReader* self, const ObjectId& id, std::uint32_t steps), (self, id, steps))
DOLIUM_E2E_STEP(_ZN6dolium3shm8PinTable13add_referenceEj, kNone, "counted", void, (PinTable * self, SlotIndex slot),
                (self, slot))
DOLIUM_E2E_STEP(_ZN6dolium3shm6Holder12hold_grantedERKNS0_7GrantedE, "place-told", "place-held", shm::Holder::Attempt,
                (shm::Holder * self, const shm::Granted& granted), (self, granted))
DOLIUM_E2E_STEP(_ZN6dolium3shm8PinTable14drop_referenceEj, "releasing", "released", bool,
                (PinTable * self, SlotIndex slot), (self, slot))
DOLIUM_E2E_STEP(_ZN6dolium3shm8PinTable10record_hitEjm, "held", "hit-recorded", void,
                (PinTable * self, SlotIndex slot, shm::TimeNs now), (self, slot, now))
DOLIUM_E2E_STEP(_ZN6dolium3shm8PinTable19set_granted_throughEm, "grant-used", "grant-given-back", void,
                (PinTable * self, std::uint64_t number), (self, number))

DOLIUM_E2E_STEP(_ZN6dolium8protocol10RingWriter5writeESt4spanIKSt4byteLm18446744073709551615EE, "ring-writing",
                "ring-written", Result<std::size_t>, (RingWriter * self, OutBytes bytes), (self, bytes))
DOLIUM_E2E_LED(_ZN6dolium8protocol10RingWriter9take_bellEv, bool, (RingWriter * self)) {
  const bool taken = real__ZN6dolium8protocol10RingWriter9take_bellEv(self);
  if (taken) pass("ring-bell-taken");
  return taken;
}
DOLIUM_E2E_LED(_ZN6dolium8protocol10RingWriter12ask_for_roomEv, bool, (RingWriter * self)) {
  const bool full = real__ZN6dolium8protocol10RingWriter12ask_for_roomEv(self);
  if (full) pass("ring-full");
  return full;
}
DOLIUM_E2E_STEP(_ZN6dolium8protocol10RingReader4readESt4spanISt4byteLm18446744073709551615EE, kNone, "ring-read",
                Result<std::size_t>, (RingReader * self, InBytes out), (self, out))
DOLIUM_E2E_STEP(_ZN6dolium8protocol10RingReader11fall_asleepEv, kNone, "ring-asleep", bool, (RingReader * self), (self))

DOLIUM_E2E_STEP(_ZN6dolium6detail5Lease5writeESt4spanIKNS0_7PutViewELm18446744073709551615EEb, kNone, "lease-written",
                detail::PutLeasedView, (Lease * self, std::span<const detail::PutView> puts, bool deferred),
                (self, puts, deferred))
DOLIUM_E2E_STEP(
    _ZN6dolium6detail19remote_put_deferredERNS0_10ConnectionERKNS_8ObjectIdESt4spanIKSt4byteLm18446744073709551615EERKNS_13CreateOptionsE,
    kNone, "deferred-put-sent", Result<void>,
    (Connection & connection, const ObjectId& id, OutBytes data, const CreateOptions& options),
    (connection, id, data, options))
DOLIUM_E2E_STEP(_ZN6dolium6detail12remote_flushERNS0_10ConnectionE, "flushing", kNone, Result<std::vector<PutFailure>>,
                (Connection & connection), (connection))

DOLIUM_E2E_STEP(_ZN6dolium3shm7Mapping3mapERKNS0_8UniqueFdEmNS1_4ModeESt17basic_string_viewIcSt11char_traitsIcEE,
                "mapping", kNone, Result<Mapping>,
                (Descriptor fd, std::uint64_t bytes, Mapping::Mode mode, std::string_view what),
                (fd, bytes, mode, what))
DOLIUM_E2E_STEP(_ZN6dolium6detail10Attachment6createENS1_5PartsE, "attaching", "attached", Result<Attachment*>,
                (Attachment::Parts parts), (std::move(parts)))

DOLIUM_E2E_STEP(_ZN6dolium6detail8ForkGate4shutEv, kNone, "gate-shut", void, (detail::ForkGate * self), (self))
DOLIUM_E2E_STEP(
    _ZN6dolium6detail4Heir3askERKNS0_15SessionIdentityEmNSt6chrono10time_pointINS5_3_V212steady_clockENS5_8durationIlSt5ratioILl1ELl1000000000EEEEEE,
    kNone, "heir-asked", Result<detail::Heir>, (Record parent, std::uint64_t bytes, Deadline deadline),
    (parent, bytes, deadline))
DOLIUM_E2E_STEP(_ZN6dolium6detail4Heir5adoptERKNS_3shm8UniqueFdE, "adopting", "adopted", void, (Descriptor socket),
                (socket))
DOLIUM_E2E_STEP(_ZN6dolium6detail10Connection10start_overEmmNS_3shm8UniqueFdES3_, "starting-over", kNone, Result<void>,
                (Connection * self, std::uint64_t session, std::uint64_t token, UniqueFd completions, UniqueFd poll),
                (self, session, token, std::move(completions), std::move(poll)))
DOLIUM_E2E_STEP(_ZN6dolium6detail10Attachment9take_overENS_3shm7MappingE, "taking-over", "taken-over", Result<void>,
                (Attachment * self, Mapping table), (self, std::move(table)))

DOLIUM_E2E_STEP(
    _ZN6dolium6detail14resume_sessionERKNS0_15SessionIdentityEbNSt6chrono10time_pointINS4_3_V212steady_clockENS4_8durationIlSt5ratioILl1ELl1000000000EEEEEE,
    "resuming", "resumed", Result<detail::Welcome>, (Record session, bool rings, Deadline deadline),
    (session, rings, deadline))
DOLIUM_E2E_STEP(_ZN6dolium8protocol7Channel9use_ringsENS_3shm7MappingENS0_8RingPair4SideE, kNone, "rings-renewed", void,
                (protocol::Channel * self, Mapping memory, protocol::RingPair::Side side),
                (self, std::move(memory), side))

// ---- what a worker can be told of it ----

namespace {

Command arming(int signal) {
  return [signal](WorkerState&, Arguments& arguments) -> std::string {
    const auto point = next_or<std::string>(arguments, "");
    arm(point, next_or<int>(arguments, 1), signal);
    return "ok";
  };
}

}  // namespace

void add_point_commands(Commands& commands) {
  commands["die_at"] = arming(SIGKILL);
  commands["stop_at"] = arming(SIGSTOP);
}

}  // namespace dolium::e2e
