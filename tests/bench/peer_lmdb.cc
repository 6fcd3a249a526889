// LMDB on /dev/shm: a library and a file, no server. Writes without synchronising, because the file is in memory
// anyway.

#include "tests/bench/peers.h"

#ifdef DOLIUM_BENCH_LMDB
#include <lmdb.h>
#include <unistd.h>

#include <filesystem>

namespace dolium::bench {
namespace {

constexpr std::size_t kMapBytes = 2 * kGiB;
constexpr unsigned kFlags = MDB_WRITEMAP | MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS;

void check(int status) {
  if (status != 0) give_up(mdb_strerror(status));
}

MDB_val value_of(const void* data, std::size_t size) {
  return {size, const_cast<void*>(data)};
}

class Lmdb final : public Peer {
 public:
  explicit Lmdb(const std::string& directory) {
    check(mdb_env_create(&environment_));
    check(mdb_env_set_mapsize(environment_, kMapBytes));
    check(mdb_env_open(environment_, directory.c_str(), kFlags, 0600));
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    check(mdb_dbi_open(transaction, nullptr, 0, &table_));
    check(mdb_txn_commit(transaction));
    check(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader_));
    mdb_txn_reset(reader_);
  }
  ~Lmdb() override {
    mdb_txn_abort(reader_);
    mdb_env_close(environment_);
  }
  void put(const ObjectId& key, std::span<const std::byte> value) override { put_many({&key, 1}, value); }
  void put_many(std::span<const ObjectId> keys, std::span<const std::byte> value) override {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    for (const ObjectId& id : keys) {
      MDB_val key = value_of(id.bytes().data(), ObjectId::kSize);
      MDB_val data = value_of(value.data(), value.size());
      check(mdb_put(transaction, table_, &key, &data, 0));
    }
    check(mdb_txn_commit(transaction));
  }
  std::size_t get(const ObjectId& id) override {
    check(mdb_txn_renew(reader_));
    MDB_val key = value_of(id.bytes().data(), ObjectId::kSize);
    MDB_val data{};
    check(mdb_get(reader_, table_, &key, &data));
    const std::size_t size = data.mv_size;
    mdb_txn_reset(reader_);
    return size;
  }

 private:
  MDB_env* environment_ = nullptr;
  MDB_dbi table_ = 0;
  MDB_txn* reader_ = nullptr;
};

}  // namespace

std::unique_ptr<PeerServer> start_lmdb() {
  std::string directory = "/dev/shm/dolium-bench-XXXXXX";
  require(::mkdtemp(directory.data()) != nullptr, "no directory on /dev/shm");
  const std::shared_ptr<void> files(nullptr, [directory](void*) { std::filesystem::remove_all(directory); });
  return std::make_unique<PeerServer>(
      "LMDB", [directory] { return std::make_unique<Lmdb>(directory); }, files);
}

}  // namespace dolium::bench

#else

namespace dolium::bench {
std::unique_ptr<PeerServer> start_lmdb() {
  return nullptr;
}
}  // namespace dolium::bench

#endif
