// Dolium as one of the peers, and the list of all peers.

#include "tests/bench/peers.h"

namespace dolium::bench {
namespace {

class Dolium final : public Peer {
 public:
  explicit Dolium(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  void put(const ObjectId& key, std::span<const std::byte> value) override { must(client_->put(key, value)); }
  void put_many(std::span<const ObjectId> keys, std::span<const std::byte> value) override {
    std::vector<PutItem> items;
    for (const ObjectId& key : keys) items.push_back({key, value});
    for (const Result<void>& outcome : must(client_->put_many(items))) must(outcome);
  }
  std::size_t get(const ObjectId& key) override { return must(client_->get_raw(key)).data().size(); }
  void forget(std::span<const ObjectId> keys) override {
    for (const ObjectId& key : keys) require(must(client_->remove(key)), "an object is gone");
  }

 private:
  std::shared_ptr<Client> client_;
};

}  // namespace

std::unique_ptr<PeerServer> start_dolium() {
  const auto daemon = std::make_shared<Daemon>(Daemon::Options{.capacity = 2 * kGiB, .max_objects = kMostPeerObjects});
  return std::make_unique<PeerServer>(
      "Dolium", [socket = daemon->socket()] { return std::make_unique<Dolium>(must(Client::connect(socket))); },
      daemon);
}

PeerServers start_peers(Report* to_note) {
  struct Start {
    const char* name;
    std::unique_ptr<PeerServer> (*start)();
  };
  PeerServers servers;
  servers.push_back(start_dolium());
  for (const auto& [name, start] :
       {Start{"Redis", start_redis}, {"memcached", start_memcached}, {"LMDB", start_lmdb}}) {
    if (auto server = start())
      servers.push_back(std::move(server));
    else if (to_note != nullptr)
      to_note->note(std::string(name) + " is not installed, or was not when this was built: scripts/bench --peers");
  }
  return servers;
}

void put_all(Peer& peer, std::uint64_t count, std::span<const std::byte> value) {
  constexpr std::uint64_t kAtOnce = 500;
  for (std::uint64_t begin = 0; begin < count; begin += kAtOnce) {
    std::vector<ObjectId> ids;
    for (std::uint64_t i = begin; i < std::min(count, begin + kAtOnce); ++i) ids.push_back(numbered_id(i));
    peer.put_many(ids, value);
  }
}

}  // namespace dolium::bench
