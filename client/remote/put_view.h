#pragma once
// Puts as the caller gave them, and the messages that are encoded directly from them. All of these are views of the
// caller's bytes and options, which ObjectStore has checked.

#include <cstring>
#include <span>

#include <dolium/options.h>

#include "client/mapped/new_object.h"
#include "protocol/codec.h"
#include "protocol/convert.h"

namespace dolium::detail {

static_assert(kInlinePutLimit <= UINT32_MAX && kMaxMetadata <= UINT32_MAX && kMaxTypeName <= UINT8_MAX &&
                  kMaxLabel <= UINT8_MAX,
              "the sizes of an object that is put fit into a PutHead");

/// One object to be put.
struct PutView {
  shm::NewObject object;
  std::span<const std::byte> data;
  const CreateOptions* options;

  /// The fixed part of a put on the wire; the rest follows as bytes.
  [[nodiscard]] protocol::PutHead head() const {
    return {protocol::to_wire(object.id),
            static_cast<std::uint8_t>(object.type_name.size()),
            object.pinned,
            static_cast<std::uint8_t>(object.label.size()),
            static_cast<protocol::Retention>(object.retention),
            static_cast<std::uint32_t>(object.data_size),
            object.metadata_size,
            object.type_tag,
            static_cast<std::uint64_t>(options->time_to_live.count()),
            static_cast<std::uint64_t>(options->time_to_idle.count()),
            static_cast<std::uint32_t>(options->grace.count()),
            options->grace_readers};
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return shm::total_size(object); }
  /// Copies so many bytes: data, metadata, type name, label.
  void write(std::byte* to) const noexcept {
    for (const std::span<const std::byte> part : {data, options->metadata, std::as_bytes(std::span(object.type_name)),
                                                  std::as_bytes(std::span(object.label))}) {
      if (!part.empty()) std::memcpy(to, part.data(), part.size());
      to += part.size();
    }
  }
};

[[nodiscard]] inline PutView view(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options) {
  return {new_object(id, data.size(), options), data, &options};
}

[[nodiscard]] inline flatbuffers::Offset<flatbuffers::Vector<const protocol::PutHead*>> build_heads(
    flatbuffers::FlatBufferBuilder& builder, std::span<const PutView> puts) {
  return builder.CreateVectorOfStructs<protocol::PutHead>(
      puts.size(), [](std::size_t i, protocol::PutHead* head, const PutView* put) { *head = put[i].head(); },
      puts.data());
}

struct PutsView {
  using Message = protocol::PutRequest;
  std::span<const PutView> puts;
  bool hold = false;  // of a single put only, as is the next
  std::uint64_t timeout_ns = 0;
  bool deferred = false;

  [[nodiscard]] flatbuffers::Offset<Message> build(flatbuffers::FlatBufferBuilder& builder) const {
    std::size_t size = 0;
    for (const PutView& put : puts) size += put.size();
    std::uint8_t* to = nullptr;
    const auto bytes = builder.CreateUninitializedVector(size, &to);
    for (const PutView& put : puts) {
      put.write(reinterpret_cast<std::byte*>(to));
      to += put.size();
    }
    const auto heads = build_heads(builder, puts);
    return protocol::CreatePutRequest(builder, heads, bytes, hold, timeout_ns, deferred);
  }
};

/// Puts whose bytes were written to a lease that had `left` bytes.
struct PutLeasedView {
  using Message = protocol::PutLeasedRequest;
  ObjectId lease;
  std::uint64_t left;
  std::span<const PutView> puts;
  bool deferred;

  [[nodiscard]] flatbuffers::Offset<Message> build(flatbuffers::FlatBufferBuilder& builder) const {
    const auto heads = build_heads(builder, puts);
    const protocol::Id id = protocol::to_wire(lease);
    return protocol::CreatePutLeasedRequest(builder, &id, left, heads, deferred);
  }
};

}  // namespace dolium::detail
