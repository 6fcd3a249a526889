#pragma once
// Other stores for the same purpose, in a usual setup on one host: Redis and memcached behind a Unix socket with one
// thread each, LMDB on /dev/shm. The benchmark speaks their protocols directly, without a client library's allocations,
// so it measures the store and the socket.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/bench/process.h"

namespace dolium::bench {

/// A key-value store with keys of 20 bytes. Not thread-safe. A resource.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void put(const ObjectId& key, std::span<const std::byte> value) = 0;
  /// As fast as many puts can be made at once: pipelined, or in one transaction.
  virtual void put_many(std::span<const ObjectId> keys, std::span<const std::byte> value) = 0;
  /// The value's size. Where a get makes a copy, the copy is made.
  virtual std::size_t get(const ObjectId& key) = 0;
  /// Makes room for the same keys again, where a put cannot overwrite.
  virtual void forget(std::span<const ObjectId> /*keys*/) {}
};

/// A server process with a socket and a directory of its own, gone with this object.
class PeerServer {
 public:
  /// Opens another connection, from any process.
  using Connect = std::function<std::unique_ptr<Peer>()>;
  PeerServer(std::string name, Connect connect, std::shared_ptr<void> process)
      : name_(std::move(name)), connect_(std::move(connect)), process_(std::move(process)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::unique_ptr<Peer> connect() const { return connect_(); }

 private:
  std::string name_;
  Connect connect_;
  std::shared_ptr<void> process_;
};

/// Dolium itself, behind the same interface.
[[nodiscard]] std::unique_ptr<PeerServer> start_dolium();
/// Null when it is not installed, or was not when this was built (LMDB).
[[nodiscard]] std::unique_ptr<PeerServer> start_redis();
[[nodiscard]] std::unique_ptr<PeerServer> start_memcached();
[[nodiscard]] std::unique_ptr<PeerServer> start_lmdb();

/// How many objects one of them is asked to hold at most.
inline constexpr std::uint64_t kMostPeerObjects = 1'100'000;

using PeerServers = std::vector<std::unique_ptr<PeerServer>>;
/// Dolium first, then those that are installed; who is not is noted, if there is where to.
[[nodiscard]] PeerServers start_peers(Report* to_note);

/// Puts numbered_id(0) to numbered_id(count - 1), as many at once as all can take.
void put_all(Peer& peer, std::uint64_t count, std::span<const std::byte> value);

}  // namespace dolium::bench
