#include "daemon/server/ordered_puts.h"

#include <cstring>
#include <utility>

#include "daemon/server/dispatch.h"
#include "protocol/convert.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

using protocol::PutHead;
using shm::ClientId;
using shm::SlotIndex;
using shm::TimeNs;

namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Error no_lease() {
  return {Errc::disconnected,
          "the memory of this put was lost with the daemon's server, which crashed or was replaced: put it again"};
}

}  // namespace

shm::NewObject to_object(const PutHead& head, std::span<const std::byte> own) {
  const std::string_view texts = as_text(own.subspan(std::size_t{head.data_size()} + head.metadata_size()));
  return {.id = protocol::from_wire(head.id()),
          .data_size = head.data_size(),
          .metadata_size = head.metadata_size(),
          .type_tag = head.type_tag(),
          .type_name = texts.substr(0, head.type_name_size()),
          .pinned = head.pinned(),
          .lifetimes = {protocol::from_ms(head.time_to_live_ms()), protocol::from_ms(head.time_to_idle_ms())},
          .label = texts.substr(head.type_name_size()),
          .grace = grace_of(head),
          .retention = protocol::from_wire(head.retention())};
}

std::uint64_t size_of(const PutHead& head) noexcept {
  return std::uint64_t{head.data_size()} + head.metadata_size() + head.type_name_size() + head.label_size();
}

std::unique_ptr<protocol::PutFailureT> failure_of(std::uint32_t index, const Error& error) {
  auto failure = std::make_unique<protocol::PutFailureT>();
  failure->index = index;
  protocol::set_error(*failure, error);
  return failure;
}

void OrderedPuts::carry_out(Session& session, Puts puts) {
  const ClientId client = session.client();
  const TimeNs now = shm::monotonic_now();
  const std::optional<SlotIndex> lease = lease_of(client, puts);
  while (!puts.heads.empty()) {
    const std::optional<Result<SlotIndex>> put = put_first(client, puts, lease, now);
    if (!put) return pause(session, std::move(puts));
    note(session, puts, *put);
  }
  if (!puts.deferred) session.reply(puts.request, puts.reply);
}

/// None if there is none, or it has gone.
std::optional<SlotIndex> OrderedPuts::lease_of(ClientId client, const Puts& puts) const {
  if (!puts.lease) return std::nullopt;
  const Result<SlotIndex> lease = engine_.store().leases().find(client, *puts.lease);
  return lease ? std::optional(*lease) : std::nullopt;
}

std::span<const std::byte> OrderedPuts::bytes_of_first(const Puts& puts, std::optional<SlotIndex> lease) const {
  const std::uint64_t size = size_of(puts.heads.front());
  if (!puts.lease) return puts.bytes.first(size);
  return lease ? engine_.store().leases().bytes(*lease).last(shm::Arena::taken_by(size)).first(size)
               : std::span<const std::byte>();
}

/// None: it waits for the disk. Then nothing has changed: neither its lease nor the figures.
std::optional<Result<SlotIndex>> OrderedPuts::put_first(ClientId client, const Puts& puts,
                                                        std::optional<SlotIndex> lease, TimeNs now) {
  shm::CreateWaits& creates = engine_.creates();
  const PutHead& head = puts.heads.front();
  if (!puts.lease) {
    if (no_new_objects_) return *no_new_objects_;
    const std::span<const std::byte> own = puts.bytes.first(size_of(head));
    const auto data = own.first(head.data_size());
    const auto metadata = own.subspan(data.size(), head.metadata_size());
    Result<SlotIndex> put = creates.put_now(client, to_object(head, own), data, metadata, now, puts.waits);
    if (!put && puts.waits && creates.disk_may_help(own.size(), put.error())) return std::nullopt;
    return put;
  }
  if (!lease) return no_lease();
  const shm::NewObject object = to_object(head, bytes_of_first(puts, lease));
  if (puts.waits && creates.must_wait_in_its_lease(object)) return std::nullopt;
  return creates.put_leased(client, *lease, object, now);
}

/// The outcome of the first: of a deferred put by a notice at once, else in the reply.
void OrderedPuts::note(Session& session, Puts& puts, const Result<SlotIndex>& put) {
  const PutHead& head = puts.heads.front();
  if (!put && puts.deferred) {
    protocol::PutFailedNoticeT notice;
    notice.id = std::make_unique<protocol::Id>(head.id());
    protocol::set_error(notice, put.error());
    session.reply(0, notice);
  } else if (!put) {
    puts.reply.failures.push_back(failure_of(puts.done, put.error()));
  }
  if (!puts.lease) puts.bytes = puts.bytes.subspan(size_of(head));
  puts.heads = puts.heads.subspan(1);
  ++puts.done;
}

// ---- paused ----

void OrderedPuts::pause(Session& session, Puts puts) {
  const ClientId client = session.client();
  Paused paused{{}, {puts.heads.begin(), puts.heads.end()}, {puts.bytes.begin(), puts.bytes.end()}};
  paused.puts = std::move(puts);
  paused.puts.heads = paused.heads;
  paused.puts.bytes = paused.bytes;
  const Puts& kept = paused_.insert_or_assign(client, std::move(paused)).first->second.puts;
  session.pause();
  engine_.creates().add_for_disk(
      {client, kept.request}, to_object(kept.heads.front(), bytes_of_first(kept, lease_of(client, kept))),
      shm::monotonic_now(), [this, client](const Result<shm::Placement>& placed) { on_room(client, placed); });
}

/// The first object has an extent, or has waited in vain. Called from inside the engine: the rest follows in go_on().
void OrderedPuts::on_room(ClientId client, const Result<shm::Placement>& placed) {
  const auto found = paused_.find(client);
  Session* const session = find_(client);
  if (found == paused_.end() || session == nullptr) return;  // the placed object goes with its client
  Puts& puts = found->second.puts;
  const Result<SlotIndex> put = placed ? seal_first(client, puts, placed->slot) : Result<SlotIndex>(placed.error());
  if (puts.lease)
    if (const std::optional<SlotIndex> lease = lease_of(client, puts); lease)
      engine_.store().leases().cut_off(client, *lease, size_of(puts.heads.front()), shm::monotonic_now());
  puts.waits = placed.has_value();
  note(*session, puts, put);
  ready_.push_back(client);
  session->mark_dirty();
}

/// A client that calls its lease idle while puts out of it wait may have lost it meanwhile.
Result<SlotIndex> OrderedPuts::seal_first(ClientId client, const Puts& puts, SlotIndex slot) {
  const PutHead& head = puts.heads.front();
  const ObjectId id = protocol::from_wire(head.id());
  const std::optional<SlotIndex> lease = lease_of(client, puts);
  if (puts.lease && !lease) {
    const Result<void> aborted = engine_.store().abort(client, id);
    return aborted ? no_lease() : aborted.error();
  }
  const auto written = bytes_of_first(puts, lease).first(std::size_t{head.data_size()} + head.metadata_size());
  if (!written.empty()) std::memcpy(engine_.store().rows().bytes(slot).data(), written.data(), written.size());
  return engine_.store().seal(client, id, shm::monotonic_now());
}

std::optional<OrderedPuts::Waiting> OrderedPuts::waiting(ClientId client) const {
  const auto found = paused_.find(client);
  if (found == paused_.end()) return std::nullopt;
  return Waiting{found->second.puts.request, found->second.puts.deferred};
}

void OrderedPuts::go_on() {
  for (const ClientId client : std::exchange(ready_, {})) {
    const auto found = paused_.find(client);
    Session* const session = find_(client);
    if (found == paused_.end() || session == nullptr) continue;
    Paused paused = std::move(found->second);  // its vectors keep their bytes, which the spans name
    paused_.erase(found);
    session->go_on();
    carry_out(*session, std::move(paused.puts));
  }
}

}  // namespace dolium::daemon
