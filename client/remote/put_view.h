#pragma once
// Puts as the caller gave them, and the messages that are encoded straight from them. All of it views the caller's
// bytes and options, which ObjectStore has checked.

#include <cstring>
#include <span>

#include <dolium/options.h>

#include "client/mapped/new_object.h"
#include "protocol/codec.h"
#include "protocol/convert.h"

namespace dolium::detail {

static_assert(kInlinePutLimit <= UINT32_MAX && kMaxMetadata <= UINT32_MAX && kMaxTypeName <= UINT8_MAX,
              "the sizes of what is put by many fit into a PutHead");

struct PutView {
  using Message = protocol::PutRequest;
  shm::NewObject object;
  std::span<const std::byte> data;
  const CreateOptions* options;
  bool hold = false;
  std::uint64_t timeout_ns = 0;

  [[nodiscard]] flatbuffers::Offset<Message> build(flatbuffers::FlatBufferBuilder& builder) const {
    const auto bytes = [&builder](std::span<const std::byte> from) {
      return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(from.data()), from.size());
    };
    const auto content = bytes(data);
    const auto metadata = bytes(options->metadata);
    const auto name = options->type_name.empty()
                          ? flatbuffers::Offset<flatbuffers::String>()
                          : builder.CreateString(options->type_name.data(), options->type_name.size());
    const protocol::Id id = protocol::to_wire(object.id);
    const auto made =
        protocol::CreateNewObject(builder, &id, object.data_size, object.metadata_size, object.type_tag, name,
                                  object.pinned, static_cast<std::uint64_t>(options->time_to_live.count()),
                                  static_cast<std::uint64_t>(options->time_to_idle.count()));
    return protocol::CreatePutRequest(builder, made, content, metadata, hold, timeout_ns);
  }

  /// As one of many: what stands in the head, and what stands elsewhere.
  [[nodiscard]] protocol::PutHead head() const {
    return {protocol::to_wire(object.id),
            static_cast<std::uint8_t>(object.type_name.size()),
            object.pinned,
            static_cast<std::uint32_t>(object.data_size),
            object.metadata_size,
            object.type_tag,
            static_cast<std::uint64_t>(options->time_to_live.count()),
            static_cast<std::uint64_t>(options->time_to_idle.count())};
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return shm::total_size(object); }
  /// Copies so many bytes: data, metadata, type name.
  void write(std::byte* to) const noexcept {
    for (const std::span<const std::byte> part :
         {data, options->metadata, std::as_bytes(std::span(object.type_name))}) {
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

struct PutManyView {
  using Message = protocol::PutManyRequest;
  std::span<const PutView> puts;

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
    return protocol::CreatePutManyRequest(builder, heads, bytes);
  }
};

struct PutDeferredView {
  using Message = protocol::PutDeferredRequest;
  PutView put;

  [[nodiscard]] flatbuffers::Offset<Message> build(flatbuffers::FlatBufferBuilder& builder) const {
    return protocol::CreatePutDeferredRequest(builder, put.build(builder));
  }
};

/// Of puts whose bytes were written to a lease that had `left` bytes.
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
