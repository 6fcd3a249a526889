#include "protocol/convert.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dolium::protocol {
namespace {

// The enums of the messages and of the public types have the same numbers.
static_assert(static_cast<int>(ErrorCode::not_found) == static_cast<int>(Errc::not_found));
static_assert(static_cast<int>(ErrorCode::already_exists) == static_cast<int>(Errc::already_exists));
static_assert(static_cast<int>(ErrorCode::not_sealed) == static_cast<int>(Errc::not_sealed));
static_assert(static_cast<int>(ErrorCode::already_sealed) == static_cast<int>(Errc::already_sealed));
static_assert(static_cast<int>(ErrorCode::out_of_memory) == static_cast<int>(Errc::out_of_memory));
static_assert(static_cast<int>(ErrorCode::too_large) == static_cast<int>(Errc::too_large));
static_assert(static_cast<int>(ErrorCode::timed_out) == static_cast<int>(Errc::timed_out));
static_assert(static_cast<int>(ErrorCode::type_mismatch) == static_cast<int>(Errc::type_mismatch));
static_assert(static_cast<int>(ErrorCode::invalid_argument) == static_cast<int>(Errc::invalid_argument));
static_assert(static_cast<int>(ErrorCode::permission_denied) == static_cast<int>(Errc::permission_denied));
static_assert(static_cast<int>(ErrorCode::disconnected) == static_cast<int>(Errc::disconnected));
static_assert(static_cast<int>(ErrorCode::protocol_error) == static_cast<int>(Errc::protocol_error));
static_assert(static_cast<int>(ErrorCode::system_error) == static_cast<int>(Errc::system_error));
static_assert(static_cast<int>(ErrorCode::tier_unavailable) == static_cast<int>(Errc::tier_unavailable));
static_assert(static_cast<int>(AccessMode::read_only) == static_cast<int>(Access::read_only));
static_assert(static_cast<int>(ObjectPhase::sealed) == static_cast<int>(ObjectState::sealed));
static_assert(static_cast<int>(EventKind::removed) == static_cast<int>(Event::Kind::removed));
static_assert(static_cast<int>(EventKind::overflow) == static_cast<int>(Event::Kind::overflow));
static_assert(static_cast<int>(RemovalCause::evicted) == static_cast<int>(dolium::RemovalCause::evicted));
static_assert(static_cast<int>(RemovalCause::expired) == static_cast<int>(dolium::RemovalCause::expired));
static_assert(static_cast<int>(RemovalCause::cleared) == static_cast<int>(dolium::RemovalCause::cleared));
static_assert(static_cast<int>(RemovalCause::lost) == static_cast<int>(dolium::RemovalCause::lost));
static_assert(static_cast<int>(Retention::keep) == static_cast<int>(dolium::Retention::keep));
static_assert(static_cast<int>(ObjectPlace::memory_and_disk) == static_cast<int>(dolium::ObjectPlace::memory_and_disk));
static_assert(static_cast<int>(ObjectPlace::MAX) == static_cast<int>(dolium::ObjectPlace::reading_back));
static_assert(static_cast<std::size_t>(EvictionPolicyKind::MAX) + 1 == kEvictionPolicyNames.size());
static_assert(static_cast<int>(TierStateKind::full) == static_cast<int>(SpillTierState::full));
static_assert(static_cast<int>(TierStateKind::MAX) == static_cast<int>(SpillTierState::stalled));
static_assert(static_cast<int>(RefusalCause::room) == static_cast<int>(dolium::RefusalCause::room));
static_assert(static_cast<int>(RefusalCause::objects) == static_cast<int>(dolium::RefusalCause::objects));
static_assert(static_cast<int>(RefusalCause::pins) == static_cast<int>(dolium::RefusalCause::pins));
static_assert(static_cast<int>(RefusalCause::writing) == static_cast<int>(dolium::RefusalCause::writing));
static_assert(static_cast<int>(RefusalCause::capacity) == static_cast<int>(dolium::RefusalCause::capacity));
static_assert(static_cast<int>(RefusalCause::description) == static_cast<int>(dolium::RefusalCause::description));
static_assert(static_cast<int>(RefusalCause::memory) == static_cast<int>(dolium::RefusalCause::memory));
static_assert(static_cast<int>(RefusalCause::disk) == static_cast<int>(dolium::RefusalCause::disk));
static_assert(static_cast<int>(RefusalCause::MAX) == static_cast<int>(dolium::RefusalCause::disk));

std::int64_t to_ns(ObjectMetadata::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

ObjectMetadata::Clock::time_point from_ns(std::int64_t nanoseconds) {
  using Duration = ObjectMetadata::Clock::duration;
  return ObjectMetadata::Clock::time_point(std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(nanoseconds)));
}

}  // namespace

std::chrono::milliseconds from_ms(std::uint64_t ms) noexcept {
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(ms, INT64_MAX)));
}

std::uint64_t to_ms(std::chrono::milliseconds duration) noexcept {
  return static_cast<std::uint64_t>(duration.count());
}

ObjectId from_wire(const Id& id) noexcept {
  std::array<unsigned char, ObjectId::kSize> bytes;
  std::memcpy(bytes.data(), id.bytes()->Data(), bytes.size());
  return std::bit_cast<ObjectId>(bytes);
}

Id to_wire(const ObjectId& id) noexcept {
  return std::bit_cast<Id>(id.bytes());
}

std::unique_ptr<Id> to_wire_pointer(const ObjectId& id) {
  return std::make_unique<Id>(to_wire(id));
}

std::string from_wire(const flatbuffers::String* text) {
  return text == nullptr ? std::string() : text->str();
}

std::span<const std::byte> from_wire(const flatbuffers::Vector<std::uint8_t>* bytes) noexcept {
  if (bytes == nullptr) return {};
  return std::as_bytes(std::span(bytes->data(), bytes->size()));
}

std::vector<std::uint8_t> to_wire(std::span<const std::byte> bytes) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {begin, begin + bytes.size()};
}

Error to_error(ErrorCode code, const flatbuffers::String* message, RefusalCause cause) {
  if (code > ErrorCode::MAX)
    return {Errc::protocol_error, "the daemon sent an error of an unknown kind: " + from_wire(message)};
  return {static_cast<Errc>(code), from_wire(message), from_wire(cause)};
}

dolium::RefusalCause from_wire(RefusalCause cause) noexcept {
  return cause <= RefusalCause::MAX ? static_cast<dolium::RefusalCause>(cause) : dolium::RefusalCause::none;
}

dolium::Retention from_wire(Retention retention) noexcept {
  return retention <= Retention::MAX ? static_cast<dolium::Retention>(retention) : dolium::Retention::store_default;
}

ErrorReplyT to_wire(const Error& error) {
  ErrorReplyT reply;
  set_error(reply, error);
  return reply;
}

ClientOrigin from_wire(const Origin* origin) {
  if (origin == nullptr) return {};
  return {origin->pid(), from_wire(origin->host()), from_wire(origin->pod())};
}

std::unique_ptr<OriginT> to_wire(const ClientOrigin& origin) {
  auto out = std::make_unique<OriginT>();
  out->pid = origin.pid;
  out->host = origin.host;
  out->pod = origin.pod;
  return out;
}

ObjectMetadata from_wire(const ObjectInfo& info) {
  ObjectMetadata out;
  out.id = from_wire(*info.id());
  out.data_size = info.data_size();
  out.metadata_size = info.metadata_size();
  out.state = info.phase() == ObjectPhase::sealed ? ObjectState::sealed : ObjectState::unsealed;
  out.created_at = from_ns(info.created_at_ns());
  out.sealed_at = from_ns(info.sealed_at_ns());
  out.last_accessed = from_ns(info.last_accessed_ns());
  out.ref_count = info.ref_count();
  out.type_tag = info.type_tag();
  out.type_name = from_wire(info.type_name());
  out.is_pinned = info.is_pinned();
  out.time_to_live = from_ms(info.time_to_live_ms());
  out.time_to_idle = from_ms(info.time_to_idle_ms());
  out.creator_pid = info.creator_pid();
  out.creator_command = from_wire(info.creator_command());
  out.holders = from_wire(info.holders());
  out.waiters = from_wire(info.waiters());
  out.label = from_wire(info.label());
  out.grace_left = from_ms(info.grace_left_ms());
  out.grace_readers_left = info.grace_readers_left();
  out.seal_stamp = info.seal_stamp();
  if (info.retention() <= Retention::MAX) out.retention = static_cast<dolium::Retention>(info.retention());
  if (info.place() <= ObjectPlace::MAX) out.place = static_cast<dolium::ObjectPlace>(info.place());
  return out;
}

std::unique_ptr<ObjectInfoT> to_wire(const ObjectMetadata& metadata) {
  auto info = std::make_unique<ObjectInfoT>();
  info->id = to_wire_pointer(metadata.id);
  info->data_size = metadata.data_size;
  info->metadata_size = metadata.metadata_size;
  info->phase = static_cast<ObjectPhase>(metadata.state);
  info->created_at_ns = to_ns(metadata.created_at);
  info->sealed_at_ns = to_ns(metadata.sealed_at);
  info->last_accessed_ns = to_ns(metadata.last_accessed);
  info->ref_count = metadata.ref_count;
  info->type_tag = metadata.type_tag;
  info->type_name = metadata.type_name;
  info->is_pinned = metadata.is_pinned;
  info->time_to_live_ms = to_ms(metadata.time_to_live);
  info->time_to_idle_ms = to_ms(metadata.time_to_idle);
  info->creator_pid = metadata.creator_pid;
  info->creator_command = metadata.creator_command;
  info->holders = to_wire(metadata.holders);
  info->waiters = to_wire(metadata.waiters);
  info->label = metadata.label;
  info->grace_left_ms = static_cast<std::uint32_t>(to_ms(metadata.grace_left));
  info->grace_readers_left = metadata.grace_readers_left;
  info->seal_stamp = metadata.seal_stamp;
  info->retention = static_cast<Retention>(metadata.retention);
  info->place = static_cast<ObjectPlace>(metadata.place);
  return info;
}

ObjectFilter from_wire(const ListRequest& request) {
  ObjectFilter filter;
  filter.label_prefix = from_wire(request.label_prefix());
  filter.type_name = from_wire(request.type_name());
  if (request.phase() == PhaseFilter::sealed) filter.state = ObjectState::sealed;
  if (request.phase() == PhaseFilter::unsealed) filter.state = ObjectState::unsealed;
  filter.creator_pid = request.creator_pid();
  return filter;
}

ListRequestT to_wire(const ObjectFilter& filter) {
  ListRequestT request;
  request.label_prefix = filter.label_prefix;
  request.type_name = filter.type_name;
  if (filter.state) request.phase = *filter.state == ObjectState::sealed ? PhaseFilter::sealed : PhaseFilter::unsealed;
  request.creator_pid = filter.creator_pid;
  return request;
}

Event from_wire(const EventRow& row) {
  Event event;
  if (row.kind() <= EventKind::MAX) event.kind = static_cast<Event::Kind>(row.kind());
  if (row.cause() <= RemovalCause::MAX) event.cause = static_cast<dolium::RemovalCause>(row.cause());
  if (row.id() != nullptr) event.id = from_wire(*row.id());
  event.data_size = row.data_size();
  event.metadata_size = row.metadata_size();
  event.label = from_wire(row.label());
  return event;
}

std::unique_ptr<EventRowT> to_wire(const Event& event) {
  auto row = std::make_unique<EventRowT>();
  row->kind = static_cast<EventKind>(event.kind);
  row->cause = static_cast<RemovalCause>(event.cause);
  if (event.kind != Event::Kind::overflow) row->id = to_wire_pointer(event.id);
  row->data_size = event.data_size;
  row->metadata_size = event.metadata_size;
  row->label = event.label;
  return row;
}

}  // namespace dolium::protocol
