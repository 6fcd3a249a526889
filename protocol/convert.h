#pragma once
// Between the messages and the public types: the one place where their members are listed side by side.
//
// from_wire() takes accessors of verified messages: sizes and offsets hold, but a peer may have left out a
// table, and an enum may carry any number. What is left out, or has no name here, is the type's default.

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/result.h>
#include <dolium/stats.h>

#include "messages_generated.h"

namespace dolium::protocol {

[[nodiscard]] ObjectId from_wire(const Id& id) noexcept;
[[nodiscard]] Id to_wire(const ObjectId& id) noexcept;
/// For the object API, whose required structs are pointers.
[[nodiscard]] std::unique_ptr<Id> to_wire_pointer(const ObjectId& id);

/// Cut to what a duration can hold.
[[nodiscard]] std::chrono::milliseconds from_ms(std::uint64_t ms) noexcept;

[[nodiscard]] Error from_wire(const ErrorReply& reply);
/// `none` for what this side does not know.
[[nodiscard]] dolium::RefusalCause from_wire(RefusalCause cause) noexcept;
[[nodiscard]] ErrorReplyT to_wire(const Error& error);

[[nodiscard]] ObjectMetadata from_wire(const ObjectInfo& info);
[[nodiscard]] std::unique_ptr<ObjectInfoT> to_wire(const ObjectMetadata& metadata);

[[nodiscard]] StoreStats from_wire(const StatsReply& reply);
[[nodiscard]] StatsReplyT to_wire(const StoreStats& stats);

/// From nullptr: nothing was said.
[[nodiscard]] ClientOrigin from_wire(const Origin* origin);
[[nodiscard]] std::unique_ptr<OriginT> to_wire(const ClientOrigin& origin);
[[nodiscard]] ClientInfo from_wire(const ClientRow& row);
[[nodiscard]] std::unique_ptr<ClientRowT> to_wire(const ClientInfo& client);

[[nodiscard]] Event from_wire(const EventRow& row);
[[nodiscard]] std::unique_ptr<EventRowT> to_wire(const Event& event);

[[nodiscard]] std::string from_wire(const flatbuffers::String* text);
[[nodiscard]] std::span<const std::byte> from_wire(const flatbuffers::Vector<std::uint8_t>* bytes) noexcept;
[[nodiscard]] std::vector<std::uint8_t> to_wire(std::span<const std::byte> bytes);

/// How many objects one PutRequest, or PutLeasedRequest, may have: others are served between two.
inline constexpr std::size_t kMaxPutsAtOnce = 256;
/// How large a lease may be.
inline constexpr std::uint64_t kMaxLease = std::uint64_t{1} << 20;

}  // namespace dolium::protocol
