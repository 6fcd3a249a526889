#pragma once
// OrderedPuts: puts of many objects in a message, and deferred puts. Each is done or refused, in order.
//
// Where an object lacks room that the spill tier may make by writing to disk, the puts are *paused*: this object waits
// for room as a create that waits for the disk alone (CreateWaits::add_for_disk()), and its session takes no more
// requests until all puts of the message are done. So the order of a client's requests is kept, its calls wait as soon
// as its rings are full, and at most one message of each client is kept in the server's memory. Releases go through
// shared memory, and are not held up.
//
// When an object has waited in vain, those behind it in the same message do not wait, too.
//
// Not thread-safe.

#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "daemon/server/session.h"
#include "messages_generated.h"
#include "shm/store/engine.h"

namespace dolium::daemon {

/// The object of a PutRequest or PutLeasedRequest. `own`: its data, metadata, type name and label.
[[nodiscard]] shm::NewObject to_object(const protocol::PutHead& head, std::span<const std::byte> own);
/// Size of its data, metadata, type name and label together.
[[nodiscard]] std::uint64_t size_of(const protocol::PutHead& head) noexcept;
/// Of a PutReply.
[[nodiscard]] std::unique_ptr<protocol::PutFailureT> failure_of(std::uint32_t index, const Error& error);

class OrderedPuts {
 public:
  using Find = std::function<Session*(shm::ClientId)>;

  /// `no_new_objects`: why no object is created any more.
  OrderedPuts(shm::Engine& engine, Find find, const std::optional<Error>& no_new_objects)
      : engine_(engine), find_(std::move(find)), no_new_objects_(no_new_objects) {}

  struct Puts {
    std::uint64_t request = 0;
    bool deferred = false;
    std::optional<ObjectId> lease = {};             ///< none: the bytes came with the message
    std::span<const protocol::PutHead> heads = {};  ///< those that are left
    std::span<const std::byte> bytes = {};          ///< of these, without a lease
    std::uint32_t done = 0;                         ///< number of those before
    bool waits = true;                              ///< false: none of them waits for the disk
    protocol::PutReplyT reply = {};
  };
  /// Precondition: the sizes are right, and the lease, if it exists, has the bytes.
  void carry_out(Session& session, Puts puts);
  /// Continues with those whose object has room now, or has waited in vain.
  void go_on();
  void forget(shm::ClientId client) { paused_.erase(client); }
  struct Waiting {
    std::uint64_t request;
    bool deferred;
  };
  /// The request of this client whose puts wait; its later ones are not heard before. None: no puts of it wait.
  [[nodiscard]] std::optional<Waiting> waiting(shm::ClientId client) const;

 private:
  struct Paused {
    Puts puts;  // of the two below
    std::vector<protocol::PutHead> heads;
    std::vector<std::byte> bytes;
  };

  [[nodiscard]] std::optional<shm::SlotIndex> lease_of(shm::ClientId client, const Puts& puts) const;
  [[nodiscard]] std::optional<Result<shm::SlotIndex>> put_first(shm::ClientId client, const Puts& puts,
                                                                std::optional<shm::SlotIndex> lease, shm::TimeNs now);
  [[nodiscard]] Result<shm::SlotIndex> seal_first(shm::ClientId client, const Puts& puts, shm::SlotIndex slot);
  [[nodiscard]] std::span<const std::byte> bytes_of_first(const Puts& puts, std::optional<shm::SlotIndex> lease) const;
  static void note(Session& session, Puts& puts, const Result<shm::SlotIndex>& put);
  void pause(Session& session, Puts puts);
  void on_room(shm::ClientId client, const Result<shm::Placement>& placed);

  shm::Engine& engine_;
  const Find find_;
  const std::optional<Error>& no_new_objects_;
  std::unordered_map<shm::ClientId, Paused> paused_;
  std::vector<shm::ClientId> ready_;  // of these
};

}  // namespace dolium::daemon
