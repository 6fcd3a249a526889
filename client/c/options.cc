#include "client/c/options.h"

#include <fmt/format.h>

#include <string>

#include "client/c/handles.h"
#include "client/c/sized.h"
#include "shm/types/type_names.h"

namespace dolium::c {
namespace {

constexpr std::uint32_t kConnectFlags =
    DOLIUM_CONNECT_READ_ONLY | DOLIUM_CONNECT_NO_RINGS | DOLIUM_CONNECT_NO_FOLLOW_FORK | DOLIUM_CONNECT_RECONNECT;
constexpr std::uint32_t kOpenFlags = DOLIUM_OPEN_NO_RELOCATION | DOLIUM_OPEN_PREALLOCATE | DOLIUM_OPEN_HUGE_PAGES;
constexpr std::uint32_t kCreateFlags = DOLIUM_CREATE_PINNED;

void check_flags(const char* name, std::uint32_t given, std::uint32_t known) {
  if ((given & ~known) != 0)
    throw Misuse(
        fmt::format("{} are {:#x}; this library knows {:#x}: clear the struct before you fill it", name, given, known));
}

void check_reserved(const char* name, std::uint64_t given) {
  if (given != 0) throw Misuse(fmt::format("a reserved member of the {} is not 0: clear the struct first", name));
}

}  // namespace

std::chrono::milliseconds milliseconds(std::int64_t nanoseconds) noexcept {
  const std::chrono::nanoseconds given(nanoseconds);
  return nanoseconds < 0 ? std::chrono::floor<std::chrono::milliseconds>(given)
                         : std::chrono::ceil<std::chrono::milliseconds>(given);
}

ConnectOptions to_cpp(const dolium_connect_options* given) {
  const auto known = options_of(given);
  check_flags("the flags of the dolium_connect_options", known.flags, kConnectFlags);
  check_reserved("dolium_connect_options", known.reserved);
  ConnectOptions out;
  if ((known.flags & DOLIUM_CONNECT_READ_ONLY) != 0) out.access = Access::read_only;
  out.rings = (known.flags & DOLIUM_CONNECT_NO_RINGS) == 0;
  out.follow_fork = (known.flags & DOLIUM_CONNECT_NO_FOLLOW_FORK) == 0;
  out.name = option_text(known.name, known.name_size);
  if (known.connect_timeout_ns != 0) out.connect_timeout = timeout_of(known.connect_timeout_ns);
  if (known.busy_poll_ns < 0) out.busy_poll = std::chrono::microseconds(0);
  if (known.busy_poll_ns > 0)
    out.busy_poll = std::chrono::ceil<std::chrono::microseconds>(std::chrono::nanoseconds(known.busy_poll_ns));
  return out;
}

bool wants_reconnection(const dolium_connect_options* given) {
  return (options_of(given).flags & DOLIUM_CONNECT_RECONNECT) != 0;
}

StoreConfig to_cpp(const dolium_open_options* given) {
  const auto known = options_of(given);
  check_flags("the flags of the dolium_open_options", known.flags, kOpenFlags);
  check_reserved("dolium_open_options", known.reserved);
  static_assert(DOLIUM_EVICT_ADAPTIVE + 1 == kEvictionPolicyNames.size());
  if (known.eviction_policy < DOLIUM_EVICT_LRU || known.eviction_policy > DOLIUM_EVICT_ADAPTIVE)
    throw Misuse(fmt::format("eviction_policy is {}: take one of DOLIUM_EVICT_...", known.eviction_policy));
  StoreConfig out;
  if (known.capacity != 0) out.capacity = known.capacity;
  out.max_objects = known.max_objects;
  out.eviction_policy = static_cast<EvictionPolicy>(known.eviction_policy);
  out.low_water_mark = known.low_water_mark;
  out.relocation = (known.flags & DOLIUM_OPEN_NO_RELOCATION) == 0;
  out.preallocate = (known.flags & DOLIUM_OPEN_PREALLOCATE) != 0;
  out.huge_pages = (known.flags & DOLIUM_OPEN_HUGE_PAGES) != 0;
  out.max_unsealed_bytes_per_client = known.max_unsealed_bytes_per_client;
  out.max_pinned_bytes_per_user = known.max_pinned_bytes_per_user;
  return out;
}

CreateOptions to_cpp(const dolium_create_options* given) {
  if (given == nullptr) return {};
  const auto known = options_of(given);
  check_flags("the flags of the dolium_create_options", known.flags, kCreateFlags);
  if (known.retention < DOLIUM_RETENTION_DEFAULT || known.retention > DOLIUM_RETENTION_KEEP)
    throw Misuse(fmt::format("retention is {}: take one of DOLIUM_RETENTION_...", known.retention));
  CreateOptions out;
  out.metadata = bytes_of(known.metadata, known.metadata_size, "metadata");
  out.type_tag = known.type_tag;
  out.type_name =
      known.type_name != nullptr ? option_text(known.type_name, known.type_name_size) : known_type_name(known.type_tag);
  out.pinned = (known.flags & DOLIUM_CREATE_PINNED) != 0;
  out.time_to_live = milliseconds(known.time_to_live_ns);
  out.time_to_idle = milliseconds(known.time_to_idle_ns);
  out.grace = milliseconds(known.grace_ns);
  if (known.grace_readers != 0) out.grace_readers = known.grace_readers;
  out.timeout = timeout_of(known.timeout_ns);
  out.copy_threads = known.copy_threads;
  out.retention = static_cast<Retention>(known.retention);
  out.label = option_text(known.label, known.label_size);
  return out;
}

ObjectFilter to_cpp(const dolium_filter* given) {
  const auto known = options_of(given);
  ObjectFilter out;
  out.label_prefix = option_text(known.label_prefix, known.label_prefix_size);
  out.type_name = option_text(known.type_name, known.type_name_size);
  if (known.state < DOLIUM_ANY_STATE || known.state > DOLIUM_SEALED)
    throw Misuse(fmt::format(
        "state of the dolium_filter is {}: take DOLIUM_UNSEALED, DOLIUM_SEALED or DOLIUM_ANY_STATE", known.state));
  if (known.state != DOLIUM_ANY_STATE)
    out.state = known.state == DOLIUM_SEALED ? ObjectState::sealed : ObjectState::unsealed;
  out.creator_pid = known.creator_pid;
  return out;
}

}  // namespace dolium::c
