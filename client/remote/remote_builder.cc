// ObjectBuilders of a Client: seal and abort. See remote_calls.h.

#include <fmt/format.h>

#include <cstring>
#include <new>
#include <utility>

#include "client/mapped/builder_backend.h"
#include "client/mapped/new_object.h"
#include "client/remote/lent_extent.h"
#include "client/remote/own_connection.h"
#include "client/remote/remote_calls.h"

namespace dolium::detail {
namespace {

/// When its server dies, the daemon drops the objects that were being written.
Error dropped(const ObjectId& id) {
  return {Errc::disconnected,
          fmt::format("the daemon's server has died, or was replaced, while object {} was being written, and it was "
                      "dropped: create it again",
                      id.hex())};
}

/// `epoch`: of the connection, when the extent was given.
class RemoteBuilder final : public BuilderBackend {
 public:
  RemoteBuilder(std::shared_ptr<Connection> connection, const ObjectId& id, std::uint64_t offset, std::uint32_t epoch)
      : connection_(std::move(connection)), id_(id), offset_(offset), epoch_(epoch) {}
  RemoteBuilder(const RemoteBuilder&) = delete;
  RemoteBuilder& operator=(const RemoteBuilder&) = delete;
  ~RemoteBuilder() override {
    if (!connection_.is_parents()) connection_->extents().remove(id_, offset_);
  }

  Result<void> check() const override { return connection_.check("object"); }
  void seal_is_near() noexcept override { connection_->wake_early(); }
  Result<Object> seal(bool hold) override {
    if (auto mine = check(); !mine) return std::move(mine).error();
    if (connection_->epoch() != epoch_) {
      give_up();
      return dropped(id_);
    }
    Result<Object> sealed = or_give_up([&] { return ask_to_seal(hold); });
    if (sealed || connection_->epoch() == epoch_) return sealed;
    // The server died during the call, or before the request was sent: its successor dropped an object that was not
    // sealed.
    give_up();
    return sealed.error().code == Errc::not_found ? Result<Object>(dropped(id_)) : sealed;
  }
  Result<void> abort() override {
    if (connection_.is_parents()) return {};
    Result<void> aborted = or_give_up([&] { return connection_->tell(last_word()); });
    // A server that died may have done it already.
    return unless_gone(aborted);
  }
  Result<void> abort_and_keep() override {
    if (connection_.is_parents()) return {};
    kept_ = true;                                   // whatever the answer: it cannot be sealed any more
    if (connection_->epoch() != epoch_) return {};  // the server's death freed the id
    protocol::AbortRequestT request = abort_request(*connection_, id_, offset_, epoch_);
    request.keep = true;
    return unless_gone(connection_->tell(request));
  }

 private:
  [[nodiscard]] protocol::AbortRequestT last_word() const {
    protocol::AbortRequestT request = abort_request(*connection_, id_, offset_, epoch_);
    request.abandoned |= kept_;
    return request;
  }
  [[nodiscard]] Result<void> unless_gone(Result<void> aborted) const {
    const bool gone = !aborted && aborted.error().code == Errc::not_found && connection_->epoch() != epoch_;
    return gone ? Result<void>() : aborted;
  }
  void give_up() const { connection_->exchange().post(last_word()); }
  /// If memory runs out during the call, the object is given up: the builder is not used again.
  template <class Ask>
  auto or_give_up(Ask&& ask) const -> decltype(ask()) {
    try {
      return ask();
    } catch (const std::bad_alloc&) {
      give_up();
      throw;
    }
  }
  Result<Object> ask_to_seal(bool hold) {
    protocol::SealRequestT request;
    request.id = protocol::to_wire_pointer(id_);
    request.hold = hold;
    request.offset = offset_;
    Call call;
    call.ids.push_back(id_);
    return connection_->ask<protocol::SealReply>(
        std::move(request), call, [&](const protocol::SealReply&) -> Result<Object> {
          if (!hold) return Object();
          if (!call.taken.empty() && call.taken.front()) return *std::move(call.taken.front());
          return nothing_there(id_, no_wait);  // removed at once by another client
        });
  }

  OwnConnection connection_;
  ObjectId id_;
  std::uint64_t offset_;
  std::uint32_t epoch_;
  bool kept_ = false;  // abort_and_keep() was called
};

}  // namespace

Result<ObjectBuilder> remote_builder(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                     std::uint64_t offset, std::uint32_t epoch, std::uint64_t size,
                                     std::span<const std::byte> metadata) {
  const std::span<std::byte> bytes = connection->attachment().writable_bytes(offset, size + metadata.size());
  if (bytes.size() != size + metadata.size())
    return Error{Errc::protocol_error, "the daemon gave an extent outside the arena"};
  if (!metadata.empty()) std::memcpy(bytes.data() + size, metadata.data(), metadata.size());
  try {
    return ObjectBuilder(id, bytes.first(size), std::make_unique<RemoteBuilder>(connection, id, offset, epoch));
  } catch (const std::bad_alloc&) {
    const LentExtent given_back(connection, id, offset, epoch);
    throw;
  }
}

}  // namespace dolium::detail
