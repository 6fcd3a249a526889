#pragma once
// Spiller: the spill process of a simulated store, as a state machine with small steps. It takes its orders in, copies
// bytes out of the arena and into it, writes, reads, drops and answers, each at a moment of the seed's choice. Its disk
// is a map, which outlives it.
//
// It is killed with whatever it had not done; its server dies while it goes on for a while with that server's orders;
// its disk is full, does not answer, or cannot be read. What it has not told may or may not be on the disk.
//
// With a flaw it does what it must not do. The checks of an episode must find each of them.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/daemon/fake_spiller.h"
#include "tests/fuzz/mini_server.h"
#include "tests/simulation/world.h"

namespace dolium::simulation {

enum class Flaw : std::uint8_t {
  none,
  any_stamp,  ///< the server believes a write that is told for the object that was in the slot before
  forgets,    ///< a record that was told is not on the disk
  no_drops,   ///< a record that was dropped stays on the disk
  late_copy,  ///< the bytes are copied after the reference was dropped
};

class Spiller {
 public:
  using Disk = std::map<std::uint64_t, daemon::test::SpillRecord>;  // by location

  /// It connects, with the catalogue of this disk.
  Spiller(World& world, fuzz::MiniServer& server, Flaw flaw, Disk disk = {});
  Spiller(const Spiller&) = delete;
  Spiller& operator=(const Spiller&) = delete;

  /// One step, or a change of its fortune.
  void act();
  /// From now on nothing is in its way.
  void heal();
  /// Does all that it can. False: there was nothing.
  bool go_on();
  /// The server has died: another one does not know of the orders that are under way.
  void lose_server();

  [[nodiscard]] const Disk& disk() const noexcept { return disk_; }
  [[nodiscard]] std::uint64_t deaths() const noexcept { return deaths_; }
  [[nodiscard]] std::uint64_t read_back() const noexcept { return read_back_; }
  [[nodiscard]] std::uint64_t void_writes() const noexcept { return void_writes_; }

 private:
  struct Write {
    protocol::TierWrite order;
    std::vector<std::byte> bytes = {};
    bool copied = false;
  };
  struct Read {
    protocol::TierRead order;
    std::size_t done = 0;  // bytes
    protocol::TierReadOutcome outcome = protocol::TierReadOutcome::done;
  };
  struct Session {
    Session(shm::Store& store, shm::ClientId id) : side(store, id) {}
    shm::test::TestClient side;
    std::deque<protocol::TierWorkNoticeT> inbox = {};
    std::deque<Write> writes = {};
    std::deque<Read> reads = {};
    std::vector<std::uint64_t> drops = {};
    protocol::TierWriteDoneRequestT written = {};
    protocol::TierReadDoneRequestT read = {};
    bool lost = false;  // its server has died
  };

  void connect();
  void tell_catalogue();
  void end_session();
  void die();
  void change_fortune();
  void tell_phase();
  bool step(std::size_t what);
  bool receive();
  bool copy();
  bool write();
  bool read();
  bool drop();
  bool answer();
  void hold(const protocol::TierWrite& order, std::uint32_t succession);
  void clear(shm::TimeNs through);
  void copy_out(Write& write);
  void put_on_disk(Write& write);
  void believe(const protocol::TierWritten& written);
  [[nodiscard]] shm::Moment moment() const;

  World& world_;
  fuzz::MiniServer& server_;
  const Flaw flaw_;
  Disk disk_;
  std::unique_ptr<Session> session_;
  protocol::TierIncarnation incarnation_;
  std::uint64_t last_location_ = 100;
  bool full_ = false;
  bool hangs_ = false;
  bool unreadable_ = false;
  bool healed_ = false;
  std::uint64_t deaths_ = 0;
  std::uint64_t read_back_ = 0;
  std::uint64_t void_writes_ = 0;  // of objects that were gone when they were written
};

}  // namespace dolium::simulation
