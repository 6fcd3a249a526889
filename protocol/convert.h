#pragma once
// Converts between messages and public types. The members of both are only listed side by side here.
//
// from_wire() takes accessors of verified messages: sizes and offsets are valid, but a peer may have left out a table,
// and an enum may have any number. A missing or unknown value becomes the type's default.

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/result.h>
#include <dolium/retention.h>
#include <dolium/stats.h>

#include "messages_generated.h"

namespace dolium::protocol {

[[nodiscard]] ObjectId from_wire(const Id& id) noexcept;
[[nodiscard]] Id to_wire(const ObjectId& id) noexcept;
/// The same for the object API, where required structs are pointers.
[[nodiscard]] std::unique_ptr<Id> to_wire_pointer(const ObjectId& id);

/// Limited to the maximum of the duration type.
[[nodiscard]] std::chrono::milliseconds from_ms(std::uint64_t ms) noexcept;
[[nodiscard]] std::uint64_t to_ms(std::chrono::milliseconds duration) noexcept;

/// The error of an ErrorReply, a PutFailure or a PutFailedNotice. protocol_error for an unknown code.
[[nodiscard]] Error to_error(ErrorCode code, const flatbuffers::String* message, RefusalCause cause);
template <class Message>
[[nodiscard]] Error error_of(const Message& message) {
  return to_error(message.code(), message.message(), message.cause());
}
/// Writes an error into such a message.
template <class Message>
void set_error(Message& message, const Error& error) {
  message.code = static_cast<ErrorCode>(error.code);
  message.message = error.message;
  message.cause = static_cast<RefusalCause>(error.cause);
}
[[nodiscard]] inline Error from_wire(const ErrorReply& reply) {
  return error_of(reply);
}
/// `none` for a cause that this side does not know.
[[nodiscard]] dolium::RefusalCause from_wire(RefusalCause cause) noexcept;
[[nodiscard]] ErrorReplyT to_wire(const Error& error);
/// `store_default` for a retention that this side does not know.
[[nodiscard]] dolium::Retention from_wire(Retention retention) noexcept;

[[nodiscard]] ObjectMetadata from_wire(const ObjectInfo& info);
[[nodiscard]] std::unique_ptr<ObjectInfoT> to_wire(const ObjectMetadata& metadata);

/// An unknown phase means any.
[[nodiscard]] ObjectFilter from_wire(const ListRequest& request);
[[nodiscard]] ListRequestT to_wire(const ObjectFilter& filter);

[[nodiscard]] StoreStats from_wire(const StatsReply& reply);
[[nodiscard]] StatsReplyT to_wire(const StoreStats& stats);

/// nullptr gives an empty origin.
[[nodiscard]] ClientOrigin from_wire(const Origin* origin);
[[nodiscard]] std::unique_ptr<OriginT> to_wire(const ClientOrigin& origin);
[[nodiscard]] std::vector<ClientUse> from_wire(const flatbuffers::Vector<flatbuffers::Offset<UseRow>>* rows);
[[nodiscard]] std::vector<std::unique_ptr<UseRowT>> to_wire(const std::vector<ClientUse>& uses);
[[nodiscard]] ClientInfo from_wire(const ClientRow& row);
[[nodiscard]] std::unique_ptr<ClientRowT> to_wire(const ClientInfo& client);

[[nodiscard]] Event from_wire(const EventRow& row);
[[nodiscard]] std::unique_ptr<EventRowT> to_wire(const Event& event);

[[nodiscard]] std::string from_wire(const flatbuffers::String* text);
[[nodiscard]] std::span<const std::byte> from_wire(const flatbuffers::Vector<std::uint8_t>* bytes) noexcept;
[[nodiscard]] std::vector<std::uint8_t> to_wire(std::span<const std::byte> bytes);

/// Maximum number of objects in one PutRequest or PutLeasedRequest. Other clients are served between two requests.
inline constexpr std::size_t kMaxPutsAtOnce = 256;
/// Maximum size of a lease, in bytes.
inline constexpr std::uint64_t kMaxLease = std::uint64_t{1} << 20;

}  // namespace dolium::protocol
