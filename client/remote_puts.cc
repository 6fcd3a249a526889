#include "client/remote_puts.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <deque>

#include "client/new_object.h"
#include "client/remote_calls.h"

namespace dolium::detail {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

/// What one PutManyRequest carries: it passes through a ring in one go, so that the daemon works on one batch while
/// the next is made.
constexpr std::size_t kBatchBytes = 32 * 1024;
/// Batches that are under way at most; their answers are small.
constexpr std::size_t kMaxBatches = 16;

static_assert(kInlinePutLimit <= UINT32_MAX && kMaxMetadata <= UINT32_MAX && kMaxTypeName <= UINT8_MAX,
              "the sizes of what is put by many fit into a PutHead");

/// A put as the caller gave it, checked. Views everything.
struct PutView {
  using Message = protocol::PutRequest;
  shm::NewObject object;
  std::span<const std::byte> data;
  const CreateOptions* options;
  bool hold = false;
  std::uint64_t timeout_ns = 0;

  [[nodiscard]] Offset<Message> build(FlatBufferBuilder& builder) const {
    const auto bytes = [&builder](std::span<const std::byte> from) {
      return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(from.data()), from.size());
    };
    const auto content = bytes(data);
    const auto metadata = bytes(options->metadata);
    const auto name = options->type_name.empty()
                          ? Offset<flatbuffers::String>()
                          : builder.CreateString(options->type_name.data(), options->type_name.size());
    const protocol::Id id = protocol::to_wire(object.id);
    const auto made =
        protocol::CreateNewObject(builder, &id, object.data_size, object.metadata_size, object.type_tag, name,
                                  object.pinned, static_cast<std::uint64_t>(options->time_to_live.count()),
                                  static_cast<std::uint64_t>(options->time_to_idle.count()));
    return protocol::CreatePutRequest(builder, made, content, metadata, hold, timeout_ns);
  }

  /// As one of many: what stands in the head, and what stands in `bytes`.
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
  [[nodiscard]] std::array<std::span<const std::byte>, 3> parts() const {
    return {data, options->metadata, std::as_bytes(std::span(object.type_name))};
  }
};

struct PutManyView {
  using Message = protocol::PutManyRequest;
  std::span<const PutView> puts;
  std::size_t size;  // of all their bytes

  [[nodiscard]] Offset<Message> build(FlatBufferBuilder& builder) const {
    std::uint8_t* to = nullptr;
    const auto bytes = builder.CreateUninitializedVector(size, &to);
    for (const PutView& put : puts)
      for (const std::span<const std::byte> part : put.parts()) {
        if (!part.empty()) std::memcpy(to, part.data(), part.size());
        to += part.size();
      }
    const auto heads = builder.CreateVectorOfStructs<protocol::PutHead>(
        puts.size(), [](std::size_t i, protocol::PutHead* head, const PutView* put) { *head = put[i].head(); },
        puts.data());
    return protocol::CreatePutManyRequest(builder, heads, bytes);
  }
};

struct PutDeferredView {
  using Message = protocol::PutDeferredRequest;
  PutView put;

  [[nodiscard]] Offset<Message> build(FlatBufferBuilder& builder) const {
    return protocol::CreatePutDeferredRequest(builder, put.build(builder));
  }
};

Result<PutView> view(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options) {
  Result<shm::NewObject> object = new_object(id, data.size(), options);
  if (!object) return std::move(object).error();
  return PutView{*std::move(object), data, &options};
}

/// Batches that were sent and are not answered, oldest first.
class Batches {
 public:
  Batches(Connection& connection, std::vector<Result<void>>& outcomes) : connection_(connection), outcomes_(outcomes) {}

  /// `positions` are those of the puts in the outcomes.
  [[nodiscard]] Result<void> send(PutManyView puts, std::vector<std::size_t> positions) {
    if (puts.puts.empty()) return {};
    Batch batch{std::make_shared<Call>(), std::move(positions)};
    if (auto begun = connection_.begin(puts, batch.call); !begun) return std::move(begun).error();
    under_way_.push_back(std::move(batch));
    return under_way_.size() <= kMaxBatches ? Result<void>() : take_oldest();
  }
  [[nodiscard]] Result<void> take_all() {
    while (!under_way_.empty())
      if (auto taken = take_oldest(); !taken) return taken;
    return {};
  }

 private:
  struct Batch {
    std::shared_ptr<Call> call;
    std::vector<std::size_t> positions;
  };

  [[nodiscard]] Result<void> take_oldest() {
    const Batch batch = std::move(under_way_.front());
    under_way_.pop_front();
    connection_.wait(*batch.call);
    const auto reply = Connection::reply_of<protocol::PutManyReply>(*batch.call);
    if (!reply) return reply.error();
    if ((*reply)->failures() == nullptr) return {};
    for (const protocol::PutFailure* failure : *(*reply)->failures()) {
      if (failure->index() >= batch.positions.size() || failure->code() > protocol::ErrorCode::MAX)
        return Error{Errc::protocol_error, "the daemon reports the failure of a put that was not asked for"};
      outcomes_[batch.positions[failure->index()]] =
          Error{static_cast<Errc>(failure->code()), protocol::from_wire(failure->message())};
    }
    return {};
  }

  Connection& connection_;
  std::vector<Result<void>>& outcomes_;
  std::deque<Batch> under_way_;
};

}  // namespace

Result<Object> remote_put(Connection& connection, const ObjectId& id, std::span<const std::byte> data,
                          const CreateOptions& options, bool hold) {
  if (auto allowed = check_may_write(connection); !allowed) return std::move(allowed).error();
  Result<PutView> put = view(id, data, options);
  if (!put) return std::move(put).error();
  put->hold = hold;
  put->timeout_ns = to_wire(options.timeout);
  Call call;
  call.ids.push_back(id);
  return connection.ask<protocol::PutReply>(*put, call, [&](const protocol::PutReply&) -> Result<Object> {
    if (!hold || call.taken.empty() || !call.taken.front()) return Object();
    return *std::move(call.taken.front());
  });
}

Result<void> remote_put_many(Connection& connection, std::span<const PutItem> items,
                             std::vector<Result<void>>& outcomes) {
  const Result<void> allowed = check_may_write(connection);
  connection.meet_successor();
  connection.wake_early();  // while the first batch is made
  Batches batches(connection, outcomes);
  std::vector<PutView> puts;
  std::vector<std::size_t> positions;
  std::size_t bytes = 0;
  for (const PutItem& item : items) {
    const Result<PutView> put = allowed ? view(item.id, item.data, item.options) : Result<PutView>(allowed.error());
    outcomes.push_back(put ? Result<void>() : Result<void>(put.error()));
    if (!put) continue;
    puts.push_back(*put);
    positions.push_back(outcomes.size() - 1);
    bytes += item.data.size() + item.options.metadata.size() + item.options.type_name.size();
    if (bytes < kBatchBytes && puts.size() < protocol::kMaxPutsAtOnce) continue;
    if (auto sent = batches.send({puts, bytes}, std::exchange(positions, {})); !sent) return sent;
    puts.clear();
    bytes = 0;
  }
  if (auto sent = batches.send({puts, bytes}, std::move(positions)); !sent) return sent;
  return batches.take_all();
}

Result<void> remote_put_deferred(Connection& connection, const ObjectId& id, std::span<const std::byte> data,
                                 const CreateOptions& options) {
  if (auto allowed = check_may_write(connection); !allowed) return allowed;
  if (data.size() > kInlinePutLimit)
    return Error{Errc::too_large, fmt::format("object {} has {} bytes; a deferred put carries {} at most: use put()",
                                              id.hex(), data.size(), kInlinePutLimit)};
  if (!options.timeout.is_no_wait())
    return Error{Errc::invalid_argument, fmt::format("the put of object {} is deferred: it cannot wait for room; "
                                                     "use put() for a timeout",
                                                     id.hex())};
  Result<PutView> put = view(id, data, options);
  if (!put) return std::move(put).error();
  return connection.post_deferred(PutDeferredView{*std::move(put)});
}

Result<std::vector<PutFailure>> remote_flush(Connection& connection) {
  if (auto settled = connection.settle_deferred(); !settled) return std::move(settled).error();
  return connection.take_put_failures();
}

}  // namespace dolium::detail
