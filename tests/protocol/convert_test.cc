// Every member survives the conversion to a message and back: a member that one side lacks is noticed here.

#include "protocol/convert.h"

#include <catch2/catch.hpp>

#include "protocol/codec.h"

namespace dolium::protocol {
namespace {

/// Packs a reply, verifies it as the peer would, and hands out the body.
template <class Reply, class Message>
const Reply& through_the_wire(Encoder& encoder, std::vector<std::byte>& payload, Message message) {
  const auto frame = encoder.encode(1, message).value();
  payload.assign(frame.begin() + kFrameHeaderBytes, frame.end());
  const ReplyFrame* decoded = decode<ReplyFrame>(payload).value();
  constexpr ReplyBody expected = ReplyBodyTraits<Reply>::enum_value;
  REQUIRE(decoded->body_type() == expected);
  return *static_cast<const Reply*>(decoded->body());
}

struct Wire {
  Encoder encoder;
  std::vector<std::byte> payload;
};

ClientUse some_use(std::uint64_t number) {
  return {.session_id = number,
          .pid = static_cast<std::int32_t>(number + 1),
          .command = "command " + std::to_string(number),
          .name = "name " + std::to_string(number),
          .references = number + 2,
          .bytes_held = number + 3,
          .unsealed_bytes = number + 4,
          .origin = {static_cast<std::int32_t>(number + 5), "host " + std::to_string(number), "pod"}};
}

Refusal some_refusal() {
  Refusal refusal;
  refusal.ago = std::chrono::milliseconds(1);
  refusal.id = ObjectId::random();
  refusal.size = 2;
  refusal.code = Errc::too_large;
  refusal.reason = "three";
  refusal.by = some_use(400);
  refusal.free_bytes = 5;
  refusal.largest_free_extent = 6;
  refusal.holders = {some_use(700), some_use(800)};
  return refusal;
}

ObjectMetadata some_metadata() {
  ObjectMetadata object;
  object.id = ObjectId::random();
  object.data_size = 1;
  object.metadata_size = 2;
  object.state = ObjectState::sealed;
  object.created_at = ObjectMetadata::Clock::time_point(std::chrono::seconds(3));
  object.sealed_at = ObjectMetadata::Clock::time_point(std::chrono::seconds(4));
  object.last_accessed = ObjectMetadata::Clock::time_point(std::chrono::seconds(5));
  object.ref_count = 6;
  object.type_tag = 7;
  object.type_name = "eight";
  object.is_pinned = true;
  object.time_to_live = std::chrono::milliseconds(9);
  object.time_to_idle = std::chrono::milliseconds(10);
  object.creator_pid = 11;
  object.grace_left = std::chrono::milliseconds(13);
  object.grace_readers_left = 14;
  object.seal_stamp = 15;
  object.retention = dolium::Retention::keep;
  object.place = dolium::ObjectPlace::disk;
  object.creator_command = "twelve";
  object.holders = {some_use(100), some_use(200)};
  object.waiters = {some_use(300)};
  object.label = "thirteen";
  return object;
}

}  // namespace

TEST_CASE("an id comes back from the wire as it went") {
  const ObjectId id = ObjectId::random();
  CHECK(from_wire(to_wire(id)) == id);
  CHECK(from_wire(*to_wire_pointer(id)) == id);
}

TEST_CASE("an error of each kind comes back with its code and its words") {
  for (int code = 0; code <= static_cast<int>(Errc::system_error); ++code) {
    Wire wire;
    const Error sent{static_cast<Errc>(code), "what happened, and what to do",
                     static_cast<dolium::RefusalCause>(code % (static_cast<int>(dolium::RefusalCause::disk) + 1))};
    CHECK(from_wire(through_the_wire<ErrorReply>(wire.encoder, wire.payload, to_wire(sent))) == sent);
  }
}

TEST_CASE("an object's metadata come back member by member") {
  Wire wire;
  const ObjectMetadata sent = some_metadata();
  MetadataReplyT reply;
  reply.object = to_wire(sent);
  const ObjectMetadata got =
      from_wire(*through_the_wire<MetadataReply>(wire.encoder, wire.payload, std::move(reply)).object());
  CHECK(got.id == sent.id);
  CHECK(got.data_size == sent.data_size);
  CHECK(got.metadata_size == sent.metadata_size);
  CHECK(got.state == sent.state);
  CHECK(got.created_at == sent.created_at);
  CHECK(got.sealed_at == sent.sealed_at);
  CHECK(got.last_accessed == sent.last_accessed);
  CHECK(got.ref_count == sent.ref_count);
  CHECK(got.type_tag == sent.type_tag);
  CHECK(got.type_name == sent.type_name);
  CHECK(got.is_pinned == sent.is_pinned);
  CHECK(got.time_to_live == sent.time_to_live);
  CHECK(got.time_to_idle == sent.time_to_idle);
  CHECK(got.creator_pid == sent.creator_pid);
  CHECK(got.grace_left == sent.grace_left);
  CHECK(got.grace_readers_left == sent.grace_readers_left);
  CHECK(got.seal_stamp == sent.seal_stamp);
  CHECK(got.retention == sent.retention);
  CHECK(got.place == sent.place);
  CHECK(got.creator_command == sent.creator_command);
  CHECK(got.holders == sent.holders);
  CHECK(got.waiters == sent.waiters);
  CHECK(got.label == sent.label);
}

TEST_CASE("the spill tier's figures come back member by member") {
  StoreStats sent;
  SpillTierStats& tier = sent.tier.emplace();
  std::uint64_t number = 100;
  for (std::uint64_t* member :
       {&tier.writing_count, &tier.writing_bytes, &tier.reading_bytes, &tier.damaged_count, &tier.unreadable_count,
        &tier.lost_records, &tier.capacity_bytes, &tier.used_bytes, &tier.live_bytes, &tier.records, &tier.files,
        &tier.written_bytes, &tier.read_bytes, &tier.compacted_bytes, &tier.write_errors, &tier.read_errors})
    *member = number++;
  tier.state = SpillTierState::stalled;
  tier.reason = "why";
  tier.pid = 5;
  tier.directory = "/d";
  tier.io = "threads";
  tier.connected_for = std::chrono::milliseconds(6);
  tier.oldest_work = std::chrono::milliseconds(7);
  tier.last_sync = std::chrono::nanoseconds(8);
  Wire wire;
  const StoreStats got = from_wire(through_the_wire<StatsReply>(wire.encoder, wire.payload, to_wire(sent)));
  REQUIRE(got.tier);
  CHECK(*got.tier == tier);
  Wire without;
  CHECK_FALSE(from_wire(through_the_wire<StatsReply>(without.encoder, without.payload, to_wire(StoreStats()))).tier);
}

TEST_CASE("statistics come back member by member") {
  // All members but the histogram are 8-byte words: number them, so that two that are swapped show.
  StoreStats sent;
  sent.size_histogram = {{64, 1}, {256, 2}};
  std::uint64_t number = 100;
  for (std::uint64_t* member :
       {&sent.total_objects,  &sent.total_size,          &sent.capacity,          &sent.used_bytes,
        &sent.free_bytes,     &sent.largest_free_extent, &sent.padding_bytes,     &sent.reserved_bytes,
        &sent.max_objects,    &sent.pinned_count,        &sent.pinned_bytes,      &sent.in_use_count,
        &sent.in_use_bytes,   &sent.unsealed_count,      &sent.unsealed_bytes,    &sent.retired_count,
        &sent.retired_bytes,  &sent.quarantined_count,   &sent.quarantined_bytes, &sent.evictable_bytes,
        &sent.get_count,      &sent.hit_count,           &sent.miss_count,        &sent.put_count,
        &sent.eviction_count, &sent.evicted_bytes,       &sent.relocation_count,  &sent.relocated_bytes,
        &sent.expired_count,  &sent.removed_count,       &sent.aborted_count,     &sent.out_of_memory_count,
        &sent.client_count,   &sent.waiting_gets,        &sent.waiting_creates,   &sent.graced_count,
        &sent.graced_bytes,   &sent.dirty_count,         &sent.dirty_bytes,       &sent.clean_count,
        &sent.clean_bytes,    &sent.spilled_count,       &sent.spilled_bytes,     &sent.reading_count,
        &sent.spill_count,    &sent.read_back_count})
    *member = number++;
  sent.uptime = std::chrono::milliseconds(number);
  sent.obstacles = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  sent.last_refusal = some_refusal();
  sent.last_refusal->cause = dolium::RefusalCause::objects;
  sent.last_refusal->obstacles = {11, 12, 13, 14, 15, 16, 17, 18, 19};
  sent.last_refusal->by.leased_bytes = 9;
  sent.server_pid = 31;
  sent.pid_namespace = 4'026'531'836;
  sent.server_version = "1.2.3";
  sent.eviction_policy = EvictionPolicy::adaptive;
  Wire wire;
  const StoreStats got = from_wire(through_the_wire<StatsReply>(wire.encoder, wire.payload, to_wire(sent)));
  CHECK(got.size_histogram == sent.size_histogram);
  CHECK(got.total_objects == sent.total_objects);
  CHECK(got.capacity == sent.capacity);
  CHECK(got.used_bytes == sent.used_bytes);
  CHECK(got.free_bytes == sent.free_bytes);
  CHECK(got.largest_free_extent == sent.largest_free_extent);
  CHECK(got.reserved_bytes == sent.reserved_bytes);
  CHECK(got.in_use_bytes == sent.in_use_bytes);
  CHECK(got.retired_count == sent.retired_count);
  CHECK(got.dirty_bytes == sent.dirty_bytes);
  CHECK(got.clean_count == sent.clean_count);
  CHECK(got.spilled_count == sent.spilled_count);
  CHECK(got.spilled_bytes == sent.spilled_bytes);
  CHECK(got.reading_count == sent.reading_count);
  CHECK(got.read_back_count == sent.read_back_count);
  CHECK(got.quarantined_count == sent.quarantined_count);
  CHECK(got.quarantined_bytes == sent.quarantined_bytes);
  CHECK(got.evictable_bytes == sent.evictable_bytes);
  CHECK(got.miss_count == sent.miss_count);
  CHECK(got.evicted_bytes == sent.evicted_bytes);
  CHECK(got.relocation_count == sent.relocation_count);
  CHECK(got.relocated_bytes == sent.relocated_bytes);
  CHECK(got.out_of_memory_count == sent.out_of_memory_count);
  CHECK(got.waiting_creates == sent.waiting_creates);
  CHECK(got.uptime == sent.uptime);
  REQUIRE(got.last_refusal.has_value());
  CHECK(got.last_refusal->ago == sent.last_refusal->ago);
  CHECK(got.last_refusal->id == sent.last_refusal->id);
  CHECK(got.last_refusal->size == sent.last_refusal->size);
  CHECK(got.last_refusal->code == sent.last_refusal->code);
  CHECK(got.last_refusal->cause == sent.last_refusal->cause);
  CHECK(got.last_refusal->reason == sent.last_refusal->reason);
  CHECK(got.last_refusal->obstacles == sent.last_refusal->obstacles);
  CHECK(got.obstacles == sent.obstacles);
  CHECK(got.last_refusal->by == sent.last_refusal->by);
  CHECK(got.last_refusal->free_bytes == sent.last_refusal->free_bytes);
  CHECK(got.last_refusal->largest_free_extent == sent.last_refusal->largest_free_extent);
  CHECK(got.last_refusal->holders == sent.last_refusal->holders);
  CHECK(got.server_pid == sent.server_pid);
  CHECK(got.pid_namespace == sent.pid_namespace);
  CHECK(got.server_version == sent.server_version);
  CHECK(got.eviction_policy == sent.eviction_policy);
  // Whatever the list of members above forgets: packing what came back gives the same bytes again.
  Wire again;
  through_the_wire<StatsReply>(again.encoder, again.payload, to_wire(got));
  CHECK(again.payload == wire.payload);
}

TEST_CASE("a client's description comes back member by member") {
  ClientInfo sent;
  sent.session_id = 1;
  sent.pid = 2;
  sent.uid = 3;
  sent.origin = {17, "web-1", "trainer-0"};
  sent.command = "four";
  sent.user = "five";
  sent.name = "six";
  sent.access = Access::read_only;
  sent.references = 7;
  sent.objects_held = 8;
  sent.bytes_held = 9;
  sent.unsealed_count = 10;
  sent.unsealed_bytes = 11;
  sent.hits = 12;
  sent.misses = 13;
  sent.waiting_gets = 14;
  sent.waiting_creates = 15;
  sent.connected_for = std::chrono::milliseconds(16);
  sent.quarantined = true;
  sent.graced_count = 18;
  sent.graced_bytes = 19;
  Wire wire;
  ClientsReplyT reply;
  reply.clients.push_back(to_wire(sent));
  const ClientsReply& received = through_the_wire<ClientsReply>(wire.encoder, wire.payload, std::move(reply));
  const ClientInfo got = from_wire(*received.clients()->Get(0));
  CHECK(got.origin == sent.origin);
  CHECK(std::tie(got.session_id, got.pid, got.uid, got.command, got.user, got.name, got.access) ==
        std::tie(sent.session_id, sent.pid, sent.uid, sent.command, sent.user, sent.name, sent.access));
  CHECK(std::tie(got.references, got.objects_held, got.bytes_held, got.unsealed_count, got.unsealed_bytes) ==
        std::tie(sent.references, sent.objects_held, sent.bytes_held, sent.unsealed_count, sent.unsealed_bytes));
  CHECK(std::tie(got.graced_count, got.graced_bytes) == std::tie(sent.graced_count, sent.graced_bytes));
  CHECK(
      std::tie(got.hits, got.misses, got.waiting_gets, got.waiting_creates, got.connected_for, got.quarantined) ==
      std::tie(sent.hits, sent.misses, sent.waiting_gets, sent.waiting_creates, sent.connected_for, sent.quarantined));
}

TEST_CASE("an event of each kind comes back; an overflow needs no id") {
  for (const Event::Kind kind : {Event::Kind::sealed, Event::Kind::removed, Event::Kind::overflow}) {
    Event sent;
    sent.kind = kind;
    if (kind != Event::Kind::overflow) sent.id = ObjectId::random();
    sent.data_size = 1;
    sent.metadata_size = 2;
    sent.cause = dolium::RemovalCause::expired;
    sent.label = "three";
    Wire wire;
    EventNoticeT notice;
    notice.events.push_back(to_wire(sent));
    const EventNotice& received = through_the_wire<EventNotice>(wire.encoder, wire.payload, std::move(notice));
    const Event got = from_wire(*received.events()->Get(0));
    CHECK(std::tie(got.kind, got.id, got.data_size, got.metadata_size, got.cause, got.label) ==
          std::tie(sent.kind, sent.id, sent.data_size, sent.metadata_size, sent.cause, sent.label));
  }
}

TEST_CASE("a list's filter comes back member by member") {
  for (const std::optional<ObjectState> state :
       {std::optional<ObjectState>(), std::optional(ObjectState::sealed), std::optional(ObjectState::unsealed)}) {
    const ObjectFilter sent{.label_prefix = "a", .type_name = "b", .state = state, .creator_pid = 3};
    Encoder encoder;
    const auto frame = encoder.encode(1, to_wire(sent)).value();
    const std::vector<std::byte> payload(frame.begin() + kFrameHeaderBytes, frame.end());
    CHECK(from_wire(*decode<RequestFrame>(payload).value()->body_as_ListRequest()) == sent);
  }
}

TEST_CASE("what a peer left out is the type's default") {
  CHECK(from_wire(static_cast<const flatbuffers::String*>(nullptr)).empty());
  CHECK(from_wire(static_cast<const flatbuffers::Vector<std::uint8_t>*>(nullptr)).empty());
  Wire wire;
  EventNoticeT notice;
  notice.events.push_back(std::make_unique<EventRowT>());
  const EventNotice& received = through_the_wire<EventNotice>(wire.encoder, wire.payload, std::move(notice));
  CHECK(from_wire(*received.events()->Get(0)).id == ObjectId());
}

}  // namespace dolium::protocol
